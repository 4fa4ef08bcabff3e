"""Purging: an owner takes a name, or all that a post says, out of everything the portal keeps, for good.

Hiding and deleting keep the words for those who decide; this keeps them for nobody. They go from the post and what it
said before, from quotations of it, the thread's title, files, drafts, flags and appeals, search, the inbox, letters and
work that wait, and archives that members have asked for. The log remembers that it happened, by whom and for which of
the reasons below, and never a word of it. What nobody can take back: letters that were sent, what somebody copied, and
backups until they run out (deploy/backups.md).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass

from sqlalchemy import ColumnElement, String, and_, cast, or_, select, text

from portal.accounts.models import Draft, Member
from portal.conversations import attaching, finding, mentioning
from portal.conversations.models import Post, PostFile, PostRevision, Thread
from portal.conversations.posting import NothingToRead, to_html, touch
from portal.core import audit, letters
from portal.core.db import db, is_postgresql
from portal.core.errors import Refusal
from portal.core.letters import Letter
from portal.core.web import absolute
from portal.moderation.because import Because
from portal.moderation.models import Flag, Ruling, about
from portal.moderation.person_models import Appeal
from portal.notifications.forgetting import forget_news

GONE = "Removed for good."
LEFT_OUT = "[…]"  # in place of a passage
SHORTEST = 3  # characters of a passage: less would be in half of all words


class NotInIt(Refusal):
    message = "The post does not say this, nor did it before. Copy the passage from it exactly."
    status = 422


class TooShort(Refusal):
    message = f"Give at least {SHORTEST} characters: shorter ones stand in too many words."
    status = 422


@dataclass(frozen=True)
class Purged:
    """What was done, for whoever did it."""

    quotations: int  # other posts that quoted it and were changed too
    in_log: int  # reasons in the log that say the passage; nobody can change those


_exports: list[Callable[[Collection[int]], None]] = []


def ends_archives(end: Callable[[Collection[int]], None]) -> Callable[[Collection[int]], None]:
    """Register what ends the archives of members, by their ids: archives are made to the right of here."""
    _exports.append(end)
    return end


def purge(post: Post, *, passage: str | None, because: Because, by: Member) -> Purged:
    """Remove a passage wherever this post or a quotation of it has it, or without one all that the post says.

    Twice is once, but for the log. Raises NotInIt, TooShort.
    """
    thread = post.thread
    clean = _cleaner(post, passage)
    quoting = _quoting(post)
    if passage is not None:
        _check_passage(post, passage)
    concerned = {post.author_id, *(each.author_id for each in quoting)}
    changed = [each for each in quoting if _rewrite(each, clean(each.body))]
    if passage is None:
        _empty(post)
    else:
        _rewrite(post, clean(post.body))
        _clean_reasons(post, clean)
    _clean_history([post, *quoting], clean, whole=post if passage is None else None)
    _clean_files(post, passage, clean)
    concerned |= _clean_drafts(post, clean, passage)
    concerned |= _clean_reports(post, clean, whole=passage is None)
    _clean_title(thread, post, passage, clean)
    _forget_what_waits(post, [post, *quoting])
    for each in [post, *changed]:
        finding.keep_found(each)
        touch(each.thread)
    _forget_in_the_index()
    for end in _exports:
        end(concerned)
    said = 0 if passage is None else audit.count_saying(passage)
    audit.record(by, "post.purged", post, why=because.value, thread=thread.id, whole=passage is None)
    _tell({each.author_id: each for each in [*changed, post]}.values(), because, by)
    return Purged(len(changed), said)


def _cleaner(post: Post, passage: str | None) -> Callable[[str], str]:
    if passage is None:
        return lambda words: _without_quotation(words, post.id)
    found = re.compile(re.escape(passage), re.IGNORECASE)
    return lambda words: found.sub(LEFT_OUT, words)


def _without_quotation(words: str, post_id: int) -> str:
    """Markdown without what it quotes of a post: from the line that leads to it to the end of the quotation."""
    kept, inside = [], False
    for line in words.splitlines():
        is_quoted = line.lstrip().startswith(">")
        begins = is_quoted and f"](/posts/{post_id})" in line
        if begins:
            kept.append(f"> {GONE}")
        inside = begins or (inside and is_quoted and "](/posts/" not in line)
        if not inside:
            kept.append(line)
    return "\n".join(kept)


def _check_passage(post: Post, passage: str) -> None:
    if len(passage.strip()) < SHORTEST:
        raise TooShort()
    earlier = db.session.scalars(select(PostRevision.body).where(PostRevision.post_id == post.id)).all()
    names = db.session.scalars(select(PostFile.name + " " + PostFile.alt).where(PostFile.post_id == post.id)).all()
    said = [post.body, post.thread.title, *earlier, *names]
    if not any(passage.casefold() in words.casefold() for words in said):
        raise NotInIt()


def _quoting(post: Post) -> list[Post]:
    """Other posts that quote it, or did before they were edited."""
    link = f"](/posts/{post.id})"
    earlier = select(PostRevision.post_id).where(PostRevision.body.contains(link, autoescape=True))
    leads = or_(Post.body.contains(link, autoescape=True), Post.id.in_(earlier))
    return list(db.session.scalars(select(Post).where(Post.id != post.id, leads).order_by(Post.id)).all())


def _rewrite(post: Post, body: str) -> bool:
    """Other words without a trace of those before; False if they are the same."""
    if body == post.body:
        return False
    try:
        html = to_html(body)
    except NothingToRead:
        body, html = GONE, to_html(GONE)
    post.body, (post.body_html, _spoken_to) = body, mentioning.linked(html, post.thread.room)
    db.session.flush()
    return True


def _empty(post: Post) -> None:
    post.body, post.body_html, post.overrode = GONE, f"<p><em>{GONE}</em></p>", None
    db.session.flush()


def _clean_history(posts: Collection[Post], clean: Callable[[str], str], *, whole: Post | None) -> None:
    of_posts = select(PostRevision).where(PostRevision.post_id.in_([each.id for each in posts]))
    for revision in db.session.scalars(of_posts).all():
        body = clean(revision.body)
        if whole is not None and revision.post_id == whole.id:
            db.session.delete(revision)
        elif body != revision.body:
            revision.body, revision.body_html = body, None  # drawn anew when somebody reads it
    db.session.flush()


def _clean_files(post: Post, passage: str | None, clean: Callable[[str], str]) -> None:
    """With all of a post go its files: nobody can promise that a picture does not show it."""
    if passage is None:
        attaching.remove_all_of(post)
        return
    for file in db.session.scalars(select(PostFile).where(PostFile.post_id == post.id)).all():
        file.name, file.alt = clean(file.name), clean(file.alt)


def _clean_drafts(post: Post, clean: Callable[[str], str], passage: str | None) -> set[int]:
    """In whatever somebody is writing; returns whose that was. An edit of the whole post that waits goes with it."""
    link = f"](/posts/{post.id})"
    kept = cast(Draft.fields, String)
    of_post = [Draft.thing == f"post:{post.id}", kept.contains(link, autoescape=True)]
    if passage is not None:
        of_post += [Draft.thing == f"thread:{post.thread_id}", Draft.thing == f"room:{post.thread.room_id}"]
    concerned = set()
    for draft in db.session.scalars(select(Draft).where(or_(*of_post))).all():
        fields = {name: [clean(value) for value in values] for name, values in draft.fields.items()}
        if passage is None and draft.thing == f"post:{post.id}":
            db.session.delete(draft)
        elif fields != draft.fields:
            draft.fields = fields
        else:
            continue
        concerned.add(draft.member_id)
    return concerned


def _clean_reports(post: Post, clean: Callable[[str], str], *, whole: bool) -> set[int]:
    """What members wrote about it to the moderators; returns whose that was. With all of a post goes all that was
    written about it, and of what was written about others in its thread nothing."""
    concerned: set[int] = set()
    flagged, ruled = Flag.post_id == post.id, Ruling.post_id == post.id
    if post.number == 1:
        flagged = or_(flagged, Flag.thread_id == post.thread_id)
        ruled = or_(ruled, and_(Ruling.thread_id == post.thread_id, Ruling.post_id.is_(None)))
    if not whole:
        ruled = Ruling.thread_id == post.thread_id
    for flag in db.session.scalars(select(Flag).where(flagged)).all():
        flag.words = "" if whole else clean(flag.words)
        if flag.by_id is not None:
            concerned.add(flag.by_id)
    appealed = select(Appeal).join(Ruling, Ruling.id == Appeal.ruling_id).where(ruled)
    for appeal in db.session.scalars(appealed).all():
        appeal.words = GONE if whole else clean(appeal.words)
        concerned.add(appeal.by_id)
    db.session.flush()
    return concerned


def _clean_reasons(post: Post, clean: Callable[[str], str]) -> None:
    """What its author and readers were told of rulings, wherever it is shown; in the log it stays."""
    for ruling in db.session.scalars(select(Ruling).where(Ruling.thread_id == post.thread_id)).all():
        ruling.because = clean(ruling.because)
    thread = post.thread
    post.hidden_because = clean(post.hidden_because) if post.hidden_because else post.hidden_because
    thread.hidden_because = clean(thread.hidden_because) if thread.hidden_because else thread.hidden_because
    thread.locked_because = clean(thread.locked_because) if thread.locked_because else thread.locked_because


def _clean_title(thread: Thread, post: Post, passage: str | None, clean: Callable[[str], str]) -> None:
    title = GONE if passage is None and post.number == 1 else clean(thread.title) if passage else thread.title
    if title == thread.title:
        return
    thread.title = title
    db.session.flush()
    finding.forget_thread(thread)
    if not thread.is_hidden:
        finding.find_thread_again(thread)
    of_thread = set(db.session.scalars(select(Post.id).where(Post.thread_id == thread.id)))
    forget_news("post", of_thread)
    _drop_letters(Ruling.thread_id == thread.id, {about(thread), *(f"post:{post_id}" for post_id in of_thread)})


def _forget_what_waits(post: Post, posts: Iterable[Post]) -> None:
    """News and letters with words of these posts: what was not sent is not sent."""
    forget_news("post", {each.id for each in posts})
    _drop_letters(Ruling.post_id == post.id, {about(post)})


def _drop_letters(ruled: ColumnElement[bool], held: Collection[str]) -> None:
    """To authors, of these rulings, of appeals against them, and that these things wait."""
    keys = {f"ruling:{ruling_id}" for ruling_id in db.session.scalars(select(Ruling.id).where(ruled))}
    appeals = select(Appeal).join(Ruling, Ruling.id == Appeal.ruling_id).where(ruled)
    keys |= {f"appeal:{appeal.once}" for appeal in db.session.scalars(appeals)}
    waiting = select(Letter).where(Letter.sent_at.is_(None), Letter.dropped_at.is_(None))
    of_decisions = Letter.kind.in_(["moderation/ruling", "moderation/appeal", "moderation/held"])
    for letter in db.session.scalars(waiting.where(of_decisions)).all():
        if letter.key in keys or letter.key.removeprefix("held:").rpartition(":")[0] in held:
            letters.drop([letter])


def _forget_in_the_index() -> None:
    """SQLite's full-text index keeps the words of what was taken out until its parts are merged."""
    if not is_postgresql():
        db.session.execute(text("INSERT INTO search_fts(search_fts) VALUES ('optimize')"))


def _tell(posts: Iterable[Post], because: Because, by: Member) -> None:
    """Each author hears that words of theirs were removed, and why; not which."""
    for post in posts:
        if post.author.closed_at is not None or post.author_id == by.id:
            continue
        letters.post(
            "moderation/purged",
            to=post.author,
            why=because.words,
            link=absolute("conversations.post", post_id=post.id),
            rules=absolute("home.rules"),
        )
