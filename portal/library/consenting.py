"""The coach's side of a consent: ask a client, ask once more, take it back, or declare a composite.

A story is shown only with the words its client agreed to. What is asked for is kept word for word in the row of the
asking, so that whatever is written meanwhile, an answer is an answer to these words.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Collection
from datetime import timedelta

from sqlalchemy import select

from portal.accounts.addresses import canonical
from portal.accounts.inviting import Stranger
from portal.accounts.models import Member
from portal.accounts.signed_in import hashed
from portal.conversations.forgetting import forget_subject
from portal.core import audit, letters
from portal.core.clock import now
from portal.core.db import db, transaction
from portal.core.errors import Refusal, TooMuch
from portal.core.folding import fold
from portal.core.jobs import periodic
from portal.core.web import absolute, day, plain_name, written_for
from portal.library import publishing, showing, stories
from portal.library.consent_models import Consent, ConsentState, Naming, Place
from portal.library.models import Nugget, Version
from portal.library.stories import COMPOSITE, Story

PREFIX = "pfn_"
LASTS = timedelta(days=30)
BETWEEN_LETTERS = timedelta(minutes=10)
OPEN = (ConsentState.WAITING, ConsentState.CHANGE)
_WORD = re.compile(r"[^\W\d_]+")
# What stands beside a name and is none: titles anywhere in it, and particles written small.
_TITLES = {
    "dr",
    "prof",
    "professor",
    "mr",
    "mrs",
    "ms",
    "mx",
    "sir",
    "dame",
    "rev",
    "md",
    "dds",
    "phd",
    "jd",
    "jr",
    "sr",
}
_PARTICLES = {
    "de",
    "da",
    "di",
    "do",
    "du",
    "la",
    "le",
    "van",
    "von",
    "der",
    "den",
    "del",
    "dos",
    "das",
    "bin",
    "al",
    "el",
}


class NoName(Refusal):
    message = "Write the client’s name as it would stand below the story."
    status = 422


class NoRole(Refusal):
    message = "Say what the client is, as a reader would see it without a name: the owner of a dental practice."
    status = 422


class AgreedAlready(Refusal):
    message = "The client has agreed to exactly these words. There is nothing to ask."


class HasFiles(Refusal):
    message = "Files belong to this nugget. A client agrees to words, so a client’s story has no files."


class NotAComposite(Refusal):
    message = (
        "A client was asked about these words, so they are one client’s story and no composite. Ask them again, or "
        "write another."
    )


class NotOpen(Refusal):
    message = "This asking is over. Reload the page to see how it ended."


def ask(nugget: Nugget, *, name: str, email: str, role: str, by: Member) -> Consent:
    """Write to a client and ask for these words as they are now; an asking that waits is replaced.

    Raises HalfTold, NoName, NoRole, NotAnAddress, AgreedAlready, HasFiles, Taken.
    """
    name, role, address = plain_name(name)[:120], plain_name(role).rstrip(".")[:160], canonical(email)
    if not name:
        raise NoName()
    if not role:
        raise NoRole()
    stories.take_turn(nugget)
    stories.check_not_taken(nugget)
    words = stories.written(nugget)
    stories.check_told(words)
    if db.session.scalar(select(Version.id).where(Version.item_id == nugget.id).limit(1)) is not None:
        raise HasFiles()
    stands = showing.standing(nugget)
    if stands is not None and stands.state is ConsentState.AGREED and stands.words_sha256 == words.sha256:
        raise AgreedAlready()
    waiting = open_of(nugget)
    if waiting is not None:
        cancel(waiting, by=by)
    consent = Consent(
        nugget_id=nugget.id,
        state=ConsentState.WAITING,
        story=words.kept,
        lines=lines_for(words, name=name, role=role),
        words_sha256=words.sha256,
        told_sha256=words.told_sha256,
        client_name=name,
        client_email=address,
        client_role=role,
        asked_by_id=by.id,
        asked_by=by,
    )
    db.session.add(consent)
    db.session.flush()
    audit.record(by, "consent.asked", consent, nugget=nugget.id, sha256=consent.words_sha256)
    _send(consent)
    return consent


def resend(consent: Consent, *, by: Member) -> None:
    """Another letter with a new link; the one before leads nowhere from now on. Raises NotOpen, TooMuch.

    While the client is being asked that is the link to answer with; once they agreed, the one to their consent.
    """
    _hold(consent)
    if consent.client_email is None or not (consent.is_open or consent.stands):
        raise NotOpen()
    if consent.sent_at is not None and consent.sent_at > now() - BETWEEN_LETTERS:
        raise TooMuch("A letter left a few minutes ago. Give it ten minutes, then send another.", retry_after=600)
    audit.record(by, "consent.sent_again", consent)
    if consent.is_open:
        _send(consent)
    else:
        consent.sent_at = now()
        tell_client(consent, "library/consent-link", link=new_own_link(consent))


def cancel(consent: Consent, *, by: Member | None) -> None:
    """Take an asking back: its link leads nowhere, the client's name and address go. Raises NotOpen."""
    _hold(consent)
    if not consent.is_open:
        raise NotOpen()
    consent.state = ConsentState.CANCELLED
    end(consent)
    db.session.flush()
    audit.record(by, "consent.cancelled", consent)


