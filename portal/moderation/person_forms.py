"""The shape of a silence or suspension, of ending one, and of a note."""

from __future__ import annotations

from wtforms import RadioField, SelectField, TextAreaField
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]  # newer than the types
from wtforms.validators import AnyOf, Length

from portal.core.typed import Readable, TextForm, as_typed
from portal.moderation.person_models import SanctionKind

KINDS = {
    SanctionKind.SILENCE: "Silence: they read everything and write nothing that reaches other members",
    SanctionKind.SUSPENSION: "Suspension: they neither read nor write; their account, data and billing stay open",
}
_LONG = "Please keep it within 1,000 characters."
_IN_WORDS = {7: "1 week", 14: "2 weeks", 365: "1 year"}


def in_words(days: int) -> str:
    return _IN_WORDS.get(days) or f"{days} day{'' if days == 1 else 's'}"


class SanctionForm(TextForm):
    kind = RadioField(
        "What to decide",
        choices=[SelectChoice(kind.value, words) for kind, words in KINDS.items()],
        validate_choice=False,
        validators=[AnyOf(list(SanctionKind), message="Choose one of the two.")],
    )
    days = SelectField("For how long", coerce=int)
    because = TextAreaField(
        "Your reason",
        filters=[as_typed],
        validators=[Readable("Give the reason; they read it."), Length(max=1000, message=_LONG)],
    )


class LiftForm(TextForm):
    because = TextAreaField(
        filters=[as_typed],
        validators=[Readable("Say why it ends before its time; they read it."), Length(max=1000, message=_LONG)],
    )


class NoteForm(TextForm):
    words = TextAreaField(
        "A note for the others",
        filters=[as_typed],
        validators=[Readable("Write the note."), Length(max=2000, message="Please keep it within 2,000 characters.")],
    )
