"""A new e-mail address for everything: the account first, then Stripe's receipts."""

from __future__ import annotations

from portal.accounts import changing_address
from portal.accounts.models import AddressChange, Member
from portal.billing import pushing_address


def confirm(token: str, *, by: Member) -> AddressChange:
    """Move the account to the mailbox the letter was opened in. Raises links.LinkSpent, AddressInUse."""
    change = changing_address.confirm(token, by=by)
    pushing_address.push(by, change=change.id)
    return change
