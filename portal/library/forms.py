"""What is typed to begin a conversation about an item."""

from __future__ import annotations

from wtforms import HiddenField, SelectField, StringField, TextAreaField
from wtforms.validators import Length

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
    send_key = HiddenField(validators=[Length(max=64)])
