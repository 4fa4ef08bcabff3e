"""What a coach types about an item: one form a kind, and the way between its fields and how an item keeps them."""

from __future__ import annotations

from datetime import date, time
from typing import Any
from urllib.parse import urlsplit

from flask import current_app
from werkzeug.datastructures import MultiDict
from wtforms import (
    BooleanField,
    DateField,
    HiddenField,
    IntegerField,
    SelectField,
    SelectMultipleField,
    StringField,
    TextAreaField,
    TimeField,
)
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]  # newer than the types
from wtforms.validators import InputRequired, Length, NumberRange, Optional, ValidationError
from wtforms.widgets import CheckboxInput, ListWidget

from portal.core import markdown
from portal.core.typed import Readable, TextForm, as_typed, one_line
from portal.library import transcripts
from portal.library.models import Kind
from portal.library.writing import LABELS, NO, YES, Fields
from portal.practices.choosing import choices
from portal.practices.models import Region, Size, Specialty

_LONGEST_TRANSCRIPT = 400_000  # characters; three hours of talk
_TOO_LONG = f"Keep it under {markdown.MAX_LENGTH:,} characters."
_NUMBERS = {"minutes", "number"}
_SAID = {"is_free", "public_notes"}


def _line(label: str, most: int) -> StringField:
    return StringField(
        label, filters=[one_line], validators=[Length(max=most, message=f"Keep it under {most} characters.")]
    )


def _markdown(label: str) -> TextAreaField:
    return TextAreaField(label, filters=[as_typed], validators=[Length(max=markdown.MAX_LENGTH, message=_TOO_LONG)])


def _lines(label: str) -> TextAreaField:
    return TextAreaField(
        label, filters=[as_typed], validators=[Length(max=4000, message="Keep it under 4,000 characters.")]
    )


def _or_nothing(chosen: str | None) -> str:
    return chosen or ""


def _is_web_address(typed: str) -> bool:
    try:
        parts = urlsplit(typed)
    except ValueError:
        return False
    return parts.scheme in {"https", "http"} and bool(parts.hostname)


class ItemForm(TextForm):
    """What all kinds have. `seen` is the number of the revision that the writer began from."""

    class Meta(TextForm.Meta):
        def wrap_formdata(self, form: Any, formdata: Any) -> Any:
            return formdata if isinstance(formdata, MultiDict) else super().wrap_formdata(form, formdata)

    seen = HiddenField(validators=[Length(max=9)])
    title = StringField(
        "Title",
        filters=[one_line],
        validators=[Readable("Give it a title."), Length(max=160, message="Keep the title under 160 characters.")],
    )
    summary = TextAreaField(
        "Summary",
        filters=[as_typed],
        validators=[
            Readable("Say in a sentence what it is. Everybody reads this, members or not."),
            Length(max=500, message="Keep the summary under 500 characters."),
        ],
    )
    problem = _line("The problem it is for", 200)
    topics = SelectMultipleField(
        "Topics", widget=ListWidget(prefix_label=False), option_widget=CheckboxInput(), validate_choice=True
    )
    is_free = BooleanField("Free with an account")

    @property
    def revision_seen(self) -> int:
        typed = self.seen.data or ""
        return int(typed) if typed.isascii() and typed.isdigit() else 0


class ToolForm(ItemForm):
    minutes = IntegerField(
        "Minutes to fill in",
        validators=[Optional(), NumberRange(1, 600, message="Give whole minutes, from 1 to 600.")],
    )
    body = _markdown("How to use it")


class ResourceForm(ItemForm):
    link = _line("Link", 500)
    body = _markdown("The text")

    def validate_link(self, field: Any) -> None:
        if field.data and not _is_web_address(field.data):
            raise ValidationError("Give the whole address, beginning with https://")


