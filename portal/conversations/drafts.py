"""Words on their way into a conversation, kept by accounts/drafting.py under one name for each place."""

from __future__ import annotations

from typing import Any

from flask import Response, request

from portal.accounts import drafting
from portal.accounts.models import Draft
from portal.core import markdown
from portal.core.errors import Refusal
from portal.core.web import when

_MOST = 5 * markdown.MAX_LENGTH  # characters: a long text that is still to be cut, and no store for anything else


class TooLongToKeep(Refusal):
    message = "This is much longer than a post may be, so we do not keep it. Shorten it, or make several posts of it."
    status = 422


def of_room(room_id: int) -> str:
    """A thread that is not begun yet."""
    return f"room:{room_id}"


def of_thread(thread_id: int) -> str:
    """A reply."""
    return f"thread:{thread_id}"


def of_post(post_id: int) -> str:
    """Other words for a post."""
    return f"post:{post_id}"


def receive(thing: str) -> Response:
    """Keep what a form sends of itself. Raises TooLongToKeep."""
    if sum(len(name) + len(word) for name, word in request.form.items(multi=True)) > _MOST:
        raise TooLongToKeep()
    return drafting.receive(thing)


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