def declare(
    nugget: Nugget, *, places: Collection[Place] = (Place.MEMBERS, Place.AIR, Place.MAIL), by: Member | None
) -> Consent:
    """State that these words are drawn from several practices and are nobody's own: no client is asked.

    Raises HalfTold, Taken, NotAComposite where a client was ever asked about them.
    """
    stories.take_turn(nugget)
    stories.check_not_taken(nugget)
    words = stories.written(nugget)
    stories.check_told(words)
    if _was_somebodys(nugget, words):
        raise NotAComposite()
    earlier = showing.standing(nugget)
    if earlier is not None:
        replace(earlier)
    consent = Consent(
        nugget_id=nugget.id,
        state=ConsentState.DECLARED,
        story=words.kept,
        lines=None,
        words_sha256=words.sha256,
        told_sha256=words.told_sha256,
        sha256=words.sha256_with(COMPOSITE),
        naming=Naming.DISGUISED,
        places=[place.value for place in Place if place in places],
        asked_by_id=by.id if by else None,
        answered_at=now(),
    )
    db.session.add(consent)
    nugget.composite = True
    db.session.flush()
    audit.record(by, "consent.declared", consent, nugget=nugget.id, sha256=consent.sha256)
    bring_up_to_date(nugget, consent)
    return consent


def open_of(nugget: Nugget) -> Consent | None:
    """The asking that waits for an answer, if there is one."""
    return db.session.scalar(select(Consent).where(Consent.nugget_id == nugget.id, Consent.state.in_(OPEN)))


def lines_for(words: Story, *, name: str, role: str) -> dict[str, str]:
    """The sentence below the story for each naming that can be offered with these words.

    Words that hold a name cannot be told without it: where the story says it, the namings that promise to leave it out
    are not offered.
    """
    parts = _names_in(name)
    told = {_as_heard(word) for word in _WORD.findall(words.words)}
    lines = {Naming.FULL: f"Told with the consent of {name}."}
    if parts and not told & {_as_heard(word) for word in parts[1:]}:
        lines[Naming.FIRST] = f"Told with the consent of {parts[0]}."
    if parts and not told & {_as_heard(word) for word in parts}:
        if not {_as_heard(word) for word in _WORD.findall(role)} & {_as_heard(word) for word in parts}:
            lines[Naming.ROLE] = f"Told with the consent of {role}."
        lines[Naming.DISGUISED] = (
            "Told with the client’s consent. Details are changed so that nobody can be recognised."
        )
    return {naming.value: line for naming, line in lines.items()}


def _names_in(name: str) -> list[str]:
    """The first name and what follows it, without titles and particles, unless nothing else is left."""
    every = _WORD.findall(name)
    return [word for word in every if word.casefold() not in _TITLES and word not in _PARTICLES] or every


