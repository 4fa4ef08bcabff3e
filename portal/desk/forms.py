"""What an owner types at the desk."""

from __future__ import annotations

from typing import Any

from wtforms import (
    BooleanField,
    DateField,
    EmailField,
    HiddenField,
    RadioField,
    SelectField,
    StringField,
    TextAreaField,
)
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]  # newer than the types
from wtforms.validators import AnyOf, DataRequired, Length, Optional

from portal.accounts.addresses import LONGEST
from portal.accounts.models import Role
from portal.billing.models import GrantSource
from portal.conversations.models import RoomKind
from portal.core.markdown import MAX_LENGTH
from portal.core.typed import Readable, TextForm, as_typed, one_line

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


class AskForm(TextForm):
    """Whom to ask for a story, and what their naming would say."""

    name = StringField(
        "The client’s name",
        filters=[one_line],
        validators=[
            Readable("Write the client’s name as it would stand below the story."),
            Length(max=120, message="Keep it to 120 characters."),
        ],
    )
    email = EmailField(
        "Their e-mail address",
        validators=[
            DataRequired("Enter the address to write to."),
            Length(max=LONGEST, message=f"An e-mail address has at most {LONGEST} characters."),
        ],
    )
    role = StringField(
        "What they are, without a name",
        filters=[one_line],
        validators=[
            Readable("Say what they are, as a reader would see it: the owner of a dental practice."),
            Length(max=160, message="Keep it to 160 characters."),
        ],
    )


class DeclareForm(TextForm):
    """A coach answers for a story that is nobody’s own."""

    sure = BooleanField(
        "This is drawn from several practices. No single client could say: this is mine.",
        validators=[DataRequired("Confirm it, or ask the client whose story it is.")],
    )
    public = BooleanField("Visitors may read all of it, not only members")


KINDS_OF_ROOMS = {
    RoomKind.MEMBERS: "All members",
    RoomKind.CIRCLE: "A closed circle: only the people you name",
    RoomKind.COACHES: "Coaches only",
    RoomKind.PUBLIC: "All members, and anyone may read along",
}


class RoomForm(TextForm):
    title = StringField(
        "Name",
        filters=[one_line],
        validators=[Readable("Give the room a name."), Length(max=120, message="Keep it within 120 characters.")],
    )
    purpose = StringField(
        "What it is for",
        filters=[one_line],
        validators=[
            Readable("Say in a sentence what is talked about here."),
            Length(max=300, message="Keep it within 300 characters."),
        ],
    )
    kind = RadioField(
        "Who is in it",
        choices=[SelectChoice(kind.value, words) for kind, words in KINDS_OF_ROOMS.items()],
        default=RoomKind.MEMBERS.value,
        validate_choice=False,
        validators=[AnyOf([kind.value for kind in RoomKind], message="Choose who is in it.")],
    )
    rules = TextAreaField(
        "How people talk here",
        filters=[as_typed],
        validators=[Optional(), Length(max=5_000, message="Please keep it within 5,000 characters.")],
    )

    def said(self) -> dict[str, Any]:
        """What was typed, as furnishing takes it."""
        return {
            "title": self.title.data or "",
            "purpose": self.purpose.data or "",
            "kind": RoomKind(self.kind.data),
            "rules": self.rules.data or "",
        }


class NameForm(TextForm):
    who = StringField(
        "Name or handle",
        filters=[one_line],
        validators=[Readable("Say whom."), Length(max=120, message="Keep it within 120 characters.")],
    )
    host = BooleanField("As a host, named on the room’s page as somebody to turn to")


class JoinForm(TextForm):
    into = StringField(
        "Address of the other thread",
        filters=[one_line],
        validators=[Readable("Paste the address of the other thread."), Length(max=300, message="That is too long.")],
    )


class PathForm(TextForm):
    """The words of a path."""

    title = StringField(
        "Title",
        filters=[one_line],
        validators=[Readable("Give it a title."), Length(max=160, message="Keep the title under 160 characters.")],
    )
    summary = TextAreaField(
        "For whom it is, and what they have at its end",
        filters=[as_typed],
        validators=[Readable("Say it in a sentence or two."), Length(max=1000, message=_LONG)],
    )


class HouseRulesForm(TextForm):
    body = TextAreaField(
        "The rules and the pledge",
        filters=[as_typed],
        validators=[
            Readable("Write the rules."),
            Length(max=MAX_LENGTH, message=f"Please keep them within {MAX_LENGTH:,} characters."),
        ],
    )
    changed = StringField(
        "What is new",
        filters=[one_line],
        validators=[
            Readable("Say in a sentence what is new, so that nobody has to compare."),
            Length(max=300, message="Please keep it within 300 characters."),
        ],
    )
    asks_again = BooleanField("Ask everybody to accept them before they next post")
    written_over = HiddenField()
