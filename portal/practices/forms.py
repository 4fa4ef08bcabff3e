"""The shape of what is typed into a profile."""

from __future__ import annotations

from functools import cache
from zoneinfo import available_timezones

from babel import Locale
from wtforms import BooleanField, FileField, SelectField, SelectMultipleField, StringField, TextAreaField
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]  # newer than the types
from wtforms.validators import DataRequired, InputRequired, Length
from wtforms.widgets import CheckboxInput, ListWidget

from portal.core.locales import ENGLISH, OTHERS
from portal.core.typed import TextForm
from portal.practices.choosing import choices
from portal.practices.models import Field, Part, Region, Size, Specialty, in_words

_NEAR = {
    "America/New_York": "Eastern Time",
    "America/Chicago": "Central Time",
    "America/Denver": "Mountain Time",
    "America/Phoenix": "Mountain Time, Arizona",
    "America/Los_Angeles": "Pacific Time",
    "America/Anchorage": "Alaska",
    "Pacific/Honolulu": "Hawaii",
    "America/Halifax": "Atlantic Time",
}
_CONTINENTS = ("Africa", "America", "Asia", "Atlantic", "Australia", "Europe", "Indian", "Pacific")
_NO_NAME = "Tell us your name, as the others will read it."
Choices = dict[str, str]  # what is sent, and what people read


@cache
def zones() -> dict[str, Choices]:
    """Time zones by part of the world, those of North America first under the names people use."""
    grouped: dict[str, Choices] = {
        "": {"": "As the program’s own"},
        "North America": dict(_NEAR),
    }
    for zone in sorted(available_timezones() - _NEAR.keys()):
        continent, _, place = zone.partition("/")
        if continent in _CONTINENTS:
            grouped.setdefault(continent, {})[zone] = place.replace("_", " ").replace("/", ", ")
    return grouped


@cache
def manners() -> dict[str, Choices]:
    """Ways to write dates and money, by language and country."""
    return {
        "": {"": "As the program’s own"},
        "English": {name: _locale_in_words(name) for name in ENGLISH},
        "Other languages, for dates and numbers only": {name: _locale_in_words(name) for name in OTHERS},
    }


def _locale_in_words(name: str) -> str:
    locale = Locale.parse(name)
    return f"{locale.get_territory_name('en')}" if locale.language == "en" else str(locale.get_display_name("en"))


class ProfileForm(TextForm):
    name = StringField(
        "Name",
        validators=[
            InputRequired(_NO_NAME),  # a request without the field is no form of ours
            DataRequired(_NO_NAME),
            Length(max=80, message="Keep your name to 80 characters."),
        ],
    )
    practice = StringField("Practice", validators=[Length(max=120, message="Keep it to 120 characters.")])
    specialty = SelectField("Specialty", choices=choices(Specialty, "Not said"))
    part = SelectField("Your role there", choices=choices(Part, "Not said"))
    title = StringField("Title", validators=[Length(max=120, message="Keep it to 120 characters.")])
    size = SelectField("People who work there", choices=choices(Size, "Not said"))
    region = SelectField("Region", choices=choices(Region, "Not said"))
    bio = TextAreaField("About you", validators=[Length(max=2_000, message="Keep it to 2,000 characters.")])
    shown = SelectMultipleField(
        "Members see",
        choices=[SelectChoice(field.value, in_words(field)) for field in Field],
        widget=ListWidget(prefix_label=False),
        option_widget=CheckboxInput(),
    )
    listed = BooleanField("List me in the directory of members")
    time_zone = SelectField("Time zone", choices=zones)
    locale = SelectField("Dates and money as in", choices=manners)


class PhotoForm(TextForm):
    """What is wrong with a photo stands beside this field; the file itself is read by its view."""

    photo = FileField("Photo")
