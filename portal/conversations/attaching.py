"""Pictures and documents beside posts: they arrive, wait for their form, and go out with its post.

Pictures are drawn anew, so nothing is left of what a camera wrote into them. Documents stay as they are, and may say in
their properties who wrote them: none goes with words under no name, and all of them go with whoever leaves.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from io import BytesIO

from flask import current_app
from sqlalchemy import ColumnElement, and_, delete, func, or_, select, update
from werkzeug.datastructures import FileStorage

from portal.accounts.models import Member
from portal.conversations import policy, posting, queries
from portal.conversations.models import Post, PostFile, Thread
from portal.core import media, pictures, storage, taking_in
from portal.core.clock import now
from portal.core.db import db, transaction
from portal.core.errors import Refusal
from portal.core.jobs import enqueue, job, periodic
from portal.core.web import filesize

LARGEST = 20_000_000  # bytes of one document; of a picture, see core/pictures.py
MOST = 8  # beside one post
FORGOTTEN_AFTER = timedelta(days=14)
OFFERED = "Pictures (JPEG, PNG, WebP), PDF, Word, Excel, PowerPoint, MP3, M4A, MP4 and Zip"
FILE = "/files/<token>"
_SIDE = 1600  # pixels, of the longer side of a picture
_LONGEST_ALT = 300
_TALLEST = 512  # pixels of a picture beside a post; a press on it shows it whole


class NoneChosen(Refusal):
    message = "Choose a file first."
    status = 422


class NotOffered(Refusal):
    status = 422

    def __init__(self, name: str) -> None:
        super().__init__(f"“{name}” is not a kind of file that works here, or holds something else. {OFFERED} do.")


class EmptyFile(Refusal):
    status = 422

    def __init__(self, name: str) -> None:
        super().__init__(f"“{name}” is empty. Choose the file once more.")


class FileTooLarge(Refusal):
    status = 422

    def __init__(self, name: str) -> None:
        super().__init__(f"“{name}” is larger than {filesize(LARGEST)}. Make it smaller, or share it another way.")


class TooMany(Refusal):
    message = f"A post takes {MOST} files at most. Leave some out, or send them with a second post."
    status = 422


class NoRoomLeft(Refusal):
    status = 422

    def __init__(self, most: int) -> None:
        super().__init__(
            f"With this your files in conversations would be more than {filesize(most)}. Remove some of the older ones."
        )


class Settled(Refusal):
    message = "You have sent this before, and nothing is put beside it any more. Write a new post for the files."


class TellsWhoWroteIt(Refusal):
    message = (
        "A document keeps the name of whoever wrote it in its properties, so under no name only pictures can go "
        "along. Untick the document, or describe what it says."
    )
    status = 422


@dataclass(frozen=True)
class Taken:
    """A file in storage; no row knows of it yet."""

    kept: taking_in.Kept
    width: int | None = None
    height: int | None = None


@dataclass(frozen=True, slots=True)
class Shown:
    """A file as it stands beside a post."""

    path: str
    name: str
    facts: str  # "PDF, 240 kB"
    alt: str
    width: int | None  # as it is drawn, where there is room, so that a page holds its place before it comes
    height: int | None


def arrive(sent: Sequence[FileStorage], *, place: str, by: Member) -> list[PostFile]:
    """Take files in, all or none; then they wait for the form of this place, whatever becomes of its words.

    Slow, and in a transaction of its own: call it before any change. Raises what `_take_in` and `_wait` raise.
    """
    taken: list[Taken] = []
    try:
        for file in sent:  # one by one: those before a refused one are thrown away
            each = _take_in(file)
            taken.append(each)
        with transaction():
            return [_wait(each, place=place, by_id=by.id) for each in taken]
    except Refusal:
        for each in taken:
            storage.remove(each.kept.stored.key)
        raise


def waiting(member: Member, place: str) -> Sequence[PostFile]:
    """What waits for the form of this place, in the order in which it came."""
    return db.session.scalars(select(PostFile).where(_waits(member.id, place)).order_by(PostFile.id)).all()


def attach(post: Post, ids: Collection[int], *, alts: Mapping[int, str], by: Member) -> bool:
    """Let files that wait for nobody but their owner go out beside a post of theirs; those it has already stay once.

    Returns whether one was new. Raises TooMany, TellsWhoWroteIt, Settled: a form that is sent again leads to a post of
    before.
    """
    if not ids:
        return False
    has = db.session.execute(select(PostFile.sha256).where(PostFile.post_id == post.id)).scalars().all()
    files = db.session.scalars(
        select(PostFile)
        .where(PostFile.id.in_(ids), PostFile.by_id == by.id, PostFile.post_id.is_(None))
        .order_by(PostFile.id)
        .with_for_update()
    ).all()
    new = [file for file in files if file.sha256 not in has]
    if new and (post.is_deleted or post.hidden_because is not None or post.thread.is_locked):
        raise Settled()
    if len(has) + len(new) > MOST:
        raise TooMany()
    if post.is_veiled and not all(file.is_picture for file in new):
        raise TellsWhoWroteIt()
    for file in new:
        file.post_id, file.alt = post.id, " ".join(alts.get(file.id, "").split())[:_LONGEST_ALT]
    return bool(new)


def attach_later(post: Post, ids: Collection[int], *, alts: Mapping[int, str], by: Member) -> None:
    """The same beside a post that stands there already: its readers see that it was edited. Raises as attach."""
    if attach(post, ids, alts=alts, by=by):
        post.edited_at = now()
        posting.touch(post.thread)


def added_later_at(post: Post) -> datetime | None:
    """When the last of those came that were put beside a post after it was written."""
    return db.session.scalar(
        select(func.max(PostFile.created_at)).where(PostFile.post_id == post.id, PostFile.created_at > post.created_at)
    )


def take_out(file: PostFile) -> None:
    """It is not wanted after all; its bytes go after the commit."""
    _remove(PostFile.id == file.id)


def beside(post_ids: Collection[int]) -> dict[int, list[Shown]]:
    """The files of some posts, in one statement."""
    if not post_ids:
        return {}
    found: dict[int, list[Shown]] = {}
    table = PostFile.__table__.c
    rows = db.session.connection().execute(
        select(
            table.post_id, table.token, table.name, table.media_type, table.size, table.alt, table.width, table.height
        )
        .where(table.post_id.in_(post_ids))
        .order_by(table.id)
    )
    for row in rows:
        facts = media.facts(row.media_type, row.size)
        shown = Shown(path_of(row.token), row.name, facts, row.alt, *_drawn(row.width, row.height))
        found.setdefault(row.post_id, []).append(shown)
    return found


def _drawn(width: int | None, height: int | None) -> tuple[int | None, int | None]:
    if width is None or height is None or height <= _TALLEST:
        return width, height
    return max(1, round(width * _TALLEST / height)), _TALLEST


def file_for(reader: Member | None, token: str) -> PostFile | None:
    """The file at an address, if this reader may read its post at this moment; one that waits, for its owner alone."""
    if not token.isprintable():
        return None
    row = db.session.execute(
        select(PostFile, Post)
        .outerjoin(Post, Post.id == PostFile.post_id)
        .outerjoin(Thread, Thread.id == Post.thread_id)
        .outerjoin(Thread.room)
        .where(PostFile.token == token, or_(PostFile.post_id.is_(None), queries.visible_to(reader)))
    ).one_or_none()
    if row is None:
        return None
    file: PostFile = row[0]
    post: Post | None = row[1]
    if post is None:
        return file if reader is not None and file.by_id == reader.id else None
    return file if policy.may_read_words(reader, post) else None


def path_of(token: str) -> str:
    return f"/files/{token}"


def forget(member: Member) -> None:
    """All files of theirs go: nobody can promise that a document does not name them."""
    beside_posts = select(Post.thread_id).join(PostFile, PostFile.post_id == Post.id)
    db.session.execute(
        update(Thread)
        .where(Thread.id.in_(beside_posts.where(PostFile.by_id == member.id)))
        .values(version=Thread.version + 1)
        .execution_options(synchronize_session=False)
    )
    _remove(PostFile.by_id == member.id)


def remove_all_of(post: Post) -> None:
    """Its files go, from the disk too."""
    _remove(PostFile.post_id == post.id)


@job("conversations.throw_away_file")
def throw_away(storage_key: str) -> None:
    storage.remove(storage_key)


@periodic("conversations.forget_files", every=timedelta(days=1))
def forget_old() -> None:
    """What waits for two weeks is waited for by nobody, and whose post was deleted as long ago is wanted by nobody."""
    before = now() - FORGOTTEN_AFTER
    deleted = select(Post.id).where(Post.deleted_at < before)
    with transaction():
        _remove(or_(and_(PostFile.post_id.is_(None), PostFile.created_at < before), PostFile.post_id.in_(deleted)))


def _take_in(file: FileStorage) -> Taken:
    """Raises NotOffered, EmptyFile, FileTooLarge, and what pictures raise."""
    name = taking_in.file_name(file.filename or "")
    if pictures.is_named_so(name):
        return _draw(file, name)
    if len(file.stream.read(LARGEST + 1)) > LARGEST:
        raise FileTooLarge(name)
    file.stream.seek(0)
    kept = taking_in.keep(file.stream, name=name, declared=file.mimetype)
    if kept.stored.size == 0 or kept.media_type == media.UNKNOWN:
        storage.remove(kept.stored.key)
        raise EmptyFile(name) if kept.stored.size == 0 else NotOffered(name)
    return Taken(kept)


def _draw(file: FileStorage, name: str) -> Taken:
    content = file.stream.read(pictures.LARGEST + 1)
    with pictures.upright(content, name=name, declared=file.mimetype, side=_SIDE) as image:
        image.thumbnail((_SIDE, _SIDE))
        drawn = pictures.on_white(image)
        width, height = drawn.size
        webp = pictures.as_webp(drawn)
    stored = storage.put(BytesIO(webp))
    return Taken(taking_in.Kept(name, "image/webp", stored), width, height)


def _wait(taken: Taken, *, place: str, by_id: int) -> PostFile:
    """Raises TooMany, NoRoomLeft. One member's files arrive one after the other, so that none slips past the limits."""
    db.session.execute(select(Member.id).where(Member.id == by_id).with_for_update())
    count = db.session.scalar(select(func.count()).select_from(PostFile).where(_waits(by_id, place))) or 0
    if count >= MOST:
        raise TooMany()
    size = db.session.scalar(select(func.coalesce(func.sum(PostFile.size), 0)).where(PostFile.by_id == by_id)) or 0
    most = current_app.config["MEMBER_FILES_MB"] * 1_000_000
    if size + taken.kept.stored.size > most:
        raise NoRoomLeft(most)
    file = PostFile(
        token=secrets.token_hex(16),
        by_id=by_id,
        place=place,
        name=taken.kept.name,
        media_type=taken.kept.media_type,
        size=taken.kept.stored.size,
        sha256=taken.kept.stored.sha256,
        storage_key=taken.kept.stored.key,
        width=taken.width,
        height=taken.height,
    )
    db.session.add(file)
    db.session.flush()
    return file


def _waits(member_id: int, place: str) -> ColumnElement[bool]:
    return and_(PostFile.by_id == member_id, PostFile.place == place, PostFile.post_id.is_(None))


def _remove(which: ColumnElement[bool]) -> None:
    gone = delete(PostFile).where(which).returning(PostFile.storage_key)
    for key in db.session.scalars(gone.execution_options(synchronize_session=False)).all():
        enqueue(throw_away, key=f"post_file.gone:{key}", storage_key=key)
