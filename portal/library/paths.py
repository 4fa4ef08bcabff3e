"""Paths: a coach begins one, says which items stand on it in which order, puts it out and takes it back."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from sqlalchemy import delete, func, select

from portal.accounts.models import Member
from portal.core import audit
from portal.core.clock import now
from portal.core.db import db
from portal.core.errors import Refusal
from portal.library.models import Item, Path, PathStep


class TwiceOnThePath(Refusal):
    message = "Each thing stands on a path once."
    status = 422


class NothingOnThePath(Refusal):
    message = "Put something on the path first."


def create(*, title: str, summary: str, slug: str | None = None) -> Path:
    """A draft without items; its address is made of its title."""
    path = Path(slug=slug or _free_slug(title), title=title, summary=summary)
    db.session.add(path)
    db.session.flush()
    return path


def describe(path: Path, *, title: str, summary: str) -> None:
    """Say it in other words; its address stays."""
    path.title, path.summary = title, summary


def put_in_order(path: Path, items: Sequence[Item]) -> None:
    """These items and no others, in this order. What members have ticked is theirs and stays. Raises TwiceOnThePath."""
    if len({item.id for item in items}) < len(items):
        raise TwiceOnThePath()
    # Locked, so that of two coaches at once the later order stands, whole.
    db.session.execute(select(Path.id).where(Path.id == path.id).with_for_update())
    db.session.execute(delete(PathStep).where(PathStep.path_id == path.id).execution_options(synchronize_session=False))
    db.session.add_all(
        PathStep(path_id=path.id, item_id=item.id, position=position) for position, item in enumerate(items, start=1)
    )
    db.session.flush()


def publish(path: Path, *, by: Member | None = None) -> None:
    """Show it from now on. Raises NothingOnThePath."""
    if not db.session.scalar(select(func.count()).select_from(PathStep).where(PathStep.path_id == path.id)):
        raise NothingOnThePath()
    if path.is_published:
        return
    path.published_at, path.withdrawn_at = now(), None
    if by is not None:  # starter content is loaded by nobody
        audit.record(by, "path.published", path)


def withdraw(path: Path, *, because: str, by: Member) -> None:
    """Take it from the list; its address answers 404. Its items stay where they are."""
    if not path.is_published:
        return
    path.withdrawn_at = now()
    audit.record(by, "path.withdrawn", path, because=because)


def _free_slug(title: str) -> str:
    """The title as it can stand in an address, with a number where another path has it already."""
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode().lower()
    wanted = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:80] or "path"
    taken = set(db.session.scalars(select(Path.slug).where(Path.slug.startswith(wanted, autoescape=True))))
    number = 1
    while (slug := wanted if number == 1 else f"{wanted}-{number}") in taken:
        number += 1
    return slug
