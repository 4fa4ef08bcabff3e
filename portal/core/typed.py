"""What people type, before any rule looks at it: text is text, has one kind of line end, and can be read."""

from __future__ import annotations

from typing import Any

from flask import request
from flask_wtf import FlaskForm
from wtforms.validators import ValidationError

from portal.core.markdown import says_something
from portal.core.web import plain_name


class TextForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF ships no types
    """A form without files: a file sent under the name of a text field counts as nothing typed.

    `formdata=None` says that what was sent belongs to another form of the page.
    """

    class Meta(FlaskForm.Meta):  # type: ignore[misc]  # nor here
        def wrap_formdata(self, form: Any, formdata: Any) -> Any:
            return request.form if request.method == "POST" and formdata is not None else None


class PlainForm(TextForm):
    """A button alone."""


class Readable:
    """Something a person can read, not only blanks and invisible signs."""

    def __init__(self, message: str) -> None:
        self.message = message

    def __call__(self, _form: Any, field: Any) -> None:
        if not says_something(field.data or ""):
            raise ValidationError(self.message)


def as_typed(text: str | None) -> str | None:
    """One kind of line end, so that a limit counts what the writer counts; no NUL, no blank end."""
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\x00", "").rstrip() if text else text


def one_line(text: str | None) -> str | None:
    return plain_name(text) if text else text
