"""The client's side of a consent: agree, ask for a change, decline; later choose anew, or take it back.

They have no account. Each link is good for one purpose, only its hash is kept, and opening one changes nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlalchemy import delete, select

from portal.accounts.models import Draft, Member, Role
from portal.accounts.signed_in import hashed
from portal.conversations.forgetting import forget_subject
from portal.core import audit, indexing, letters
from portal.core.clock import now
from portal.core.db import db
from portal.core.errors import Refusal
from portal.core.web import absolute
from portal.library import consenting, showing, stories
from portal.library.consent_models import Consent, ConsentState, Naming, Place
from portal.library.models import Nugget, Revision
from portal.library.showing import in_words
from portal.notifications.forgetting import forget_news

GONE = "A story that was taken back"  # what stands in place of its title
# What the coach hears of each answer: the subject after the client's name, and what it means for them.
_TOLD = {
    "agreed": (
        "agreed to a story",
        "They agreed to the words you sent. If the nugget is out, it says them now; if not, you can publish it.",
    ),
    "change": (
        "asks for a change in a story",
        "What they would like is on the page of the consent. They may also still agree to what you sent.",
    ),
    "declined": (
        "declined a story",
        "Nothing of what you sent may be shown. Whatever they had agreed to before is as it was. Please do not ask "
        "about the same words again.",
    ),
    "chosen": (
        "chose anew for a story",
        "They chose another name or other places. It holds already; please keep to it on air and in letters.",
    ),
    "withdrawn": (
        "took a story back",
        "It is gone from every page, from search and from letters still to be sent, and its words are deleted. Please "
        "do not tell it on air any more, and look whether a conversation about it quotes it.",
    ),
}


class LinkIsOver(Refusal):
    message = "This link was replaced by a newer one, or has run out. The newest letter from us has the one that works."
    status = 410


class WordsChanged(Refusal):
    message = "The words were changed while you read. Please read them again before you decide."


class NoPlace(Refusal):
    message = "Choose at least one place where it may be told, or decline below."
    status = 422


class NoNaming(Refusal):
    message = "Choose how you would like to be named."
    status = 422


class NoWish(Refusal):
    message = "Write a few words about what should be different."
    status = 422


class AnsweredAlready(Refusal):
    message = "You have answered already. To change your mind, use the link in our last letter to you."


def asked(token: str) -> Consent:
    """The asking a link leads to, also once it was answered. Changes nothing. Raises LinkIsOver."""
    consent = db.session.scalar(select(Consent).where(Consent.ask_hash == hashed(token)))
    gone = consent is None or consent.state in {ConsentState.CANCELLED, ConsentState.RAN_OUT}
    if consent is None or gone or (consent.is_open and _has_run_out(consent)):
        raise LinkIsOver()
    return consent


def own(token: str) -> Consent:
    """What stands of the consent that a client's own link belongs to. Changes nothing. Raises LinkIsOver.

    Newer words may stand in its place by now, or all of it was taken back.
    """
    consent = db.session.scalar(select(Consent).where(Consent.keep_hash == hashed(token)))
    if consent is None:
        raise LinkIsOver()
    if consent.state is ConsentState.REPLACED:
        newer = showing.standing(consent.nugget)
        return newer if newer is not None and newer.state is ConsentState.AGREED else consent
    return consent


def agree(token: str, *, naming: Naming | None, places: Collection[Place], sha256: str) -> Consent:
    """Agree to the words with this hash, named so, in these places. The same answer twice is one.

    Raises LinkIsOver, WordsChanged, NoNaming, NoPlace, AnsweredAlready.
    """
    consent = _held(asked(token), token)
    kept = [place.value for place in Place if place in places]
    if consent.state is ConsentState.AGREED and (consent.naming, consent.places) == (naming, kept):
        return consent
    if not consent.is_open:
        raise AnsweredAlready()
    if sha256 != consent.words_sha256:
        raise WordsChanged()
    _choose(consent, naming, kept)
    earlier = showing.standing(consent.nugget)
    if earlier is not None:
        consenting.replace(earlier)
    consent.state, consent.answered_at, consent.wish = ConsentState.AGREED, now(), None
    db.session.flush()
    _note(consent, "consent.agreed")
    consenting.bring_up_to_date(consent.nugget, consent)
    link = consenting.new_own_link(consent)
    consenting.tell_client(consent, "library/consent-agreed", link=link, **_as_chosen(consent))
    _tell_coaches(consent, "agreed")
    return consent


def wish_for(token: str, wish: str) -> Consent:
    """Ask for other words. The link stays good: they may still agree to these. Raises LinkIsOver, NoWish."""
    consent = _held(asked(token), token)
    if not consent.is_open:
        raise AnsweredAlready()
    if not wish.strip():
        raise NoWish()
    if (consent.state, consent.wish) == (ConsentState.CHANGE, wish):
        return consent
    consent.state, consent.wish, consent.answered_at = ConsentState.CHANGE, wish, now()
    audit.record(None, "consent.change_wished", consent)
    _tell_coaches(consent, "change")
    return consent


def decline(token: str) -> Consent:
    """Say no to these words. What they agreed to before stays as it is. Raises LinkIsOver, AnsweredAlready."""
    consent = _held(asked(token), token)
    if consent.state is ConsentState.DECLINED:
        return consent
    if not consent.is_open:
        raise AnsweredAlready()
    consent.state, consent.answered_at = ConsentState.DECLINED, now()
    audit.record(None, "consent.declined", consent)
    consenting.tell_client(consent, "library/consent-declined")
    _tell_coaches(consent, "declined")
    consenting.end(consent)
    return consent


def choose_anew(token: str, *, naming: Naming | None, places: Collection[Place]) -> Consent:
    """Another name or other places for the same words, at once. Raises LinkIsOver, NoNaming, NoPlace."""
    consent = _held_own(token)
    kept = [place.value for place in Place if place in places]
    if (consent.naming, consent.places) == (naming, kept):
        return consent
    _choose(consent, naming, kept)
    consent.answered_at = now()
    db.session.flush()
    _note(consent, "consent.chosen_anew")
    consenting.bring_up_to_date(consent.nugget, consent)
    consenting.tell_client(consent, "library/consent-chosen", **_as_chosen(consent))
    _tell_coaches(consent, "chosen")
    return consent


def withdraw(token: str) -> Consent:
    """Take the story back: from every page, from search and from letters still to be sent, in this transaction.

    What stays is that it was so: hashes, dates, places. No word of it, and nobody's name. Raises LinkIsOver.
    """
    found = own(token)
    stories.take_turn(found.nugget)
    consent = own(token)
    if consent.state is ConsentState.WITHDRAWN:
        return consent
    if consent.state is not ConsentState.AGREED:
        raise LinkIsOver()
    consent.state = ConsentState.WITHDRAWN
    audit.record(None, "consent.withdrawn", consent, nugget=consent.nugget_id)
    consenting.tell_client(consent, "library/consent-withdrawn")
    _tell_coaches(consent, "withdrawn")
    for each in db.session.scalars(select(Consent).where(Consent.nugget_id == consent.nugget_id)).all():
        if each.is_open:
            each.state = ConsentState.CANCELLED
        was_over = each.ended_at
        consenting.end(each)
        each.ended_at = was_over or each.ended_at
    _forget_story(consent.nugget)
    return consent


def _forget_story(nugget: Nugget) -> None:
    """Take the words from everywhere they were put; the row stays, because the ledger points to it."""
    indexing.forget(nugget.kind, nugget.id)
    db.session.execute(delete(Revision).where(Revision.item_id == nugget.id))
    db.session.execute(delete(Draft).where(Draft.thing == f"item:{nugget.id}"))  # what coaches typed and did not save
    forget_news("nugget", {nugget.id})
    forget_subject(nugget.path, nugget.title)
    nugget.withdrawn_at = nugget.withdrawn_at or now()
    stories.put(nugget, stories.Story(slug=f"taken-back-{nugget.once}", title=GONE))
    nugget.draft = nugget.naming_line = nugget.shown_sha256 = None
    nugget.naming = Naming.DISGUISED.value
    nugget.is_public = nugget.in_mail = nugget.on_air = nugget.is_free = False
    nugget.revision = 0
    db.session.flush()


def _held(consent: Consent, token: str) -> Consent:
    """The same, once whoever was first with this nugget is done."""
    stories.take_turn(consent.nugget)
    db.session.refresh(consent)
    return asked(token)


def _held_own(token: str) -> Consent:
    found = own(token)
    stories.take_turn(found.nugget)
    db.session.refresh(found)
    consent = own(token)
    if consent.state is not ConsentState.AGREED:
        raise LinkIsOver()
    return consent


def _choose(consent: Consent, naming: Naming | None, places: list[str]) -> None:
    line = (consent.lines or {}).get(naming or "")
    if naming is None or line is None:
        raise NoNaming()
    if not places:
        raise NoPlace()
    consent.naming, consent.places = naming, places
    consent.sha256 = stories.story(consent.story or {}).sha256_with(line)


def _has_run_out(consent: Consent) -> bool:
    return consent.runs_out_at is None or consent.runs_out_at <= now()


def _note(consent: Consent, action: str) -> None:
    naming = consent.naming.value if consent.naming else None
    audit.record(None, action, consent, sha256=consent.sha256, naming=naming, places=list(consent.places))


def _as_chosen(consent: Consent) -> dict[str, str]:
    return {"line": showing.line_of(consent) or "", "places": in_words(showing.places_of(consent))}


def _tell_coaches(consent: Consent, what: str) -> None:
    """Whoever asked hears of the answer; if they are no coach any more, all coaches and owners do."""
    client, (subject, told) = consent.client_name or "The client", _TOLD[what]
    for coach in _who_asked(consent):
        letters.post(
            "library/consent-answered",
            to=coach,
            key=f"consent:{consent.once}:{what}:{now().timestamp():.6f}:{coach.id}",
            subject=f"{client} {subject}",
            told=told,
            link=absolute("consents.story", nugget_id=consent.nugget_id),
        )


def _who_asked(consent: Consent) -> Sequence[Member]:
    coaches = select(Member).where(
        Member.role.in_([Role.COACH, Role.OWNER]), Member.closed_at.is_(None), Member.leaving_since.is_(None)
    )
    asked_by = db.session.scalars(coaches.where(Member.id == consent.asked_by_id)).all()
    return asked_by or db.session.scalars(coaches.order_by(Member.id)).all()
