"""What one may be told by letter."""

from __future__ import annotations

from typing import Any

from flask import request
from flask_wtf import FlaskForm
from wtforms import BooleanField

from portal.notifications.models import Stream


class MailForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF ships no types
    """One box a stream, named like it."""

    class Meta(FlaskForm.Meta):  # type: ignore[misc]
        def wrap_formdata(self, form: Any, formdata: Any) -> Any:
            """No field of ours takes a file; one sent under the name of a text field is no text."""
            return request.form if request.method == "POST" else None

    replies = BooleanField("Replies in conversations I follow")

    def wants(self, stream: Stream) -> bool:
        return bool(self[stream.value].data)
