"""What is typed to begin a conversation about an item."""

from __future__ import annotations

from flask_wtf import FlaskForm
from wtforms import HiddenField, SelectField, StringField, TextAreaField
from wtforms.validators import DataRequired, InputRequired, Length

from portal.core.markdown import MAX_LENGTH
from portal.core.web import plain_name


class DiscussForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF has no types
    title = StringField(
        "Title",
        filters=[lambda typed: plain_name(typed or "")],
        validators=[DataRequired("Give it a title."), Length(max=160, message="Keep the title under 160 characters.")],
    )
    room = SelectField("Room", validate_choice=True)
    body = TextAreaField(
        "Your words",
        validators=[
            InputRequired("Write a few words."),
            Length(max=MAX_LENGTH, message=f"Keep it under {MAX_LENGTH:,} characters."),
        ],
    )
    send_key = HiddenField(validators=[Length(max=64)])
