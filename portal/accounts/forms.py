"""The shape of what is typed on the pages of accounts."""

from __future__ import annotations

from functools import cache
from zoneinfo import available_timezones

from wtforms import BooleanField, EmailField, HiddenField, PasswordField, SelectField, StringField, TextAreaField
from wtforms.validators import DataRequired, Length

from portal.accounts.addresses import LONGEST
from portal.accounts.passwords import LONGEST as LONGEST_PASSWORD
from portal.core.typed import TextForm

_EMAIL = [
    DataRequired("Enter your e-mail address."),
    Length(max=LONGEST, message=f"An e-mail address has at most {LONGEST} characters."),
]
_TOO_LONG = Length(max=LONGEST_PASSWORD, message=f"A password has at most {LONGEST_PASSWORD} characters.")


class SignInForm(TextForm):
    email = EmailField("E-mail address", validators=_EMAIL)
    password = PasswordField("Password", validators=[DataRequired("Enter your password."), _TOO_LONG])
    next = HiddenField()


_CODE = [DataRequired("Enter the code."), Length(max=60, message="A code is shorter than that.")]


class AgainForm(TextForm):
    password = PasswordField("Password", validators=[DataRequired("Enter your password."), _TOO_LONG])
    next = HiddenField()


class SecondStepForm(TextForm):
    code = StringField(
        "Code", validators=[DataRequired("Enter the code."), Length(max=60, message="That is too long.")]
    )
    trust = BooleanField("Remember this browser for 30 days")
    next = HiddenField()


class AgainByCodeForm(TextForm):
    code = StringField(
        "Code", validators=[DataRequired("Enter the code."), Length(max=60, message="That is too long.")]
    )
    next = HiddenField()


class TwoStepForm(TextForm):
    code = StringField("Code from the app", validators=_CODE)
    next = HiddenField()


class ForgotForm(TextForm):
    email = EmailField("E-mail address", validators=_EMAIL)


class ResetForm(TextForm):
    password = PasswordField("New password", validators=[DataRequired("Enter a new password."), _TOO_LONG])


class PasswordForm(TextForm):
    present = PasswordField("Present password", validators=[DataRequired("Enter your present password."), _TOO_LONG])
    new = PasswordField("New password", validators=[DataRequired("Enter a new password."), _TOO_LONG])


class PlainForm(TextForm):
    """A button alone."""


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


@cache
def zones() -> dict[str, list[tuple[str, str]]]:
    """Time zones by part of the world, those of North America first under the names people use."""
    grouped: dict[str, list[tuple[str, str]]] = {
        "": [("", "As the program’s own")],
        "North America": list(_NEAR.items()),
    }
    for zone in sorted(available_timezones() - _NEAR.keys()):
        continent, _, place = zone.partition("/")
        if continent in _CONTINENTS:
            grouped.setdefault(continent, []).append((zone, place.replace("_", " ").replace("/", ", ")))
    return grouped


class ProfileForm(TextForm):
    name = StringField(
        "Name",
        validators=[
            DataRequired("Tell us your name, as the others will read it."),
            Length(max=80, message="Keep your name to 80 characters."),
        ],
    )
    practice = StringField("Practice", validators=[Length(max=120, message="Keep it to 120 characters.")])
    title = StringField("What you do there", validators=[Length(max=120, message="Keep it to 120 characters.")])
    bio = TextAreaField("About you", validators=[Length(max=2_000, message="Keep it to 2,000 characters.")])
    time_zone = SelectField("Time zone", choices=zones)
