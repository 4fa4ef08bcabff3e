"""Words on their way: a form saves itself while somebody types, here and in their browser (`<auto-save>`).

A page gives its form an address that calls `receive("item:7")`, fills the fields from `kept()` when it is opened again,
and calls `throw_away()` when the words have become what they were meant for.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from flask import Flask, Response, g, jsonify, make_response, request
from sqlalchemy import Select, and_, bindparam, delete, func, literal, select, true, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import aliased
from sqlalchemy.sql.dml import ReturningDelete

from portal.accounts.models import Draft, Member
from portal.accounts.signed_in import me
from portal.core import locales
from portal.core.clock import now
from portal.core.db import db, give_up, is_postgresql
from portal.core.errors import Refusal
from portal.core.web import reader_manner, reader_zone

Fields = dict[str, list[str]]
DONE_COOKIE = "drafts_done"  # tells the browser which words it need not keep any more
_JOINED = "joined"  # the texts that were put together in a draft, as each stood, until a form saves itself over them
_NOT_WORDS = {"csrf_token", "mark", "after", "preview", "do", "anyway", "accept", _JOINED}


MOST = 200  # texts of one member that are kept at the same time


class TooManyKept(Refusal):
    message = (
        f"You have {MOST} texts here that were never sent, and we keep no more. This one is kept in this browser "
        "alone: send it, or send one of the others first."
    )
    status = 422


class SavedElsewhere(Refusal):
    message = "Other words were saved here since, from another window. Reload the page to see them; yours stay in it."


def kept(member: Member, thing: str) -> Draft | None:
    """What they have typed about a thing and not sent."""
    return db.session.scalar(_of(member, thing))


def save(
    member: Member,
    thing: str,
    fields: Mapping[str, Sequence[str]],
    *,
    mark: str = "",
    after: Sequence[str] | None = (),
) -> Draft:
    """Keep these fields in place of those that the page knows: `after` has the mark of the words it knows to be here,
    empty for none, then those of savings whose answer it never got. None says that they replace whatever is here.

    Raises SavedElsewhere if other words came between, or if those it knows were sent meanwhile from another window;
    TooManyKept for a new one beyond the last that fits: those of before stay, whatever their age.
    """
    mark = mark[:64] or secrets.token_hex(8)
    values: dict[str, Any] = {"fields": _clean(fields), "mark": mark, "saved_at": now()}
    if not _replace(member, thing, values, after):
        if after and after[0]:
            raise SavedElsewhere()
        _check_one_more_fits(member, thing)
        if not _insert(member, thing, values):
            raise SavedElsewhere()
    return db.session.scalars(_of(member, thing), execution_options={"populate_existing": True}).one()


def throw_away(member: Member, thing: str) -> None:
    """Their words were sent, or are not wanted any more: neither we nor their browser keep them."""
    _throw_away(member, thing)


def throw_away_sent(member: Member, thing: str, *, words: str, sent: str) -> None:
    """These words were sent, from the field called `words`. What was carried here meanwhile and is not among them was
    not: it stays."""
    fields = _throw_away(member, thing) or {}
    said = _folded(sent)
    left = [text for text in fields.get(_JOINED, []) if _folded(text) not in said]
    if left:
        values = {
            "fields": {words: ["\n\n".join(left)], _JOINED: left},
            "mark": secrets.token_hex(8),
            "saved_at": now(),
        }
        _insert(member, thing, values)


def carry(gone: str, into: str, *, words: str) -> None:
    """What everybody typed about a thing that is another now belongs there; what they typed about that stands before
    it in the field called `words`. A page that was open before knows nothing of it: what is sent from there takes
    along its own words only (`throw_away_sent`)."""
    of_gone = select(Draft.member_id, literal(into), Draft.fields, Draft.mark, Draft.saved_at, Draft.created_at)
    columns = ["member_id", "thing", "fields", "mark", "saved_at", "created_at"]
    dialect = postgresql if is_postgresql() else sqlite
    carried = dialect.insert(Draft).from_select(columns, of_gone.where(Draft.thing == gone)).on_conflict_do_nothing()
    db.session.execute(carried)
    stays, left = aliased(Draft), aliased(Draft)
    both = and_(stays.member_id == left.member_id, stays.thing == into)
    for kept_one, other in db.session.execute(select(stays, left).join(left, both).where(left.thing == gone)).all():
        if kept_one.mark == other.mark:  # it was just carried, and nothing stood here
            kept_one.fields = other.fields | {_JOINED: _texts(other.fields, words)}
        else:
            kept_one.fields = _together(kept_one.fields, other.fields, words)
            kept_one.mark, kept_one.saved_at = secrets.token_hex(8), max(kept_one.saved_at, other.saved_at)
    db.session.flush()
    db.session.execute(delete(Draft).where(Draft.thing == gone).execution_options(synchronize_session=False))


def _together(first: Fields, then: Fields, words: str) -> Fields:
    """Both texts, one behind the other, and once where they are the same; of any other field, the first."""
    both = [*dict.fromkeys([*_texts(first, words), *_texts(then, words)])]
    return then | first | {words: ["\n\n".join(both)], _JOINED: both}


def _texts(fields: Fields, words: str) -> list[str]:
    """What these were put together from, or the one text that they are."""
    return [*filter(str.strip, fields.get(_JOINED) or fields.get(words, []))]


def _folded(text: str) -> str:
    """However its lines end."""
    return " ".join(text.split())


def _throw_away(member: Member, thing: str) -> Fields | None:
    db.session.flush()
    fields: Fields | None = db.session.connection().scalar(_throwing_away(), {"whose": member.id, "about": thing})
    g.setdefault("drafts_done", []).append(thing)
    return fields


@cache
def _throwing_away() -> ReturningDelete[*tuple[Any, ...]]:
    draft = Draft.__table__.c
    which = draft.member_id == bindparam("whose"), draft.thing == bindparam("about")
    table = delete(Draft.__table__)  # type: ignore[arg-type]  # a mapped table is one
    return table.where(*which).returning(draft.fields)


def typed() -> Fields:
    """What the form of this request holds, as a draft keeps it."""
    return {name: values for name, values in request.form.lists() if name not in _NOT_WORDS}


def receive(thing: str) -> Response:
    """Answer the form that saves itself: keep what it sends for whoever is signed in."""
    after = request.form.get("after", "").split(",")[:8]
    try:
        draft = save(me(), thing, typed(), mark=request.form.get("mark", ""), after=after)
    except TooManyKept as no:
        give_up()
        return make_response(jsonify(message=no.message), no.status)
    at = draft.saved_at.astimezone(reader_zone())
    return jsonify(mark=draft.mark, at=locales.clock(at.hour, at.minute, reader_manner()))


def init_app(app: Flask) -> None:
    app.after_request(_tell_the_browser)


def _tell_the_browser(response: Any) -> Any:
    done = g.get("drafts_done")
    if done and response.status_code < 400:
        secure = bool(request.is_secure)
        response.set_cookie(DONE_COOKIE, "|".join(done), max_age=600, secure=secure, samesite="Lax")
    return response


def _of(member: Member, thing: str) -> Select[Draft]:
    return select(Draft).where(Draft.member_id == member.id, Draft.thing == thing)


def _replace(member: Member, thing: str, values: Mapping[str, Any], after: Sequence[str] | None) -> bool:
    known = true() if after is None else Draft.mark.in_([values["mark"], *after])
    there = update(Draft).where(Draft.member_id == member.id, Draft.thing == thing, known).values(**values)
    return db.session.scalar(there.execution_options(synchronize_session=False).returning(Draft.id)) is not None


def _insert(member: Member, thing: str, values: dict[str, Any]) -> bool:
    new = {"member_id": member.id, "thing": thing, "created_at": now()} | values
    dialect = postgresql if is_postgresql() else sqlite
    insert = dialect.insert(Draft).values(**new).on_conflict_do_nothing(index_elements=["member_id", "thing"])
    return db.session.scalar(insert.returning(Draft.id)) is not None


def _check_one_more_fits(member: Member, thing: str) -> None:
    """Those of one member come one after the other, so that none slips past. Raises TooManyKept."""
    db.session.execute(select(Member.id).where(Member.id == member.id).with_for_update(key_share=True))
    others = select(func.count()).select_from(Draft).where(Draft.member_id == member.id, Draft.thing != thing)
    if (db.session.scalar(others) or 0) >= MOST:
        raise TooManyKept()


def _clean(fields: Mapping[str, Sequence[str]]) -> Fields:
    """Without NUL, which PostgreSQL's JSON refuses."""
    return {name.replace("\x00", ""): [value.replace("\x00", "") for value in fields[name]] for name in fields}
