"""A new password: by knowing the present one, or by a mailed link. Either signs out every other browser."""

from __future__ import annotations

import secrets
from datetime import timedelta

from flask import current_app
from sqlalchemy import select

from portal.accounts import attempts, browsers, changing_address, first_proof, links, passwords, steps
from portal.accounts.addresses import whose
from portal.accounts.models import Device, Member, Purpose
from portal.accounts.signing_in import end_all_devices
from portal.accounts.times import in_their_zone
from portal.core import audit, letters
from portal.core.clock import now
from portal.core.db import db, transaction
from portal.core.errors import Refusal
from portal.core.jobs import enqueue, job
from portal.core.web import absolute

LINKS_PER_HOUR = 3  # more would only fill the mailbox


class NotYourPassword(Refusal):
    message = "This is not your present password."
    status = 422


def personal_words(name: str, email: str) -> list[str]:
    """What makes a password easy to guess for those who know the person or the place."""
    return [name, email, str(current_app.config["SITE_NAME"])]


def change(member: Member, device: Device, *, present: str, new: str, network: str | None) -> None:
    """Set a new password and sign out everywhere but here. Raises NotYourPassword, WeakPassword, TooMuch."""
    passwords.require_strong(new, personal=personal_words(member.name, member.email))
    attempts.begin(member.email, network)
    if not passwords.fits(present, member.password_hash):
        raise NotYourPassword()
    kept = passwords.hashed(new)
    attempts.forgive(member.email, network)
    _set(member, kept, but=device)


def ask_for_link(email: str) -> None:
    """Have a reset link sent if the address is somebody's. The same steps are taken for every address."""
    found = db.session.scalar(select(Member.id).where(whose(email)))
    enqueue(send_link, member_id=found or 0, asked=secrets.token_hex(8))


@job("accounts.send_reset_link")
def send_link(member_id: int, asked: str) -> None:
    """Write the letter, to the one address we know. Nobody's id and too many letters end in silence."""
    with transaction():
        member = db.session.get(Member, member_id)
        if member is None or member.closed_at is not None:
            return
        if links.issued_lately(member.id, Purpose.RESET, timedelta(hours=1)) >= LINKS_PER_HOUR:
            return
        token, until = links.issue(member, Purpose.RESET)
        letters.post(
            "accounts/reset",
            to=member,
            key=f"accounts/reset:{asked}",
            link=absolute("accounts.reset_password", token=token),
            until=in_their_zone(member, until),
        )


def reset(token: str, new: str) -> Member:
    """Set a new password by a mailed link. Raises links.LinkSpent, WeakPassword; a refused password spends nothing.

    It also shows that the mailbox is theirs, and ends a siege of guesses at their account.
    """
    member = links.owner_of(token, Purpose.RESET)
    passwords.require_strong(new, personal=personal_words(member.name, member.email))
    kept = passwords.hashed(new)
    member = links.use(token, Purpose.RESET)
    first_proof.show(member)
    attempts.forgive_all(member.email)
    _set(member, kept, but=None)
    return member


def _set(member: Member, kept: str, *, but: Device | None) -> None:
    member.password_hash = kept
    links.void(member.id, Purpose.RESET)
    steps.void(member)
    browsers.trust_none(member)
    changing_address.stop_all(member)  # whoever got in with the old one may have asked for it
    end_all_devices(member, but=but)
    audit.record(member, "password.changed", member)
    forgot = absolute("accounts.forgot_password")
    letters.post("accounts/password-changed", to=member, moment=in_their_zone(member, now()), forgot=forgot)