class NuggetForm(ItemForm):
    practice_type = _line("Kind of practice, as readers see it", 120)
    practice_size = _line("Its size, as readers see it", 120)
    specialty = SelectField("Specialty", choices=choices(Specialty, "Not said"), filters=[_or_nothing])
    size = SelectField("People who work there", choices=choices(Size, "Not said"), filters=[_or_nothing])
    region = SelectField("Region", choices=choices(Region, "Not said"), filters=[_or_nothing])
    situation = _markdown("The situation")
    change = _markdown("What they changed")
    result = _markdown("What came of it")
    body = _markdown("What to take from it")


class EpisodeForm(ItemForm):
    number = IntegerField(
        "Number",
        validators=[
            InputRequired("Give the episode’s number."),
            NumberRange(1, 99_999, message="Give a whole number above 0."),
        ],
    )
    aired_on = DateField("Aired on", validators=[Optional()])
    guests = _lines("Guests")
    hear = _lines("You will hear")
    links = _lines("Where else to listen")
    tool = SelectField("The tool for it", validate_choice=False)  # another that went meanwhile counts as none
    step = _line("Ten minutes for you", 300)
    chapters = _lines("Chapters")
    public_notes = BooleanField("Visitors may read the notes")
    body = _markdown("Notes")
    transcript = TextAreaField(
        "Transcript",
        filters=[as_typed],
        validators=[Length(max=_LONGEST_TRANSCRIPT, message="This is longer than three hours of talk. Shorten it.")],
    )

    def validate_chapters(self, field: Any) -> None:
        wrong = [line for line in (field.data or "").split("\n") if line.strip() and not transcripts.chapters([line])]
        if wrong:
            raise ValidationError(f"Begin each line with its time, such as 1:30 The third column. Not so: “{wrong[0]}”")

    def validate_transcript(self, field: Any) -> None:
        if field.data and not transcripts.passages(field.data):
            raise ValidationError("This is no WebVTT: it needs lines such as 00:01:02.000 --> 00:01:09.000.")


FORMS: dict[Kind, type[ItemForm]] = {
    Kind.TOOL: ToolForm,
    Kind.RESOURCE: ResourceForm,
    Kind.NUGGET: NuggetForm,
    Kind.EPISODE: EpisodeForm,
}


def said(form: ItemForm) -> Fields:
    """What stands in the form, as an item keeps it."""
    return {name: _as_text(form[name].data) for name in LABELS[kind_of(form)] if name in form}


def as_data(fields: Fields) -> dict[str, Any]:
    """What an item keeps, as the form's fields take it."""
    data: dict[str, Any] = dict(fields)
    data["topics"] = [slug for slug in fields.get("topics", "").split("\n") if slug]
    data |= {name: fields[name] == YES for name in _SAID if name in fields}
    data |= {name: int(fields[name]) if fields[name] else None for name in _NUMBERS if name in fields}
    if "aired_on" in fields:
        data["aired_on"] = date.fromisoformat(fields["aired_on"]) if fields["aired_on"] else None
    return data


def kind_of(form: ItemForm) -> Kind:
    return next(kind for kind, made in FORMS.items() if isinstance(form, made))


def _as_text(value: Any) -> str:
    if isinstance(value, bool):
        return YES if value else NO
    if isinstance(value, list):
        return "\n".join(value)
    if isinstance(value, date):
        return value.isoformat()
    return "" if value is None else str(value)


class ReleaseForm(TextForm):
    """When an item appears, and whether followers hear of it."""

    day = DateField("Day", validators=[Optional()])
    clock = TimeField("Time", validators=[Optional()], default=time(9))
    announce = BooleanField("Tell those who follow its topics, by letter")


class EditionForm(TextForm):
    note = TextAreaField(
        "What changed",
        filters=[as_typed],
        validators=[Length(max=500, message="Keep it under 500 characters.")],
    )


def largest_upload() -> int:
    """Bytes that one sending may have."""
    megabytes: int = current_app.config["LARGEST_UPLOAD_MB"]
    return megabytes * 1_000_000


def tool_choices(tools: list[tuple[str, str]]) -> list[Any]:
    return [SelectChoice("", "None"), *(SelectChoice(slug, title) for slug, title in tools)]
