"""What an owner types at the desk."""

from __future__ import annotations

from wtforms import DateField, EmailField, RadioField, SelectField, TextAreaField
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]  # newer than the types
from wtforms.validators import AnyOf, DataRequired, Length, Optional

from portal.accounts.addresses import LONGEST
from portal.accounts.models import Role
from portal.billing.models import GrantSource
from portal.core.typed import Readable, TextForm, as_typed

ROLES = {
    Role.MEMBER: "Member without charge",
    Role.MODERATOR: "Moderator",
    Role.COACH: "Coach",
    Role.OWNER: "Owner",
}


SOURCES = {
    GrantSource.COMPLIMENTARY: "A gift of ours: a speaker, a friend of the program",
    GrantSource.MANUAL: "Paid another way: by invoice or bank transfer",
}
_LONG = "Please keep it within 1,000 characters."


class InviteForm(TextForm):
    email = EmailField(
        "E-mail address",
        validators=[
            DataRequired("Enter the address to write to."),
            Length(max=LONGEST, message=f"An e-mail address has at most {LONGEST} characters."),
        ],
    )
    role = RadioField(
        "As",
        choices=[SelectChoice(role.value, words) for role, words in ROLES.items()],
        default=Role.MEMBER.value,
        validate_choice=False,
        validators=[AnyOf([role.value for role in ROLES], message="Choose what they are invited as.")],
    )
    until = DateField("Open until", validators=[Optional()])


class RoleForm(TextForm):
    role = SelectField(
        "Role",
        choices=[SelectChoice(role.value, role.value.capitalize()) for role in Role],
        validate_choice=False,
        validators=[AnyOf([role.value for role in Role], message="Choose one of the roles.")],
    )


class ReasonForm(TextForm):
    because = TextAreaField(
        "Why",
        filters=[as_typed],
        validators=[
            Readable("Say why, so that whoever reads the log understands it."),
            Length(max=1000, message=_LONG),
        ],
    )


class GrantForm(ReasonForm):
    source = RadioField(
        "What it is",
        choices=[SelectChoice(source.value, words) for source, words in SOURCES.items()],
        default=GrantSource.COMPLIMENTARY.value,
        validate_choice=False,
        validators=[AnyOf([source.value for source in SOURCES], message="Choose what it is.")],
    )
    until = DateField("Last day", validators=[Optional()])
