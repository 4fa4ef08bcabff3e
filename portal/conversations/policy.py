"""Who may do what in a conversation. Pure questions: nothing is written here and nothing is known of HTTP."""

from __future__ import annotations

from portal.accounts.models import Member, Role
from portal.accounts.policy import may_post
from portal.conversations.models import Post, Thread


def may_reply(member: Member, thread: Thread) -> bool:
    return may_post(member) and not thread.is_locked and not thread.is_hidden


def may_edit(member: Member, post: Post) -> bool:
    """Authors mend their own words while the conversation is open; what a moderator hid stays as it was ruled on."""
    return post.author_id == member.id and not post.is_hidden and may_reply(member, post.thread)


def sees_hidden(member: Member) -> bool:
    """Staff rule on hidden things, so they see them."""
    return member.is_at_least(Role.MODERATOR)


def scopes_of(_member: Member) -> frozenset[str]:
    """The closed circles whose conversations search may show them, as scopes of its index. Every room is open yet."""
    return frozenset()
