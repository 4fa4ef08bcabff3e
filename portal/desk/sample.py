"""A form with one field of each kind, for the page of components."""

from __future__ import annotations

from typing import Any

from flask_wtf import FlaskForm
from werkzeug.datastructures import MultiDict
from wtforms import BooleanField, FileField, PasswordField, RadioField, SelectField, StringField, TextAreaField
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]  # newer than the types
from wtforms.validators import InputRequired, Length

from portal.core.clock import now


class SampleForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF ships no types
    """Never sent anywhere."""

    name = StringField("Name", [InputRequired("Tell us what to call you.")])
    email = StringField("E-mail", [InputRequired("An e-mail address is needed."), Length(max=20, message="Too long.")])
    password = PasswordField("Password", [InputRequired("Choose a password.")])
    body = TextAreaField("Your reply", [InputRequired("Write something first.")])
    room = SelectField(
        "Room",
        choices=[
            SelectChoice("", "Choose a room"),
            SelectChoice("owners", "Owners’ table"),
            SelectChoice("roles", "Roles and seats"),
        ],
        validators=[InputRequired("Choose a room.")],
    )
    rhythm = RadioField(
        "How often",
        choices=[SelectChoice("now", "At once"), SelectChoice("off", "Not at all")],
        validators=[InputRequired("Choose one.")],
    )
    file = FileField("File", [InputRequired("Choose a file.")])
    terms = BooleanField("I keep what is said here to myself", [InputRequired("Members agree to this.")])


def sample_form() -> dict[str, Any]:
    """`form` as it opens, and `bad` after everything in it was refused."""
    bad = SampleForm(formdata=MultiDict({"email": "someone at a very long address"}), meta={"csrf": False})
    bad.validate()
    return {"form": SampleForm(formdata=None), "bad": bad, "moment": now()}
