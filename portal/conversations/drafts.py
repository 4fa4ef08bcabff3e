"""Words on their way into a conversation, kept by accounts/drafting.py under one name for each place."""

from __future__ import annotations

from typing import Any

from flask import request

from portal.accounts.models import Draft
from portal.core.web import when


def of_room(room_id: int) -> str:
    """A thread that is not begun yet."""
    return f"room:{room_id}"


def of_thread(thread_id: int) -> str:
    """A reply."""
    return f"thread:{thread_id}"


def of_post(post_id: int) -> str:
    """Other words for a post."""
    return f"post:{post_id}"


def as_data(draft: Draft | None, *, lists: tuple[str, ...] = ()) -> dict[str, Any]:
    """What the form is opened with: each field's word, or all of them for those of `lists`."""
    fields = draft.fields if draft else {}
    return {name: values if name in lists else values[0] for name, values in fields.items() if values}


def alts_in(draft: Draft | None) -> dict[str, str]:
    """What the pictures of a form show, as far as it was typed: by the name of its field."""
    typed = request.form if request.method == "POST" else as_data(draft)
    return {name: words for name, words in typed.items() if name.startswith("alt-")}


def said(draft: Draft | None) -> str:
    """What stands beside the form's buttons when it is opened."""
    return f"Saved {when(draft.saved_at).striptags()}" if draft else ""
