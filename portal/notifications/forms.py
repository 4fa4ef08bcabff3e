"""What one may be told by letter."""

from __future__ import annotations

from wtforms import BooleanField

from portal.core.typed import TextForm
from portal.notifications.models import Stream


class MailForm(TextForm):
    """One box a stream, named like it."""

    replies = BooleanField("Replies in conversations I follow")
    new_items = BooleanField("What is new about topics I follow")

    def wants(self, stream: Stream) -> bool:
        return bool(self[stream.value].data)
