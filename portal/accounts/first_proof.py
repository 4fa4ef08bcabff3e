"""The first time somebody shows that an account’s mailbox is theirs, without being signed in to it.

Until then anybody could have joined with that address, chosen the password and waited for its owner: to be given a
role, to pay, to write. So whatever was set up before opens nothing from here on. The link that confirms an address is
different: its letter says that somebody joined, and pressing its button says "that was me".
"""

from __future__ import annotations

from sqlalchemy import delete

from portal.accounts import browsers, changing_address, two_step
from portal.accounts.models import Authenticator, Member, Passkey, RecoveryCode
from portal.accounts.signing_in import end_all_devices
from portal.core import audit
from portal.core.clock import now
from portal.core.db import db


def show(member: Member) -> None:
    """The mailbox is theirs, and so is the account; nobody else's key fits it any more."""
    if member.is_confirmed:
        return
    member.confirmed_at = now()
    had_password, member.password_hash = member.password_hash is not None, None
    for kept in (Passkey, Authenticator, RecoveryCode):
        db.session.execute(delete(kept).where(kept.member_id == member.id))
    browsers.trust_none(member)
    changing_address.stop_all(member)
    end_all_devices(member)
    audit.record(member, "account.claimed", member)
    if had_password:
        two_step.tell(
            member,
            "Please choose a password anew",
            "You have shown that this mailbox is yours. The password that was chosen for this address before no longer "
            "works, and every other browser is signed out, because it could have been a stranger’s.",
        )
