"""The shape of what is typed on the pages of accounts."""

from __future__ import annotations

from wtforms import BooleanField, EmailField, HiddenField, PasswordField, StringField
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
    code = StringField("Code", validators=_CODE)
    trust = BooleanField("Remember this browser for 30 days")
    next = HiddenField()


class AskForCodeForm(TextForm):
    email = EmailField("E-mail address", validators=_EMAIL)
    next = HiddenField()


class MailedCodeForm(TextForm):
    code = StringField("Code from the letter", validators=_CODE)
    next = HiddenField()


class PasskeyForm(TextForm):
    """What the browser hands over is JSON; whether it is any good is asked by passkeys.py."""

    credential = HiddenField()
    next = HiddenField()


class PasskeyNameForm(TextForm):
    name = StringField(
        "Name",
        validators=[DataRequired("Give it a name."), Length(max=60, message="Keep the name to 60 characters.")],
    )


class AgainByCodeForm(TextForm):
    code = StringField("Code", validators=_CODE)
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
