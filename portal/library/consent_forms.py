"""What a client chooses about their story, and what they would like changed."""

from __future__ import annotations

from wtforms import HiddenField, RadioField, SelectMultipleField, TextAreaField
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]  # newer than the types
from wtforms.validators import Length
from wtforms.widgets import CheckboxInput, ListWidget

from portal.core.typed import Readable, TextForm, as_typed
from portal.library.consent_models import Naming, Place


class ConsentForm(TextForm):
    """How a client wishes to be named, and where their story may be told. Nothing is chosen beforehand."""

    naming = RadioField("How you are named", validate_choice=False, coerce=str)
    places = SelectMultipleField(
        "Where it may be told",
        choices=[
            SelectChoice(Place.MEMBERS.value, "To members. Visitors see only what stands above “The situation”"),
            SelectChoice(Place.PUBLIC.value, "To everyone, on public pages"),
            SelectChoice(Place.AIR.value, "On air, in the podcast"),
            SelectChoice(Place.MAIL.value, "In letters to members"),
        ],
        validate_choice=False,
        widget=ListWidget(prefix_label=False),
        option_widget=CheckboxInput(),
    )
    sha256 = HiddenField(validators=[Length(max=64)])  # of the words that were on the page

    def offer(self, lines: dict[Naming, str]) -> None:
        """The namings these words allow, each with its sentence."""
        words = {
            Naming.FULL: "With your full name",
            Naming.FIRST: "With your first name",
            Naming.ROLE: "With your role only",
            Naming.DISGUISED: "Without any name",
        }
        self.naming.choices = [SelectChoice(n.value, f"{words[n]}: “{line}”") for n, line in lines.items()]

    @property
    def naming_chosen(self) -> Naming | None:
        return next((naming for naming in Naming if naming == self.naming.data), None)

    @property
    def places_chosen(self) -> list[Place]:
        return [place for place in Place if place in (self.places.data or [])]


class WishForm(TextForm):
    wish = TextAreaField(
        "What should be different?",
        filters=[as_typed],
        validators=[
            Readable("Write a few words about what should be different."),
            Length(max=2_000, message="Keep it under 2,000 characters."),
        ],
    )
