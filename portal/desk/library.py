"""The coach's library: everything in it with its figures, what people look for in vain, and where a new item begins."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import urlencode

from flask import Blueprint, render_template, request

from portal.core import found_nothing, locales
from portal.core.admission import Audience, admits
from portal.core.clock import now
from portal.core.web import plain_name, reader_manner
from portal.desk import item_queries
from portal.desk.item_queries import STATES, State, Wanted
from portal.library.models import Kind
from portal.topics.queries import topics_in_order

bp = Blueprint("desk_library", __name__)
MISSED_FOR = timedelta(days=90)


@bp.get("/desk/library")
@admits(Audience.COACHES)
def library() -> str:
    """All items, narrowed by state, kind, topic and words in the title. An unknown value narrows nothing."""
    topics = {topic.slug: topic.title for topic in topics_in_order()}
    wanted = Wanted(
        state=next((s for s in State if s.value == request.args.get("state")), None),
        kind=next((k for k in Kind if k.value == request.args.get("kind")), None),
        topic=next((slug for slug in topics if slug == request.args.get("topic")), None),
        words=plain_name(request.args.get("q", ""))[:80],
    )
    counts = item_queries.counts()
    return render_template(
        "desk/library/list.html",
        wanted=wanted,
        page=item_queries.page_of(wanted, request.args.get("before")),
        states=STATES,
        kinds=list(Kind),
        topics=topics.items(),
        tabs=[
            ("All", _address(wanted, state=None), wanted.state is None, sum(counts.values())),
            *(
                (words, _address(wanted, state=state.value), wanted.state is state, counts[state])
                for state, (words, _) in STATES.items()
            ),
        ],
        older=lambda before: _address(wanted, before=before),
        is_first="before" not in request.args,
    )


@bp.get("/desk/library/searches")
@admits(Audience.COACHES)
def searches() -> str:
    """Words that found nothing: what people expected to be here."""
    since = (now() - MISSED_FOR).date()
    return render_template(
        "desk/library/searches.html",
        missed=found_nothing.most_missed(since=since),
        days=MISSED_FOR.days,
        day_of=lambda on: locales.day(on, reader_manner()),
    )


def _address(wanted: Wanted, **changes: str | None) -> str:
    """The list's address with something about it changed."""
    asked: dict[str, str | None] = {
        "state": wanted.state,
        "kind": wanted.kind,
        "topic": wanted.topic,
        "q": wanted.words,
        "before": None,
    }
    query = urlencode({name: value for name, value in (asked | changes).items() if value})
    return f"/desk/library?{query}" if query else "/desk/library"
