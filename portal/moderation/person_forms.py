"""The shape of a silence or suspension, of ending one, and of a note."""

from __future__ import annotations

from wtforms import RadioField, SelectField, StringField, TextAreaField
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]  # newer than the types
from wtforms.validators import AnyOf, Length

from portal.core.typed import Readable, TextForm, as_typed
from portal.moderation.person_models import LENGTHS, SanctionKind

KINDS = {
    SanctionKind.SILENCE: "Silence: they read everything and write nothing that reaches other members",
    SanctionKind.SUSPENSION: "Suspension: they neither read nor write; their account, data and billing stay open",
}
_ALSO = [  # the same beside a ruling
    SelectChoice("", "Neither"),
    SelectChoice(SanctionKind.SILENCE.value, "Silence"),
    SelectChoice(SanctionKind.SUSPENSION.value, "Suspension"),
]
_LONG = "Please keep it within 1,000 characters."
_IN_WORDS = {7: "1 week", 14: "2 weeks", 365: "1 year"}


def in_words(days: int) -> str:
    return _IN_WORDS.get(days) or f"{days} day{'' if days == 1 else 's'}"


_LENGTHS = [SelectChoice(days, in_words(days)) for days in LENGTHS]


class WithSanction:
    """Fields of a ruling that also silences or suspends whoever wrote the words; it does not, unless that is chosen."""

    sanction = SelectField("Also silence or suspend", choices=_ALSO, default="")
    days = SelectField("For how long", coerce=int, choices=_LENGTHS, default=7)
    whom = StringField(filters=[as_typed])  # the handle of whom the page named


class SanctionForm(TextForm):
    kind = RadioField(
        "What to decide",
        choices=[SelectChoice(kind.value, words) for kind, words in KINDS.items()],
        validate_choice=False,
        validators=[AnyOf(list(SanctionKind), message="Choose one of the two.")],
    )
    days = SelectField("For how long", coerce=int, choices=_LENGTHS, default=7)
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
