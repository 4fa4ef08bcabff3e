"""What somebody said stays where others answered it, under no name; on their wish the words go too."""

from __future__ import annotations

from sqlalchemy import Select, delete, select, update

from portal.accounts.models import Member
from portal.conversations import attaching, finding
from portal.conversations.models import (
    Follow,
    Mention,
    PersonFollow,
    Post,
    PostRevision,
    QuestionOwner,
    ReadAhead,
    Reading,
    RoomFollow,
    RoomMember,
    RoomReading,
    Thanks,
    Thread,
)
from portal.core.db import db
from portal.core.search import SearchDoc
from portal.notifications.forgetting import forget_news

WITHOUT_WORDS = "Removed by its author."
WITHOUT_SUBJECT = "About a story that was taken back"
_THEIRS = (
    Follow, RoomFollow, PersonFollow, RoomMember, Reading, RoomReading, ReadAhead, Thanks, QuestionOwner, Mention,
)  # fmt: skip


def forget(member: Member, *, words_too: bool) -> None:
    """Keep their posts without what only they need: what they follow and have read, where they are named and
    spoken to, what they thanked for, what a post said before it was edited, and of what they were warned."""
    theirs = select(Post.id).where(Post.author_id == member.id)
    for table in _THEIRS:
        db.session.execute(delete(table).where(table.member_id == member.id))
    db.session.execute(delete(PersonFollow).where(PersonFollow.person_id == member.id))
    _forget_revisions(theirs)
    db.session.execute(
        update(Post)
        .where(Post.author_id == member.id)
        .values(overrode=None)
        .execution_options(synchronize_session=False)
    )
    attaching.forget(member)
    forget_news("post", set(db.session.scalars(theirs)))
    if words_too:
        _take_words(member, theirs)


def forget_subject(path: str, title: str) -> None:
    """What stood at this address is gone, its title too: threads about it go on without naming it."""
    for thread in db.session.scalars(select(Thread).where(Thread.about_path == path)).all():
        if thread.title in {title, thread.about_title}:
            thread.title = WITHOUT_SUBJECT
            forget_news("post", set(db.session.scalars(select(Post.id).where(Post.thread_id == thread.id))))
            finding.forget_thread(thread)
            if not thread.is_hidden:
                finding.find_thread_again(thread)
        thread.about_title = thread.about_path = None
        thread.version += 1


def _forget_revisions(theirs: Select[int]) -> None:
    db.session.execute(
        delete(PostRevision).where(PostRevision.post_id.in_(theirs)).execution_options(synchronize_session=False)
    )


def _take_words(member: Member, theirs: Select[int]) -> None:
    """Posts keep their number and place, so that answers to them still stand where they stood."""
    db.session.execute(
        delete(SearchDoc)
        .where(SearchDoc.kind == "post", SearchDoc.ref_id.in_(theirs))
        .execution_options(synchronize_session=False)
    )
    db.session.execute(
        update(Thread)
        .where(Thread.id.in_(select(Post.thread_id).where(Post.author_id == member.id)))
        .values(version=Thread.version + 1)
        .execution_options(synchronize_session=False)
    )
    db.session.execute(
        update(Post)
        .where(Post.author_id == member.id)
        .values(body=WITHOUT_WORDS, body_html=f"<p><em>{WITHOUT_WORDS}</em></p>")
        .execution_options(synchronize_session=False)
    )
    begun = db.session.scalars(select(Thread).where(Thread.author_id == member.id)).all()
    for thread in begun:
        thread.title = thread.about_title or WITHOUT_WORDS
        finding.forget_thread(thread)
        if not thread.is_hidden:
            finding.find_thread_again(thread)
