"""Put an item out, give it a new edition of its files, take it back; and keep search saying only what each may read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy import func, select

from portal.accounts.models import Member
from portal.core import audit, indexing, jobs, markdown, storage
from portal.core.admission import Audience
from portal.core.clock import now
from portal.core.db import db, transaction
from portal.core.errors import Refusal
from portal.core.taking_in import Kept
from portal.library import announcing, file_text, finding, showing, stories
from portal.library.models import Episode, File, FileText, Item, Nugget, Version, is_out
from portal.library.stories import PARTS


class NothingInside(Refusal):
    message = "An edition needs at least one file."
    status = 422


class NotWaiting(Refusal):
    message = "It is out already, or was withdrawn. Reload the page to see how it stands."


class NeverOut(Refusal):
    message = "It is not out, so there is nothing to withdraw. Reload the page to see how it stands."


class NotScheduled(Refusal):
    message = "It is not scheduled any more. Reload the page to see how it stands."


class NotAnnounced(Refusal):
    message = "Followers can be told once, while it is out. Reload the page to see how it stands."


class NotWithdrawn(Refusal):
    message = "It is not withdrawn any more. Reload the page to see how it stands."


class NoFiles(Refusal):
    message = "A client agrees to words, so a client’s story has no files. Make the file a tool, and link to it."
    status = 422


def write(item: Item, body: str) -> None:
    """Set what the item says, and render it once."""
    if isinstance(item, Nugget):
        stories.write(item, replace(stories.written(item), lesson=body))
    else:
        item.body, item.body_html = body, markdown.render(body)


def tell(nugget: Nugget, *, situation: str, change: str, result: str) -> None:
    """Set the three parts of a story. Where it is out, they wait for the client to agree to them."""
    stories.write(nugget, replace(stories.written(nugget), situation=situation, change=change, result=result))


def publish(item: Item, *, by: Member | None = None, at: datetime | None = None, announce: bool | None = None) -> None:
    """Show the item from `at` on (now, if not given); search finds it from then, and followers hear of it if asked to.

    Without `announce` it stays as it was decided before. A nugget is shown with the words that were agreed to, or not
    at all: raises showing.NotAgreed.
    """
    db.session.add(item)
    if isinstance(item, Nugget):
        showing.prepare(item)
    item.published_at, item.withdrawn_at = at or now(), None
    item.announces = item.announces if announce is None else announce
    db.session.flush()
    if item.is_published:
        _appear(item)
    else:
        item.appeared_at = None
        bring_search_up_to_date(item)
        key = f"library.appear:{item.id}:{item.published_at:%Y%m%dT%H%M%S}"
        jobs.enqueue(appear, key=key, at=item.published_at, item_id=item.id)
    if by is not None:  # starter content is loaded by nobody
        audit.record(by, "item.published", item, at=item.published_at.isoformat(), announces=item.announces)


def release(item: Item, *, by: Member, at: datetime, announce: bool) -> None:
    """Let a draft appear then, or what is scheduled at another time. Raises what publish raises, and NotWaiting:
    whoever looks at an older page must not pull back what is out, or put out what was withdrawn."""
    stories.take_turn(item)
    if item.is_published or item.withdrawn_at is not None:
        raise NotWaiting()
    publish(item, by=by, at=at, announce=announce)


def unschedule(item: Item, *, by: Member) -> None:
    """Back to a draft, before anyone saw it. Raises NotScheduled."""
    stories.take_turn(item)
    if item.published_at is None or item.is_published or item.withdrawn_at is not None:
        raise NotScheduled()
    item.published_at = None
    audit.record(by, "item.unscheduled", item)


def withdraw(item: Item, *, because: str, by: Member) -> None:
    """Take the item from the lists, its page and search. Its files stay, its address answers 404. Raises NeverOut."""
    stories.take_turn(item)
    if item.published_at is None:
        raise NeverOut()
    if item.withdrawn_at is not None:
        return
    item.withdrawn_at = now()
    bring_search_up_to_date(item)
    audit.record(by, "item.withdrawn", item, because=because)


def bring_back(item: Item, *, by: Member) -> None:
    """What was withdrawn stands where it stood, with its old date. Raises NotWithdrawn."""
    stories.take_turn(item)
    if item.withdrawn_at is None:
        raise NotWithdrawn()
    publish(item, at=item.published_at)
    audit.record(by, "item.brought_back", item)


def add_version(item: Item, *, files: Sequence[Kept], note: str = "", by: Member | None = None) -> Version:
    """A new edition in place of the last, which stays reachable. The first file is the main one."""
    if not files:
        raise NothingInside()
    # Held, so that two coaches at once make editions 2 and 3 (the unique index would refuse a second 2), and no client
    # is asked while files come in.
    stories.take_turn(item)
    if isinstance(item, Nugget) and (not item.composite or showing.was_asked(item)):
        raise NoFiles()
    newest = db.session.scalar(select(func.max(Version.number)).where(Version.item_id == item.id)) or 0
    version = Version(item_id=item.id, number=newest + 1, note=note)
    version.files = [
        File(
            position=position,
            name=kept.name,
            media_type=kept.media_type,
            size=kept.stored.size,
            sha256=kept.stored.sha256,
            storage_key=kept.stored.key,
        )
        for position, kept in enumerate(files, start=1)
    ]
    db.session.add(version)
    db.session.flush()
    db.session.expire(item, ["versions"])
    for file in version.files:
        if file.media_type in file_text.READABLE:
            jobs.enqueue(read_file, key=f"library.read_file:{file.storage_key}", file_id=file.id)
    if by is not None:
        audit.record(by, "item.revised", item, version=version.number)
    return version


def bring_search_up_to_date(item: Item) -> None:
    """The index tells the teaser to anyone, the inside to those who may read it, and nothing while it is not out."""
    if not item.is_published:
        indexing.forget(item.kind, item.id)
        return
    notes_for_all = isinstance(item, Episode) and item.public_notes
    teaser = [item.summary, item.problem or "", markdown.plain(item.body_html) if notes_for_all else ""]
    inside = ["" if notes_for_all else markdown.plain(item.body_html)]
    if isinstance(item, Nugget):
        parts = (item.parts[name]["html"] for name in PARTS if name in item.parts)
        inside += [item.practice_type or "", *map(markdown.plain, parts), item.naming_line or ""]
        if item.is_public:
            teaser, inside = [*teaser, *inside], []
    if isinstance(item, Episode):
        teaser += [*(f"{guest.name} {guest.role or ''}" for guest in item.guests), *item.hear]
        inside += [item.step or ""]
    more = "\n\n".join(filter(None, inside))
    reader = Audience.SIGNED_IN if item.is_free else Audience.ENTITLED
    passages = finding.passages_of(item)
    indexing.index(
        item.kind,
        item.id,
        audience=Audience.ANYONE,
        tags=[f"topic:{topic.id}" for topic in item.topics],
        at=item.published_at,
        title=item.title,
        path=item.path,
        body="\n\n".join(filter(None, teaser)),
        inside={reader: more} if more or passages else None,
        passages=passages,
    )


@jobs.job("library.read_file")
def read_file(file_id: int) -> None:
    """Read out what stands in a file, and let its readers find the item by it."""
    with transaction():
        file = db.session.get(File, file_id)
        if file is None:
            return
        key, media_type = file.storage_key, file.media_type
    pages = file_text.pages_of(key, media_type)
    with transaction():
        file = db.session.get(File, file_id)
        if file is None:
            return
        stories.take_turn(file.version.item)  # whoever withdraws it meanwhile is waited for
        text = db.session.scalar(select(FileText).where(FileText.file_id == file_id)) or FileText(file_id=file_id)
        text.pages = pages
        db.session.add(text)
        db.session.flush()
        bring_search_up_to_date(file.version.item)


def announce_now(item: Item, *, by: Member) -> None:
    """Tell followers of what is out already. Raises NotAnnounced where it is not, or where they were told before."""
    if not item.is_published or not announcing.may_be_announced(item) or not announcing.announce(item):
        raise NotAnnounced()
    audit.record(by, "item.announced", item)


@jobs.job("library.appear")
def appear(item_id: int) -> None:
    """The moment of a scheduled item has come."""
    bring_out_due()


@jobs.periodic("library.appear_due", every=timedelta(minutes=10))
def bring_out_due() -> None:
    """Let everything appear whose moment has come, in the order of those moments, however late we are.

    Harmless if something was moved or withdrawn meanwhile; of two workers the second waits, and finds nothing to do.
    """
    with transaction():
        due = (
            select(Item)
            .where(is_out(Item, now()), Item.appeared_at.is_(None))
            .order_by(Item.published_at, Item.id)
            .with_for_update()
        )
        for item in db.session.scalars(due).all():
            _appear(item)


def _appear(item: Item) -> None:
    item.appeared_at = item.appeared_at or now()
    bring_search_up_to_date(item)
    if item.announces and announcing.may_be_announced(item):
        announcing.announce(item)


def seconds_of(kept: Kept) -> int | None:
    """Length of an audio file in whole seconds, None if it cannot be told."""
    from tinytag import TinyTag, TinyTagException

    try:
        with storage.opened(kept.stored.key) as file:
            tag = TinyTag.get(file_obj=file)
    except (TinyTagException, OSError, ValueError):
        return None
    return round(tag.duration) if tag.duration else None
