"""Joining: the one way in which an account comes to be."""

from __future__ import annotations

import re
import secrets
import unicodedata
from collections.abc import Iterator

from sqlalchemy.exc import IntegrityError

from portal.accounts import confirming, house_rules, passwords
from portal.accounts.addresses import canonical, is_taken
from portal.accounts.changing_password import personal_words
from portal.accounts.models import Member
from portal.accounts.profiles import clean_name
from portal.core import audit
from portal.core.clock import now
from portal.core.db import db
from portal.core.errors import Refusal


class AddressTaken(Refusal):
    message = "There is an account with this address already. Sign in, or choose another address."


def join(*, name: str, email: str, password: str, is_confirmed: bool = False) -> Member:
    """Make an account and write the letter that confirms its address, unless a letter has shown already whose it is.

    Raises NotAnAddress, NoName, WeakPassword, AddressTaken, TooMuch. Slow: call it before any change.
    """
    address, name = canonical(email), clean_name(name)
    passwords.require_strong(password, personal=personal_words(name, address))
    if is_taken(address):
        raise AddressTaken()
    member = _add(name, address, passwords.hashed(password))
    house_rules.accept(member, house_rules.current().version)
    if is_confirmed:
        member.confirmed_at = now()
    else:
        confirming.send_link(member)
    audit.record(member, "member.joined", member)
    return member


def _add(name: str, address: str, kept: str) -> Member:
    """The unique indexes decide who was first, for the address and for the handle."""
    for handle in _handles(name):
        member = Member(name=name, email=address, handle=handle, password_hash=kept)
        try:
            with db.session.begin_nested():
                db.session.add(member)
                db.session.flush()
        except IntegrityError:
            if is_taken(address):
                raise AddressTaken() from None
        else:
            return member
    raise AssertionError("a random handle was taken")


def _handles(name: str) -> Iterator[str]:
    """alice-smith, then alice-smith-2, -3, and at last something nobody has."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().casefold()
    base = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:30].strip("-") or "member"
    yield base
    yield from (f"{base}-{number}" for number in range(2, 6))
    yield f"{base}-{secrets.token_hex(4)}"
