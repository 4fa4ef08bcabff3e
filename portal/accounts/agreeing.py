"""The button "Accept and go on" of a form for words, where the house rules changed since its writer agreed to them."""

from __future__ import annotations

from flask import request

from portal.accounts import house_rules
from portal.accounts.signed_in import me
from portal.core.web import whole_number


def agree_along() -> None:
    """They agree to the version that the form showed them, if it did; in the transaction of their words."""
    house_rules.accept(me(), whole_number(request.form.get("accept"), otherwise=0))
