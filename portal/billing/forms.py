"""What is asked of somebody who leaves."""

from __future__ import annotations

from wtforms import RadioField, TextAreaField
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]  # newer than the types
from wtforms.validators import Length

from portal.billing.ending import REASONS
from portal.core.typed import TextForm, as_typed


class CancelForm(TextForm):
    reason = RadioField(
        "Why are you leaving?",
        choices=[SelectChoice(reason, words) for reason, words in REASONS.items()],
        validate_choice=False,  # none is an answer too; an unknown one counts as none
    )
    comment = TextAreaField(
        "What could we have done better?",
        filters=[as_typed],
        validators=[Length(max=1000, message="Please keep it within 1,000 characters.")],
    )