def _as_heard(word: str) -> str:
    """Garcia is García. Names of two letters are words of the language too ("Jo", "An", "Li"): their case counts."""
    return fold(word) if len(word) > 2 else word


def replace(consent: Consent) -> None:
    """Newer words stand in its place. Its client's own link stays good, to take back what stands now."""
    consent.state = ConsentState.REPLACED
    end(consent)
    db.session.flush()


def end(consent: Consent) -> None:
    """What was needed only while it waited or stood is forgotten: the words, the client's name and address."""
    consent.ended_at = now()
    consent.story = consent.lines = consent.wish = None
    consent.client_name = consent.client_email = consent.client_role = None


def bring_up_to_date(nugget: Nugget, consent: Consent) -> None:
    """What is out, or will be, follows a new consent at once: its words where it may be shown, else nothing, and
    conversations about it do not name it any more."""
    if not showing.ON_THE_SITE & showing.places_of(consent):
        forget_subject(nugget.path, nugget.title)
    if not nugget.is_meant_to_show:
        return
    if showing.ON_THE_SITE & showing.places_of(consent):
        showing.put_agreed(nugget, consent)
    else:
        nugget.withdrawn_at = now()
        audit.record(None, "item.withdrawn", nugget, because="The client does not let it be shown on the site.")
    db.session.flush()
    publishing.bring_search_up_to_date(nugget)


def new_own_link(consent: Consent) -> str:
    """A link to the client's own page about their consent; the one before leads nowhere from now on."""
    token = PREFIX + secrets.token_urlsafe(32)
    consent.keep_hash = hashed(token)
    return absolute("consent.own", token=token)


def tell_client(consent: Consent, letter: str, **words: str) -> None:
    """A letter to somebody without an account; once sent, neither words nor address stay with it."""
    letters.post(
        letter,
        to=_reader_of(consent),
        key=f"consent:{consent.once}:{secrets.token_hex(8)}",
        about=consent if letter == "library/consent-asked" else None,
        by=consent.asked_by.name if consent.asked_by else "",
        **words,
    )


@letters.readers_of("consent")
def may_still_answer(_member_id: int, consent_id: int) -> bool:
    """A letter that asks is sent only while there is something to answer."""
    consent = db.session.get(Consent, consent_id)
    return consent is not None and consent.is_open


@periodic("library.end_askings", every=timedelta(days=1))
def end_askings() -> None:
    """Whoever has not answered a month after their link ran out is not asked any more, and forgotten."""
    with transaction():
        for consent in db.session.scalars(
            select(Consent).where(Consent.state.in_(OPEN), Consent.runs_out_at < now() - LASTS)
        ).all():
            consent.state = ConsentState.RAN_OUT
            end(consent)
            audit.record(None, "consent.ran_out", consent)


def _send(consent: Consent) -> None:
    token = PREFIX + secrets.token_urlsafe(32)
    consent.ask_hash, consent.sent_at, consent.runs_out_at = hashed(token), now(), now() + LASTS
    db.session.flush()
    with written_for(_reader_of(consent)):
        until = day(consent.runs_out_at)
    tell_client(consent, "library/consent-asked", link=absolute("consent.asked", token=token), until=until)


def _reader_of(consent: Consent) -> Stranger:
    name = consent.client_name or ""
    return Stranger(consent.client_email or "", name=name, first_name=name)


def _hold(consent: Consent) -> None:
    """Wait for whoever changes this nugget or its consents, and read how it stands then."""
    stories.take_turn(consent.nugget)
    db.session.refresh(consent)


def _was_somebodys(nugget: Nugget, words: Story) -> bool:
    """Whether a client was ever asked about this nugget, or about these very words under whatever title."""
    elsewhere = select(Consent.id).where(Consent.ask_hash.is_not(None), Consent.told_sha256 == words.told_sha256)
    return showing.was_asked(nugget) or db.session.scalar(elsewhere.limit(1)) is not None
