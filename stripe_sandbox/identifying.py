"""Tax ids: what a business types on the Checkout page, kept with its customer and printed on invoices from then on."""

from __future__ import annotations

import re

from stripe_sandbox.errors import ApiError
from stripe_sandbox.store import Object, Transaction, new_id

_EU = ("AT", "BE", "DE", "DK", "ES", "FI", "FR", "IE", "IT", "NL", "PL", "SE")
# What a practice in a country has, and how it is written; Stripe knows a hundred more and looks some of them up.
_SHAPES = {
    "US": ("us_ein", r"\d{2}-?\d{7}"),
    "GB": ("gb_vat", r"GB\d{9}(\d{3})?"),
    "CH": ("ch_vat", r"CHE-?\d{3}\.?\d{3}\.?\d{3} ?(MWST|TVA|IVA)"),
    "CA": ("ca_bn", r"\d{9}"),
    "AU": ("au_abn", r"\d{11}"),
    "NZ": ("nz_gst", r"\d{3}-?\d{3}-?\d{3}"),
    **{country: ("eu_vat", rf"{country}[A-Z0-9]{{8,12}}") for country in _EU},
}


def typed(country: str | None, value: str) -> tuple[str, str]:
    """Type and value of what was typed on the Checkout page. Raises ApiError with a sentence for the payer."""
    value = value.strip().upper()
    kind, shape = _SHAPES.get(country or "", ("", ""))
    if not kind or not re.fullmatch(shape, value):
        raise ApiError("Your tax ID is not valid.", code="tax_id_invalid", param="tax_id")
    return kind, value


def add(tx: Transaction, customer: str, *, type: str, value: str) -> Object:
    """A tax id on a customer; one that is there already stays as it is."""
    known = tx.select("tax_id", customer=customer)
    if found := next((each for each in known if (each["type"], each["value"]) == (type, value)), None):
        return found
    shapes = {kind: shape for kind, shape in _SHAPES.values() if kind != "eu_vat"}
    if not re.fullmatch(shapes.get(type, r".{3,}"), value):
        raise ApiError(f"Invalid value for {type}.", code="tax_id_invalid", param="value")
    body: Object = {
        "id": new_id("txi_1"),
        "object": "tax_id",
        "country": value[:2] if type == "eu_vat" else type[:2].upper(),
        "created": tx.now,
        "customer": customer,
        "customer_account": None,
        "livemode": False,
        "owner": {
            "account": None,
            "application": None,
            "customer": customer,
            "customer_account": None,
            "type": "customer",
        },
        "type": type,
        "value": value,
        "verification": {"status": "pending", "verified_address": None, "verified_name": None},
    }
    tx.add(body)
    tx.emit("customer.tax_id.created", body)
    return body


def remove(tx: Transaction, body: Object) -> None:
    tx.remove(body["id"])
    tx.emit("customer.tax_id.deleted", body)


def on_documents(tx: Transaction, customer: str) -> list[dict[str, str]]:
    """As invoices and sessions carry them: type and value, oldest first."""
    return [{"type": t["type"], "value": t["value"]} for t in tx.select("tax_id", customer=customer, oldest_first=True)]
