"""Which words of a story may be shown, and where: asked by publishing, by pages and by letters alike."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import select

from portal.core.db import db
from portal.core.errors import Refusal
from portal.library import stories
from portal.library.consent_models import Consent, ConsentState, Naming, Place
from portal.library.models import Nugget
from portal.library.stories import COMPOSITE

ON_THE_SITE = frozenset({Place.MEMBERS, Place.PUBLIC})
PLACES_IN_WORDS = {
    Place.MEMBERS: "to members",
    Place.PUBLIC: "to everyone, on public pages",
    Place.AIR: "in the podcast",
    Place.MAIL: "in letters",
}


class NotAgreed(Refusal):
    message = (
        "A client’s story is published only once they have agreed to exactly these words. Ask them first, or declare "
        "it a composite if it is drawn from several practices."
    )


class AskAgain(NotAgreed):
    message = "Words were changed since the client agreed. Ask them again; until they agree, nothing new is shown."


class DeclareAgain(NotAgreed):
    message = "Words were changed since this was declared a composite. Read it once more, and declare it again."


class NotOnTheSite(NotAgreed):
    message = "The client did not agree to these words being shown on the site, neither to members nor to everyone."


def standing(nugget: Nugget) -> Consent | None:
    """The consent that holds now: a client's agreement, or the declaration of a composite."""
    return db.session.scalar(
        select(Consent).where(
            Consent.nugget_id == nugget.id, Consent.state.in_([ConsentState.AGREED, ConsentState.DECLARED])
        )
    )


def was_asked(nugget: Nugget) -> bool:
    """Whether a client was ever asked about it: from then on it is one client's story."""
    asked = select(Consent.id).where(Consent.nugget_id == nugget.id, Consent.ask_hash.is_not(None))
    return db.session.scalar(asked.limit(1)) is not None


def prepare(nugget: Nugget) -> None:
    """Put the agreed words in place, to be published. Raises NotAgreed in its kinds, with words for the coach."""
    stories.take_turn(nugget)
    consent = standing(nugget)
    if consent is None:
        raise NotAgreed()
    if stories.written(nugget).sha256 != consent.words_sha256:
        raise DeclareAgain() if consent.state is ConsentState.DECLARED else AskAgain()
    if not ON_THE_SITE & places_of(consent):
        raise NotOnTheSite()
    put_agreed(nugget, consent)


def put_agreed(nugget: Nugget, consent: Consent) -> None:
    """The row says what this consent allows, word for word, and knows the places."""
    words = stories.story(consent.story or {})
    written, places = stories.written(nugget), places_of(consent)
    stories.put(nugget, words)
    nugget.draft = None if written.sha256 == words.sha256 else written.kept
    nugget.composite = consent.state is ConsentState.DECLARED
    nugget.naming, nugget.naming_line = (consent.naming or Naming.DISGUISED).value, line_of(consent)
    nugget.shown_sha256 = consent.sha256
    nugget.is_public, nugget.in_mail = Place.PUBLIC in places, Place.MAIL in places
    nugget.on_air = Place.AIR in places
    nugget.is_free = nugget.is_free and (nugget.composite or nugget.is_public)  # members are not everyone who signs up


def places_of(consent: Consent) -> frozenset[Place]:
    return frozenset(Place(place) for place in consent.places)


def line_of(consent: Consent) -> str | None:
    """The sentence below the story that says whose it is, as far as that may be said."""
    if consent.state is ConsentState.DECLARED:
        return COMPOSITE
    return (consent.lines or {}).get(consent.naming or "")


def in_words(places: Collection[Place]) -> str:
    """ "to members, in letters"."""
    return ", ".join(PLACES_IN_WORDS[place] for place in Place if place in places) or "nowhere"
