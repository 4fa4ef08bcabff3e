"""The shape of a flag and of a ruling."""

from __future__ import annotations

from typing import Any

from wtforms import BooleanField, HiddenField, RadioField, SelectField, StringField, TextAreaField
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]  # newer than the types
from wtforms.validators import AnyOf, Length, ValidationError

from portal.core.markdown import MAX_LENGTH
from portal.core.typed import Readable, TextForm, as_typed, one_line
from portal.core.web import whole_number
from portal.moderation.because import Because
from portal.moderation.models import Reason, Verdict
from portal.moderation.person_forms import WithSanction

REASONS = {
    Reason.BREACH_OF_CONFIDENCE: "It repeats what was said in confidence",
    Reason.NAMES_PATIENT_OR_EMPLOYEE: "A patient, client or employee could be recognised",
    Reason.UNSAFE_ADVICE: "Its advice could harm somebody",
    Reason.DISRESPECT: "It is disrespectful",
    Reason.SELLING: "It sells something",
    Reason.OFF_TOPIC: "It does not belong in this room",
    Reason.OTHER: "Something else",
}
UNFIT = {  # what can be wrong only with words in a room: a profile stands in none and advises nobody
    "profile": {Reason.OFF_TOPIC, Reason.UNSAFE_ADVICE},
    "nugget": {Reason.OFF_TOPIC},
}
RAISED = REASONS | {  # with what the portal itself raises
    Reason.NEWCOMER: "Among the first posts of somebody new",
    Reason.WATCHED_WORDS: "It has words from the list",
    Reason.LINKS: "Somebody new leads elsewhere more than twice",
    Reason.EDITED_OUT: "It says again what was edited out",
}
_LONG = "Please keep it within 1,000 characters."


def _because() -> TextAreaField:
    return TextAreaField(
        "Your reason",
        filters=[as_typed],
        validators=[
            Readable("Give your reason; it stands in the log, and the author may read it."),
            Length(max=1000, message=_LONG),
        ],
    )


class FlagForm(TextForm):
    """Offers the reasons that fit what is flagged: a "post", "thread", "profile" or "nugget"."""

    reason = RadioField("What is wrong with it?", validate_choice=False)
    words = TextAreaField(
        "What should the moderator know?", filters=[as_typed], validators=[Length(max=1000, message=_LONG)]
    )

    def __init__(self, name: str) -> None:
        super().__init__()
        fit = REASONS.keys() - UNFIT.get(name, set())
        self.reason.choices = [SelectChoice(reason.value, REASONS[reason]) for reason in REASONS if reason in fit]

    def validate_reason(self, field: Any) -> None:
        if field.data not in {choice.value for choice in field.choices}:
            raise ValidationError("Choose the reason that comes closest.")

    def validate_words(self, field: Any) -> None:
        if self.reason.data == Reason.OTHER:
            Readable("Say in a few words what is wrong.")(self, field)


class WatchForm(TextForm):
    words = StringField(
        "Words to look at",
        validators=[Readable("Write the words."), Length(max=100, message="Please keep it within 100 characters.")],
    )


class RulingForm(WithSanction, TextForm):
    outcome = StringField()
    because = _because()
    reply = StringField()  # the number of a saved reply, taken where nothing was written
    flag = HiddenField()
    next = HiddenField()


class ReplyForm(TextForm):
    title = StringField(
        "What it is for",
        filters=[one_line],
        validators=[Readable("Say what it is for."), Length(max=80, message="Please keep it within 80 characters.")],
    )
    words = TextAreaField(
        "The reason, as its author will read it",
        filters=[as_typed],
        validators=[Readable("Write the reason."), Length(max=1000, message=_LONG)],
    )


class AppealForm(TextForm):
    words = TextAreaField(
        "Why should somebody look at it again?",
        filters=[as_typed],
        validators=[
            Readable("Say in a few words what was overlooked."),
            Length(max=3000, message="Please keep it within 3,000 characters."),
        ],
    )


class DecisionForm(TextForm):
    verdict = StringField()
    because = TextAreaField(
        "Your reason",
        filters=[as_typed],
        validators=[
            Readable("Give your reason; whoever appealed reads it, and it stands in the log."),
            Length(max=1000, message=_LONG),
        ],
    )
    with_sanction = BooleanField(default=True)  # offered where a ruling brought one that still runs

    def chosen(self) -> Verdict | None:
        """What was decided; None, with words for it, if that was left open."""
        if self.verdict.data in {Verdict.UPHELD, Verdict.OVERTURNED}:
            return Verdict(self.verdict.data)
        self.form_errors.append("Choose what to decide.")
        return None


class EditOutForm(WithSanction, TextForm):
    body = TextAreaField(
        "What the post will say",
        filters=[as_typed],
        validators=[
            Readable("Leave something to read, or delete the post instead."),
            Length(max=MAX_LENGTH, message=f"Please keep it within {MAX_LENGTH:,} characters."),
        ],
    )
    because = _because()
    seen = HiddenField()
    flag = HiddenField()

    def answers(self) -> int | None:
        """The flag by which it was seen."""
        return whole_number(self.flag.data, otherwise=0) or None


class MoveForm(TextForm):
    room = SelectField("Room", validate_choice=True)
    because = _because()
    flag = HiddenField()

    def answers(self) -> int | None:
        """The flag by which it was seen."""
        return whole_number(self.flag.data, otherwise=0) or None


class PurgeForm(TextForm):
    scope = RadioField(
        "What is removed",
        choices=[
            SelectChoice("passage", "One passage, wherever this post or a quotation of it has it"),
            SelectChoice("whole", "All that the post says, with its files and what it said before"),
        ],
        default="passage",
        validate_choice=False,
        validators=[AnyOf(["passage", "whole"], message="Choose what is removed.")],
    )
    passage = StringField(
        "The passage", filters=[as_typed], validators=[Length(max=500, message="Please keep it within 500 characters.")]
    )
    why = RadioField(
        "Why",
        choices=[SelectChoice(each.value, each.words) for each in Because],
        validate_choice=False,
        validators=[AnyOf([each.value for each in Because], message="Choose why.")],
    )

    def validate_passage(self, field: Any) -> None:
        if self.scope.data == "passage":
            Readable("Copy the passage from the post exactly.")(self, field)
