"""What search knows of the long texts of an item: its transcript and what stands in its files, with the way to each."""

from __future__ import annotations

from portal.core.search import Passage
from portal.library import transcripts
from portal.library.models import Episode, Item


def passages_of(item: Item) -> list[Passage]:
    """The stretches in which a reader finds what they look for; open to whoever may read the item."""
    return _of_transcript(item.transcript) if isinstance(item, Episode) and item.transcript else []


def _of_transcript(vtt: str) -> list[Passage]:
    """Each paragraph, opened at its second: by the address for whoever listens, by its mark for whoever reads."""
    return [
        Passage(passage.words, passage.stamp, f"?t={passage.second}#t={passage.second}")
        for passage in transcripts.passages(vtt)
    ]
