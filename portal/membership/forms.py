"""What a newcomer types."""

from __future__ import annotations

from typing import Any

from flask import request
from flask_wtf import FlaskForm
from wtforms import EmailField, PasswordField, RadioField, StringField
from wtforms.validators import DataRequired, Length


class JoinForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF ships no types
    class Meta(FlaskForm.Meta):  # type: ignore[misc]
        def wrap_formdata(self, form: Any, formdata: Any) -> Any:
            """A file sent under the name of a text field is no text, and counts as nothing typed."""
            return request.form if request.method == "POST" else None

    plan = RadioField("Your plan", choices=[], validate_choice=False)  # an unknown one counts as none
    name = StringField(
        "Your name",
        validators=[
            DataRequired("Tell us your name, as the others will read it."),
            Length(max=80, message="Keep your name to 80 characters."),
        ],
    )
    email = EmailField(
        "E-mail address",
        validators=[
            DataRequired("Enter your e-mail address."),
            Length(max=254, message="An e-mail address has at most 254 characters."),
        ],
    )
    password = PasswordField(
        "Password",
        validators=[
            DataRequired("Choose a password."),
            Length(max=200, message="A password has at most 200 characters."),
        ],
    )
