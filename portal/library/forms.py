"""What is typed about an item: the beginning of a conversation, or a sentence to the coaches."""

from __future__ import annotations

from wtforms import BooleanField, HiddenField, SelectField, StringField, TextAreaField
from wtforms.validators import AnyOf, Length

from portal.core.markdown import MAX_LENGTH
from portal.core.typed import Readable, TextForm, as_typed, one_line


class DiscussForm(TextForm):
    title = StringField(
        "Title",
        filters=[one_line],
        validators=[Readable("Give it a title."), Length(max=160, message="Keep the title under 160 characters.")],
    )
    room = SelectField("Room", validate_choice=True)
    body = TextAreaField(
        "Your words",
        filters=[as_typed],
        validators=[
            Readable("Write a few words."),
            Length(max=MAX_LENGTH, message=f"Keep it under {MAX_LENGTH:,} characters."),
        ],
    )
    safely = BooleanField("Ask safely: do not tell other members that it is me")
    send_key = HiddenField(validators=[Length(max=64)])


class OpinionForm(TextForm):
    """Useful or not; the sentence is asked for after that."""

    useful = HiddenField(validators=[AnyOf(["yes", "no"], message="Choose useful or not useful.")])
    words = TextAreaField(
        "A sentence for the coaches",
        filters=[as_typed],
        validators=[Length(max=500, message="Keep it under 500 characters; for more, begin a conversation.")],
    )
