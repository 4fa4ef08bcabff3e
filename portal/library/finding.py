"""What search knows of the long texts of an item: its transcript and what stands in its files, with the way to each."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Row, func, select

from portal.core.db import db
from portal.core.folding import words_of
from portal.core.indexing import Passage
from portal.library import transcripts
from portal.library.models import Episode, File, FileText, Item, Version

_LETTERS = 500  # of one passage of a file, about as much as one reads at a glance

_PAGE = {
    "application/pdf": "page",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": "slide",
}


def passages_of(item: Item) -> list[Passage]:
    """The stretches in which a reader finds what they look for; open to whoever may read the item."""
    spoken = _of_transcript(item.transcript) if isinstance(item, Episode) and item.transcript else []
    return [*spoken, *_of_files(item)]


def _of_transcript(vtt: str) -> list[Passage]:
    """Each paragraph, opened at its second: by the address for whoever listens, by its mark for whoever reads."""
    return [
        Passage(passage.words, passage.stamp, f"?t={passage.second}#t={passage.second}")
        for passage in transcripts.passages(vtt)
    ]


def _of_files(item: Item) -> Iterator[Passage]:
    """The newest edition's files, the main one first. What stands in two of them (a PDF, and the same as a Word file
    to fill in) is shown in the first."""
    known: set[str] = set()
    for file in _newest_texts(item):
        words = set()
        called = _PAGE.get(file.media_type) if len(file.pages) > 1 else None
        for page, text in enumerate(file.pages, start=1):
            label = f"“{file.name}”, {called} {page}" if called else f"“{file.name}”"
            for stretch in _stretches(text):
                said = set(words_of(stretch))
                words |= said
                if not said <= known:
                    yield Passage(stretch, label)
        known |= words


def _newest_texts(item: Item) -> list[Row[Any]]:
    newest = select(func.max(Version.number)).where(Version.item_id == item.id).scalar_subquery()
    return list(
        db.session.execute(
            select(File.name, File.media_type, FileText.pages)
            .join(FileText, FileText.file_id == File.id)
            .join(Version, Version.id == File.version_id)
            .where(Version.item_id == item.id, Version.number == newest)
            .order_by(File.position)
        )
    )


def _stretches(text: str) -> Iterator[str]:
    """A page in pieces of a few sentences, cut between words."""
    while len(text) > _LETTERS:
        cut = text.rfind(" ", 1, _LETTERS) if " " in text[1:_LETTERS] else _LETTERS
        yield text[:cut]
        text = text[cut:].lstrip()
    if text:
        yield text
