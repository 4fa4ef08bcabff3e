"""The shape of what is typed into a conversation."""

from __future__ import annotations

import secrets
from typing import Any

from flask_wtf import FlaskForm
from wtforms import HiddenField, StringField, TextAreaField
from wtforms.validators import Length, ValidationError

from portal.core.markdown import MAX_LENGTH
from portal.core.web import plain_name

_LONG = f"This is longer than {MAX_LENGTH:,} characters. Shorten it, or send it as two posts."


class Words:
    """Something a person can read, not only blanks and invisible signs."""

    def __init__(self, message: str) -> None:
        self.message = message

    def __call__(self, _form: Any, field: Any) -> None:
        if not any(c.isprintable() and not c.isspace() for c in field.data or ""):
            raise ValidationError(self.message)


def as_typed(text: str | None) -> str | None:
    """One kind of line end, so that a limit counts what the writer counts; no NUL, no blank end."""
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\x00", "").rstrip() if text else text


def one_line(text: str | None) -> str | None:
    return plain_name(text) if text else text


def _new_key() -> str:
    return secrets.token_urlsafe(12)


class ReplyForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF ships no types
    body = TextAreaField(
        "Your reply",
        filters=[as_typed],
        validators=[Words("Write something first."), Length(max=MAX_LENGTH, message=_LONG)],
    )
    send_key = HiddenField(default=_new_key)


class EditForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF ships no types
    body = TextAreaField(
        "Your post",
        filters=[as_typed],
        validators=[Words("Write something first."), Length(max=MAX_LENGTH, message=_LONG)],
    )


class ThreadForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF ships no types
    title = StringField(
        "Title",
        filters=[one_line],
        validators=[
            Words("Give it a title, so that others know whether they can help."),
            Length(max=160, message="Keep the title within 160 characters; the rest fits below it."),
        ],
    )
    body = TextAreaField(
        "What is it about?",
        filters=[as_typed],
        validators=[Words("Write a few words to begin with."), Length(max=MAX_LENGTH, message=_LONG)],
    )
    send_key = HiddenField(default=_new_key)
