"""Who may see and do what in a conversation. Pure questions: nothing is written here and nothing is known of HTTP.

Who may see is decided here by `sight_of` and put into statements by `queries.visible_to` and `queries.open_to`, and
nowhere else.
"""

from __future__ import annotations

from enum import Enum

from portal.accounts.models import Member, Role
from portal.accounts.policy import may_post
from portal.conversations.models import Post, Room, RoomKind, Thread


class Sight(Enum):
    """How far somebody sees into the rooms."""

    OUTSIDE = "outside"  # visitors and whoever is not in: rooms that anyone may read
    MEMBER = "member"  # the rooms of all members, and circles that name them
    MODERATOR = "moderator"  # every circle too, and what is hidden: they rule on it
    COACH = "coach"  # everything


def sight_of(reader: Member | None) -> Sight:
    """`reader` is None for a visitor, and for a member who is not in at the moment."""
    if reader is None:
        return Sight.OUTSIDE
    if reader.is_at_least(Role.COACH):
        return Sight.COACH
    return Sight.MODERATOR if sees_hidden(reader) else Sight.MEMBER


def sees_hidden(member: Member | None) -> bool:
    """Staff rule on hidden things, so they see them."""
    return member is not None and member.is_at_least(Role.MODERATOR)


def reads_wider(kind: RoomKind, than: RoomKind) -> bool:
    """Whether somebody may read a room of this kind who does not read one of the other; of two circles, always."""
    rank = list(RoomKind)
    return rank.index(kind) > rank.index(than) or kind is than is RoomKind.CIRCLE


def may_start(member: Member | None, room: Room) -> bool:
    """Asked of somebody who sees the room: whoever is in it may write in it."""
    return member is not None and may_post(member) and not room.is_archived


def may_reply(member: Member | None, thread: Thread) -> bool:
    return may_start(member, thread.room) and not thread.is_locked and not thread.is_hidden


def may_read_words(reader: Member | None, post: Post) -> bool:
    """Asked of somebody who sees the thread: staff read what is hidden, and authors do unless they took it back
    or staff deleted it."""
    if not post.is_hidden or sees_hidden(reader):
        return True
    taken_back = post.is_deleted and post.hidden_because is None
    return reader is not None and post.author_id == reader.id and not taken_back and post.removed_at is None


def may_edit(member: Member, post: Post) -> bool:
    """Authors mend their own words while the conversation is open; what a moderator hid stays as it was ruled on, and
    what was taken back is gone."""
    return post.author_id == member.id and not post.is_hidden and may_reply(member, post.thread)
