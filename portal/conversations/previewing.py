"""How words will stand in a room, before they are sent: as posting writes them and as their writer will read them."""

from __future__ import annotations

from portal.accounts.writing_pages import rendered
from portal.conversations import cards, mentioning
from portal.conversations.models import Room


def previewed(words: str, room: Room) -> str:
    """Their HTML, with a link to each person whom they would speak to there, and cards of what their writer may know.
    Nobody is told of anything. Raises TooLongToShow."""
    html, _spoken_to = mentioning.linked(rendered(words), room)
    return cards.with_cards([html])[0]
