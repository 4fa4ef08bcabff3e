"""The ledger of consents: every story, who agreed to which words, how and where, and what came after."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import aliased, joinedload

from portal.accounts.models import Member
from portal.core.audit import Record
from portal.core.db import db
from portal.desk.cells import Column
from portal.library.consent_models import Consent, ConsentState, Naming
from portal.library.models import Nugget
from portal.library.showing import in_words, places_of

# What people read for a state, and the tone of its badge.
STATES = {
    ConsentState.WAITING: ("Waiting for an answer", "warn"),
    ConsentState.CHANGE: ("Asks for a change", "new"),
    ConsentState.AGREED: ("Agreed", "good"),
    ConsentState.DECLARED: ("Composite, declared", "good"),
    ConsentState.DECLINED: ("Declined", "bad"),
    ConsentState.CANCELLED: ("Taken back by a coach", "plain"),
    ConsentState.RAN_OUT: ("Not answered", "plain"),
    ConsentState.REPLACED: ("Replaced by newer words", "plain"),
    ConsentState.WITHDRAWN: ("Taken back by the client", "bad"),
}


# What happened, as the history tells it; the moderation log has sentences of its own.
HAPPENED = {
    "consent.asked": "Asked",
    "consent.sent_again": "Letter sent again",
    "consent.cancelled": "Asking taken back",
    "consent.declared": "Declared a composite",
    "consent.agreed": "Agreed",
    "consent.change_wished": "Asked for other words",
    "consent.declined": "Declined",
    "consent.chosen_anew": "Chose anew",
    "consent.withdrawn": "Took it back",
    "consent.ran_out": "Did not answer",
}


@dataclass(frozen=True)
class Line:
    """One nugget with the consent that holds and the one that waits."""

    nugget: Nugget
    stands: Consent | None
    waiting: Consent | None
    last: Consent | None  # where neither holds nor waits: how it ended

    @property
    def shown(self) -> Consent | None:
        return self.waiting or self.stands or self.last


def rows() -> list[Line]:
    """Every nugget: a wish for a change first, then what waits, then what nobody was asked about, then the rest."""
    consents: dict[int, list[Consent]] = {}
    for consent in db.session.scalars(select(Consent).order_by(Consent.id)):
        consents.setdefault(consent.nugget_id, []).append(consent)
    lines = [_line(nugget, consents.get(nugget.id, [])) for nugget in db.session.scalars(select(Nugget))]
    return sorted(lines, key=lambda line: (_urgency(line), -line.nugget.id))


@dataclass(frozen=True)
class Event:
    """One thing that happened to a consent."""

    at: datetime
    action: str
    by: str | None  # None: the client, or the portal itself
    consent_id: int
    details: dict[str, Any]


NAMINGS = {
    Naming.FULL: "Full name",
    Naming.FIRST: "First name",
    Naming.ROLE: "Role only",
    Naming.DISGUISED: "Without a name",
}
# What stands in the ledger's file, and on its page in the same words.
COLUMNS = (
    Column("No.", lambda consent: consent.id, int),
    Column("Story", lambda consent: consent.nugget.title),
    Column("State", lambda consent: STATES[consent.state][0]),
    Column("Client", lambda consent: consent.client_name),
    Column("Address", lambda consent: consent.client_email),
    Column("Naming", lambda consent: NAMINGS[consent.naming] if consent.naming else None),
    Column("Places", lambda consent: in_words(places_of(consent)) if consent.places else None),
    Column("Asked by", lambda consent: consent.asked_by.name if consent.asked_by else None),
    Column("Asked", lambda consent: consent.created_at, datetime),
    Column("Answered", lambda consent: consent.answered_at, datetime),
    Column("Ended", lambda consent: consent.ended_at, datetime),
    Column("SHA-256 of the words", lambda consent: consent.words_sha256),
    Column("SHA-256 with the naming line", lambda consent: consent.sha256),
)


def whole() -> Sequence[Consent]:
    """Every asking and declaration there ever was, newest first."""
    return db.session.scalars(_WHOLE).all()


def some(ids: Sequence[int]) -> Sequence[Consent]:
    """These of them, for a part of the file."""
    return db.session.scalars(_WHOLE.where(Consent.id.in_(ids))).all()


_WHOLE = select(Consent).options(joinedload(Consent.nugget), joinedload(Consent.asked_by)).order_by(Consent.id.desc())


def history(nugget: Nugget) -> Sequence[Event]:
    """What the log says of this nugget's consents, newest first."""
    member = aliased(Member)
    found = db.session.execute(
        select(Record, member.name)
        .join(Consent, Consent.id == Record.ref_id)
        .outerjoin(member, member.id == Record.by_id)
        .where(Record.ref_kind == Consent.__tablename__, Consent.nugget_id == nugget.id)
        .order_by(Record.id.desc())
    )
    return [Event(line.created_at, line.action, name, line.ref_id, line.details or {}) for line, name in found]


def is_taken(nugget: Nugget) -> bool:
    """Whether its client took it back: there is nothing more to be done with it."""
    withdrawn = select(Consent.id).where(Consent.nugget_id == nugget.id, Consent.state == ConsentState.WITHDRAWN)
    return db.session.scalar(withdrawn.limit(1)) is not None


def _line(nugget: Nugget, consents: list[Consent]) -> Line:
    return Line(
        nugget,
        next((consent for consent in consents if consent.stands), None),
        next((consent for consent in consents if consent.is_open), None),
        consents[-1] if consents else None,
    )


def _urgency(line: Line) -> int:
    if line.waiting is not None:
        return 0 if line.waiting.state is ConsentState.CHANGE else 1
    return 3 if line.shown is not None else 2
