"""An episode for those who may hear it: its page, its small window, the place where each member is, and the step."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from flask import Blueprint, current_app, jsonify, redirect, render_template, request
from markupsafe import Markup
from werkzeug.exceptions import NotFound

from portal.accounts.signed_in import me, me_or_none
from portal.core import folding
from portal.core.admission import Audience, admits, audiences
from portal.core.clock import now
from portal.core.limits import limiter
from portal.core.web import read_cursor
from portal.library import introducing, listening, policy, queries, transcripts
from portal.library.episode_lists import Company, episodes_page, in_the_middle
from portal.library.listening import Place
from portal.library.queries import AnyRow
from portal.library.transcripts import Chapter, Passage

bp = Blueprint("episodes", __name__)


@dataclass(frozen=True)
class Hearing:
    """What a page shows of hearing an episode: where it begins, and the transcript as far as it was asked for."""

    begins_at: int  # the second that the player goes to
    place: Place
    chapters: list[Chapter]
    passages: tuple[Passage, ...]
    marked: Passage | None  # the passage that the address asked for
    in_view: bool  # whether the page opens there
    words: str  # looked for in the transcript
    found: list[Passage]  # the passages that hold them

    @property
    def resumes(self) -> bool:
        """Whether it goes on where the reader was, because the address says nothing else."""
        return self.begins_at > 0 and self.begins_at == self.place.second and not self.in_view

    @property
    def begins(self) -> str:
        return transcripts.stamp(self.begins_at)

    def shown(self, words: str) -> Markup | str:
        """A line of the transcript, with what was looked for marked."""
        return folding.marked(words, folding.terms_of(self.words)) if self.found else words


def what_an_episode_shows(found: AnyRow, *, may_read: bool) -> dict[str, Any]:
    """What its page needs beside what every item has."""
    guests, links = introducing.guests_and_links(found.id)
    return {
        "guests": guests,
        "links": links,
        "hearing": _hearing(found, may_read=may_read),
        "memo": _address_for_a_memo(found),
    }


@bp.get("/episodes")
@admits(Audience.ANYONE)
def episodes() -> str:
    """All of them, newest first; `?company=guest` or `solo` narrows, anything else narrows nothing."""
    company = next((each for each in Company if each.value == request.args.get("company")), None)
    reader = me_or_none()
    before = read_cursor(request.args.get("before"))
    reader_id = reader.id if reader else None
    return render_template(
        "library/episodes.html",
        page=episodes_page(company=company, reader_id=reader_id, before=before),
        company=company,
        going_on=in_the_middle(reader.id) if reader and not before and not company else None,
        links=introducing.platforms_of_the_program(),
    )


@bp.get("/library/<slug>/player")
@admits(Audience.SIGNED_IN)
def small_window(slug: str) -> Any:
    """The player alone, in a window of its own, so that it plays on while one reads elsewhere."""
    if _heard_or_404(slug) is None:
        return render_template("errors/members_only.html"), 403
    item = queries.whole_item(slug)
    files = queries.editions_of(item.id, reader_id=None) if item else []
    if not item or not files:
        raise NotFound()
    hearing = _hearing(item, may_read=True)
    return render_template(
        "library/small_window.html", item=item, path=f"/library/{slug}", hearing=hearing, media_type=files[0].media_type
    )


@bp.get("/library/<slug>/position")
@admits(Audience.SIGNED_IN)
def position(slug: str) -> Any:
    """Where the reader is by now, for a page that has been open while they listened elsewhere."""
    episode = _heard_or_404(slug)
    if episode is None:
        return {}, 403
    place = listening.place_of(me().id, episode.id)
    age = (now() - place.at).total_seconds() if place.at else None
    return jsonify(second=place.resumes_at(episode.seconds), age=age)


@bp.post("/library/<slug>/position")
@admits(Audience.SIGNED_IN)
@limiter.limit("60/minute")
def keep_position(slug: str) -> Any:
    """The player says where it is: `second`, how many it has `heard` since it last said so, and the `age` of that in
    seconds, because the clocks of devices differ and what was said offline arrives late."""
    episode = _heard_or_404(slug)
    if episode is None:
        return "", 403
    second, heard, age = (_whole(request.form.get(name)) for name in ("second", "heard", "age"))
    if second is None:
        return "", 422
    listening.note(
        episode.id, length=episode.seconds, second=second, heard=heard or 0, age=timedelta(seconds=age or 0), by=me()
    )
    return "", 204


@bp.post("/library/<slug>/step")
@admits(Audience.SIGNED_IN)
@limiter.limit("60/minute")
def step(slug: str) -> Any:
    """Tick the step of an episode, or take the tick back; only the reader sees it."""
    episode = _heard_or_404(slug)
    if episode is None:
        return render_template("errors/members_only.html"), 403
    if not episode.step:
        raise NotFound()
    if request.form.get("done") == "yes":
        listening.tick_step(episode.id, by=me())
    else:
        listening.untick_step(episode.id, by=me())
    return redirect(f"/library/{slug}#step", 303)


def _heard_or_404(slug: str) -> AnyRow | None:
    """The episode, None for those who may know of it but not hear it."""
    found = queries.episode_at(slug)
    if found is None:
        raise NotFound()
    return found if policy.may_read(audiences(), found) else None


def _hearing(episode: AnyRow, *, may_read: bool) -> Hearing:
    reader = me_or_none()
    place = listening.place_of(reader.id, episode.id) if reader and may_read else Place()
    passages = transcripts.passages(episode.transcript) if may_read and episode.transcript else ()
    words = " ".join(request.args.get("find", "")[:200].split()) if passages else ""
    terms = folding.terms_of(words)
    wanted = _second(request.args.get("t"), length=episode.seconds)
    marked = transcripts.at(passages, wanted) if wanted is not None else None
    hearing = Hearing(
        begins_at=place.resumes_at(episode.seconds) if wanted is None else wanted,
        place=place,
        chapters=transcripts.chapters(episode.chapters) if episode.chapters else [],
        passages=passages,
        marked=marked,
        in_view=wanted is not None,
        words=words if terms else "",
        found=[],
    )
    return replace(hearing, found=[p for p in passages if folding.holds_all(p.words, terms)]) if terms else hearing


def _address_for_a_memo(episode: AnyRow) -> str | None:
    """Where a listener sends an answer in their own voice: a page, or a letter with something spoken in it."""
    address = current_app.config["VOICE_MEMO"]
    if "@" not in address or "://" in address:
        return address or None
    from urllib.parse import quote

    return f"mailto:{address}?subject={quote(f'Voice memo on episode {episode.number}: {episode.title}')}"


def _second(text: str | None, *, length: int | None) -> int | None:
    """ "754", "754s" and "0:12:34" as whole seconds within the episode; None for anything else."""
    text = (text or "").removesuffix("s")
    second = transcripts.seconds(text) if ":" in text else _whole(text)
    return None if second is None else min(second, max(0, (length or second) - 1))


def _whole(text: str | None) -> int | None:
    """A whole number from nought on, cut where no episode reaches."""
    return min(int(text), 10_000_000) if text and text.isascii() and text.isdigit() and len(text) <= 9 else None
