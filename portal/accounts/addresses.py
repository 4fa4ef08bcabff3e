"""E-mail addresses in one form, so that one mailbox is one account."""

from __future__ import annotations

import unicodedata

from email_validator import EmailNotValidError, validate_email
from sqlalchemy import ColumnElement, and_, select

from portal.accounts.models import Member
from portal.core.db import db
from portal.core.errors import Refusal

LONGEST = 254  # RFC 5321; longer ones cannot be delivered to


class NotAnAddress(Refusal):
    message = "This does not look like an e-mail address. It should read like name@example.com."
    status = 422


def canonical(typed: str) -> str:
    """The one form of an address (NFKC, casefolded, no space around). Raises NotAnAddress.

    Look-alike and full-width letters fold together before anything is compared (Django CVE-2019-19844). The domain is
    not looked up: whether a mailbox exists is shown by the confirmation letter.
    """
    folded = unicodedata.normalize("NFKC", typed).strip().casefold()
    if len(folded) > LONGEST:
        raise NotAnAddress()
    try:
        found = validate_email(folded, check_deliverability=False, strict=True)
    except EmailNotValidError:
        raise NotAnAddress() from None
    return found.normalized


def is_taken(address: str) -> bool:
    """Whether an account has this address, given in its one form."""
    return db.session.scalar(select(Member.id).where(Member.email == address)) is not None


def whose(typed: str) -> ColumnElement[bool]:
    """The member with an address as it was typed. Nonsense asks the database too: the same steps for every address."""
    try:
        address = canonical(typed)
    except NotAnAddress:
        address = ""  # nobody's
    return and_(Member.email == address, Member.closed_at.is_(None))


def folded(typed: str) -> str:
    """Like canonical(), but takes anything: for counting attempts on addresses that may be none."""
    return unicodedata.normalize("NFKC", typed[:1000]).strip().casefold()
