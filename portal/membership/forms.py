"""What a newcomer types."""

from __future__ import annotations

from wtforms import BooleanField, EmailField, PasswordField, RadioField, StringField
from wtforms.validators import DataRequired, Length, ValidationError

from portal.accounts.addresses import NotAnAddress, canonical
from portal.core.typed import TextForm


def _name() -> StringField:
    return StringField(
        "Your name",
        validators=[
            DataRequired("Tell us your name, as the others will read it."),
            Length(max=80, message="Keep your name to 80 characters."),
        ],
    )


def _password() -> PasswordField:
    return PasswordField(
        "Password",
        validators=[
            DataRequired("Choose a password."),
            Length(max=200, message="A password has at most 200 characters."),
        ],
    )


class JoinForm(TextForm):
    plan = RadioField("Your plan", choices=[], validate_choice=False)  # an unknown one counts as none
    name = _name()
    email = EmailField(
        "E-mail address",
        validators=[
            DataRequired("Enter your e-mail address."),
            Length(max=254, message="An e-mail address has at most 254 characters."),
        ],
    )
    password = _password()

    def validate_email(self, field: EmailField) -> None:
        """Said together with what else is missing, not once that is mended."""
        if field.errors:
            return
        try:
            canonical(field.data or "")
        except NotAnAddress as no:
            raise ValidationError(no.message) from None


class InvitedForm(TextForm):
    """What an account needs when an invitation has named its address."""

    name = _name()
    password = _password()


class AddressForm(TextForm):
    email = EmailField(
        "New e-mail address",
        validators=[
            DataRequired("Enter the new address."),
            Length(max=254, message="An e-mail address has at most 254 characters."),
        ],
    )


class LeaveForm(TextForm):
    words_too = BooleanField("Remove the words of my posts as well")
