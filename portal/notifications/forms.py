"""How soon one wants to hear of what."""

from __future__ import annotations

from wtforms import SelectField
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]  # newer than the types

from portal.core.typed import TextForm
from portal.notifications.models import Rhythm, Stream

_HOW = [
    SelectChoice(Rhythm.NOW.value, "A letter at once"),
    SelectChoice(Rhythm.DAILY.value, "One letter a day"),
    SelectChoice(Rhythm.SITE.value, "In the inbox only"),
    SelectChoice(Rhythm.OFF.value, "Not at all"),
]


class MailForm(TextForm):
    """One choice a stream, named like it. What is not sent stays as it is."""

    mentions = SelectField("Somebody mentions or quotes you", choices=_HOW)
    answers = SelectField("Answers in conversations you began", choices=_HOW)
    replies = SelectField("Conversations, rooms and topics you follow", choices=_HOW)
    people = SelectField("What people you follow write", choices=_HOW)
    new_items = SelectField("New in the library, about topics you follow", choices=_HOW)
    flags = SelectField("What became of something you flagged", choices=_HOW)

    def rhythm_for(self, stream: Stream) -> Rhythm:
        return Rhythm(self[stream.value].data)
