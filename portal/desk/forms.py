"""What an owner types at the desk."""

from __future__ import annotations

from wtforms import DateField, EmailField, RadioField, SelectField
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]  # newer than the types
from wtforms.validators import AnyOf, DataRequired, Length, Optional

from portal.accounts.addresses import LONGEST
from portal.accounts.models import Role
from portal.core.typed import TextForm

ROLES = {
    Role.MEMBER: "Member without charge",
    Role.MODERATOR: "Moderator",
    Role.COACH: "Coach",
    Role.OWNER: "Owner",
}


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
