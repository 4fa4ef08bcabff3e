"""The first page for visitors and for members, the standing pages, and search over every area."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, flash, redirect, render_template, request, url_for
from sqlalchemy import select
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response

from portal.accounts import applying_rules, house_rules
from portal.accounts.models import Member
from portal.accounts.rules_models import HouseRules
from portal.accounts.signed_in import me, me_or_none
from portal.billing.entitlements import entitlement_of
from portal.billing.queries import latest_subscription
from portal.billing.standing import standing_of
from portal.conversations import asking, reading
from portal.conversations.models import Room
from portal.conversations.queries import any_room_is_open_to
from portal.conversations.queries import rooms as rooms_of
from portal.core import found_nothing
from portal.core.admission import Audience, admits, audiences
from portal.core.db import db
from portal.core.folding import marked, terms_of
from portal.core.web import reader_zone
from portal.home import beginning, searching
from portal.home.queries import begun_episode, items_for, latest_items, lively_threads
from portal.practices.models import Part, in_words
from portal.topics.queries import topics_in_order

bp = Blueprint("home", __name__)

SHOWN = 6
ASKED = 3
TALKED_OF = 4
_FIRST_STEPS = "/#first-steps"


@bp.get("/")
@admits(Audience.ANYONE)
def landing() -> str:
    """The promise to a visitor; what is new to whoever is signed in."""
    if me_or_none() is None:
        from portal.billing.trying import trial_days_for
        from portal.billing.wording import tax_note
        from portal.membership.offering import tiers

        return render_template(
            "home/landing.html",
            tiers=tiers(),
            trial_days=trial_days_for(None),
            tax_note=tax_note(),
            items=latest_items(4),
            topic_pairs=[(t.title, f"/topics/{t.slug}") for t in topics_in_order()],
        )
    if Audience.ENTITLED not in audiences():
        standing = standing_of(me(), entitlement_of(me()), latest_subscription(me().id))
        return render_template("home/outside.html", standing=standing, items=latest_items(SHOWN))
    new = reading.followed(me(), SHOWN + 1)
    questions = asking.waiting_for(me(), ASKED)
    known = {row.thread_id for row in new} | {question.thread_id for question in questions}
    threads = [row for row in lively_threads(me(), 2 * SHOWN) if row.id not in known][:TALKED_OF]
    return render_template(
        "home/first_page.html",
        first=beginning.first_steps_of(me()) if not me().is_staff else None,
        parts=[(part.value, in_words(part)) for part in Part],
        new=new[:SHOWN],
        more=len(new) > SHOWN,
        in_words=reading.in_words,
        questions=questions,
        threads=threads,
        roomless=not new and not threads and not any_room_is_open_to(me()),
        episode=begun_episode(me()),
        items=items_for(me(), SHOWN),
    )


@bp.post("/first-steps/part")
@admits(Audience.ENTITLED)
def say_part() -> Response:
    """What they are in their practice, or that they would rather not say."""
    part = next((part for part in Part if part == request.form.get("part")), None)
    if part is not None:
        beginning.answer_part(me(), part)
    elif "skip" in request.form:
        beginning.skip_part(me())
    else:
        flash("Choose one of them, or skip the question.", "warning")
    return redirect(_FIRST_STEPS, 303)


@bp.post("/first-steps/put-away")
@admits(Audience.ENTITLED)
def put_first_steps_away() -> Response:
    beginning.put_away(me())
    flash("The list is put away. You can bring it back from your account.", "success")
    return redirect(url_for("home.landing"), 303)


@bp.post("/first-steps/bring-back")
@admits(Audience.ENTITLED)
def bring_first_steps_back() -> Response:
    beginning.bring_back(me())
    return redirect(_FIRST_STEPS, 303)


@bp.get("/about")
@admits(Audience.ANYONE)
def about() -> str:
    return render_template("home/about.html")


@bp.get("/rules")
@admits(Audience.ANYONE)
def rules() -> str:
    """The house rules in force."""
    versions = house_rules.versions()
    return _rules_page(versions[0], versions)


@bp.get("/rules/<int(max=2147483647):number>")
@admits(Audience.ANYONE)
def rules_before(number: int) -> str:
    """The house rules as they stood in one of their versions."""
    versions = house_rules.versions()
    found = next((rules for rules in versions if rules.version == number), None)
    if found is None:
        raise NotFound()
    return _rules_page(found, versions)


def _rules_page(rules: HouseRules, versions: Sequence[HouseRules]) -> str:
    body_html = applying_rules.with_anchors(rules.body_html)
    return render_template("home/rules.html", rules=rules, body_html=body_html, versions=versions)


@bp.get("/privacy")
@admits(Audience.ANYONE)
def privacy() -> str:
    return render_template("home/privacy.html")


@bp.get("/terms")
@admits(Audience.ANYONE)
def terms() -> str:
    return render_template("home/terms.html")


@bp.get("/search")
@admits(Audience.ANYONE)
def search() -> Any:
    """Everything this reader may open that holds all the words; `in` and `topic` narrow, where they say something."""
    topics = topics_in_order()
    words = " ".join(request.args.get("q", "")[:200].replace("\x00", " ").split())  # NUL: PostgreSQL cannot look for it
    place = request.args.get("in", "")
    place = place if place in searching.PLACES else ""
    topic = next((t for t in topics if t.slug == request.args.get("topic")), None)
    rooms = _rooms_to_choose() if place == "rooms" else []
    narrowed = _narrowed(rooms) if rooms else searching.Narrowed()
    found = searching.find(words, place=place, topic_id=topic.id if topic else None, narrowed=narrowed)
    if words and not found.count and not place and topic is None and _is_looked_at():
        found_nothing.note(words)
    terms = terms_of(words)
    return render_template(
        "home/search.html",
        words=words,
        place=place,
        topic=topic,
        topics=topics,
        rooms=rooms,
        narrowed=narrowed,
        found=found,
        marked=lambda text: marked(text, terms),
        tabs=[
            (title, _search_url(words, key, topic), key == place)
            for title, key in _TABS
            if key != searching.PEOPLE or Audience.ENTITLED in audiences()
        ],
    )


def _rooms_to_choose() -> Sequence[Room]:
    """What the search in rooms can be narrowed to; nothing for whoever is not in."""
    return db.session.scalars(rooms_of(me())).all() if Audience.ENTITLED in audiences() else ()


def _narrowed(rooms: Sequence[Room]) -> searching.Narrowed:
    """What the form asks for; nonsense asks for nothing."""
    asked = request.args
    room = next((room for room in rooms if room.slug == asked.get("room")), None)
    handle = asked.get("by", "").strip().removeprefix("@").lower()[:40]
    found = select(Member.id).where(Member.handle == handle, Member.closed_at.is_(None))
    by_id = db.session.scalar(found) if handle.isprintable() and handle else None
    since, until = _day_or_none(asked.get("since")), _day_or_none(asked.get("until"))
    return searching.Narrowed(
        room_id=room.id if room else None,
        by_id=0 if handle and by_id is None else by_id,
        since=since,
        until=until and until + timedelta(days=1),
        unanswered="unanswered" in asked,
    )


def _day_or_none(typed: str | None) -> datetime | None:
    """The beginning of a day where the reader is."""
    try:
        day = date.fromisoformat(typed or "")
    except ValueError:
        return None
    return datetime.combine(day, time.min, reader_zone()).astimezone(UTC) if 1970 < day.year < 9000 else None


_TABS = (
    ("Everywhere", ""),
    ("Tools", "tools"),
    ("Resources", "resources"),
    ("Nuggets", "nuggets"),
    ("Episodes", "episodes"),
    ("Rooms", "rooms"),
    ("People", searching.PEOPLE),
)


def _search_url(words: str, place: str, topic: Any) -> str:
    wanted = {"q": words, "in": place, "topic": topic.slug if topic and place != searching.PEOPLE else ""}
    return f"/search?{urlencode({name: value for name, value in wanted.items() if value})}"


def _is_looked_at() -> bool:
    """Whether this is a page that somebody asked for, not what the dialog fetches after each letter."""
    return request.headers.get("Sec-Fetch-Dest", "document") == "document" and "Sec-Purpose" not in request.headers
