"""Speaking to somebody in a post: `@handle`, or a quotation of what they said. They hear of it where they may read it.

Only people who see the room can be spoken to; of anybody else nothing comes of the sign, so it tells nobody who is in.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence

from sqlalchemy import ColumnElement, Row, and_, or_, select

from portal.accounts.models import Member, Role
from portal.billing.entitlements import may_be_open, of_several
from portal.conversations.models import Mention, Post, Room, RoomKind, RoomMember
from portal.core.clock import now
from portal.core.db import add_once, db
from portal.practices.models import Discretion

MOST = 20  # people spoken to in one post; whoever comes after them hears as anybody does
OFFERED = 8
_TAG = re.compile(r"(<[^>]*>)")
_CLOSED = frozenset({"a", "code", "pre"})  # words in these are no mention
_HANDLE = re.compile(r"(?<![\w@/.+-])@([A-Za-z0-9](?:[A-Za-z0-9-]{0,38}[A-Za-z0-9])?)(?![\w@-])")
_QUOTED = re.compile(r'<blockquote>\s*<p><a href="/posts/(\d{1,9})"')


def linked(html: str, room: Room) -> tuple[str, list[int]]:
    """Rendered text with each mention as a link to its profile, and the ids of all who are spoken to."""
    handles = list(dict.fromkeys(_handles_in(html)))[:MOST]
    people = {row.handle: row.id for row in _who(room, Member.handle.in_(handles))} if handles else {}
    quoted = [int(number) for number in _QUOTED.findall(html)][:MOST]
    return _with_links(html, people), [*people.values(), *_authors_of(quoted, room)]


def keep(post: Post, member_ids: Iterable[int]) -> list[int]:
    """Write down who is spoken to; those who were not before. Nobody is taken off by an edit: they have heard of it."""
    member_ids = list(member_ids)
    if not member_ids:
        return []
    known = set(db.session.scalars(select(Mention.member_id).where(Mention.post_id == post.id)))
    new = [each for each in dict.fromkeys(member_ids) if each not in known and each != post.author_id]
    for member_id in new:
        add_once(Mention, post_id=post.id, member_id=member_id)
    return new


def offered(room: Room, begun: str) -> Sequence[Row[int, str, str, Role]]:
    """Whom a writer in this room may mean by what they began to type: part of a name, or the beginning of a handle."""
    fits = or_(Member.handle.startswith(begun.lower(), autoescape=True), Member.name.icontains(begun, autoescape=True))
    listed = Member.id.not_in(select(Discretion.member_id).where(Discretion.is_unlisted.is_(True)))
    return _who(room, and_(fits, listed), most=3 * OFFERED)[:OFFERED]


def _handles_in(html: str) -> list[str]:
    return [found.lower() for words, is_open in _stretches(html) if is_open for found in _HANDLE.findall(words)]


def _with_links(html: str, people: Collection[str]) -> str:
    if not people:
        return html

    def link(found: re.Match[str]) -> str:
        handle = found[1].lower()
        return f'<a href="/members/{handle}">{found[0]}</a>' if handle in people else found[0]

    return "".join(_HANDLE.sub(link, words) if is_open else words for words, is_open in _stretches(html))


def _stretches(html: str) -> list[tuple[str, bool]]:
    """The tags and the words between them; whether a mention may stand there."""
    found, depth = [], 0
    for piece in _TAG.split(html):
        is_tag = piece.startswith("<")
        if is_tag and piece.strip("</>").split(" ", 1)[0] in _CLOSED:
            depth += -1 if piece.startswith("</") else 1
        found.append((piece, not is_tag and not depth))
    return found


def _who(room: Room, wanted: ColumnElement[bool], *, most: int = MOST) -> Sequence[Row[int, str, str, Role]]:
    """People who see this room and fit (id, handle, name, role)."""
    moment = now()
    rows = db.session.execute(
        select(Member.id, Member.handle, Member.name, Member.role)
        .where(
            wanted,
            _sees(room),
            Member.closed_at.is_(None),
            Member.leaving_since.is_(None),
            or_(Member.suspended_until.is_(None), Member.suspended_until <= moment),
            or_(Member.role != Role.MEMBER, may_be_open(Member.id, at=moment)),
        )
        .order_by(Member.name, Member.id)
        .limit(most)
    ).all()
    entitled = of_several([row.id for row in rows if row.role is Role.MEMBER])
    return [row for row in rows if row.role is not Role.MEMBER or entitled[row.id].is_open]


def _sees(room: Room) -> ColumnElement[bool]:
    """The people whom policy.py lets into a room of this kind, as far as it does not depend on what they pay."""
    if room.kind.is_shared:
        return Member.id.is_not(None)
    if room.kind is RoomKind.COACHES:
        return Member.role.in_([Role.COACH, Role.OWNER])
    named = select(RoomMember.member_id).where(RoomMember.room_id == room.id)
    return or_(Member.role != Role.MEMBER, Member.id.in_(named))


def _authors_of(post_ids: Collection[int], room: Room) -> list[int]:
    """Whose posts of this room are quoted. Also of one under no name: only they themselves learn that it was."""
    if not post_ids:
        return []
    theirs = select(Post.author_id).where(Post.id.in_(post_ids), Post.hidden_at.is_(None))
    return list(db.session.scalars(theirs.where(Post.thread.has(room_id=room.id)).distinct()))
