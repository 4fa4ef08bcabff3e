"""The shape of what is typed into a conversation."""

from __future__ import annotations

import secrets

from wtforms import BooleanField, HiddenField, RadioField, SelectMultipleField, StringField, TextAreaField
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]  # newer than the types
from wtforms.validators import Length
from wtforms.widgets import CheckboxInput, ListWidget

from portal.conversations.models import ThreadKind
from portal.core.markdown import MAX_LENGTH
from portal.core.typed import Readable, TextForm, as_typed, one_line

_LONG = f"This is longer than {MAX_LENGTH:,} characters. Shorten it, or send it as two posts."


def new_send_key() -> str:
    """What tells two submits of one form from two forms."""
    return secrets.token_urlsafe(12)


class ReplyForm(TextForm):
    class Meta(TextForm.Meta):
        csrf = False  # asked for all forms before any view; this one is drawn with the page's own token

    body = TextAreaField(
        "Your reply",
        filters=[as_typed],
        validators=[Readable("Write something first."), Length(max=MAX_LENGTH, message=_LONG)],
    )
    send_key = HiddenField(default=new_send_key)


class EditForm(TextForm):
    body = TextAreaField(
        "Your post",
        filters=[as_typed],
        validators=[Readable("Write something first."), Length(max=MAX_LENGTH, message=_LONG)],
    )
    seen = HiddenField()  # the mark of the words that the form was opened with


class ThreadForm(TextForm):
    kind = RadioField(
        "What do you bring?",
        choices=[
            SelectChoice(ThreadKind.QUESTION, "A question, which somebody may have the answer to"),
            SelectChoice(ThreadKind.STORY, "A story: what happened, and what came of it"),
            SelectChoice(ThreadKind.DISCUSSION, "A discussion, to think something through together"),
        ],
        coerce=ThreadKind,
        default=ThreadKind.QUESTION,
    )
    title = StringField(
        "Title",
        filters=[one_line],
        validators=[
            Readable("Give it a title, so that others know whether they can help."),
            Length(max=160, message="Keep the title within 160 characters; the rest fits below it."),
        ],
    )
    body = TextAreaField(
        "What is it about?",
        filters=[as_typed],
        validators=[Readable("Write a few words to begin with."), Length(max=MAX_LENGTH, message=_LONG)],
    )
    about = StringField(
        "What in the library it is about",
        filters=[one_line],
        validators=[Length(max=255, message="The name of a thing in the library is shorter than that.")],
    )
    topics = SelectMultipleField(
        "Topics", choices=[], widget=ListWidget(prefix_label=False), option_widget=CheckboxInput()
    )
    safely = BooleanField("Ask safely: do not tell other members that it is me")
    send_key = HiddenField(default=new_send_key)
