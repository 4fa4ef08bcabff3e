"""From Stripe's shapes to ours: each is read here, once, and nowhere else.

A field that we cannot do without and that is missing raises Malformed instead of reading as nothing. Nothing here calls
Stripe: the calls are the gateway's, which hands over plain dictionaries.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from portal.billing.shapes import (
    Customer,
    Endpoint,
    Event,
    Invoice,
    Item,
    Json,
    Malformed,
    Preview,
    Price,
    Reversal,
    ReversalSeen,
    Session,
    Snapshot,
    Switched,
    Unpaid,
)


def as_event(payload: Any) -> Event:
    """Raises Malformed for what is no snapshot event."""
    if not isinstance(payload, dict) or payload.get("object") != "event":
        raise Malformed("the body is no snapshot event")
    about: Json = (payload.get("data") or {}).get("object") or {}
    customer = about.get("id") if about.get("object") == "customer" else about.get("customer")
    charge = about.get({"dispute": "charge", "charge": "id"}.get(str(about.get("object")), ""))
    return Event(
        id=str(need(payload, "id")),
        type=str(need(payload, "type")),
        created_at=moment(need(payload, "created")),
        livemode=bool(need(payload, "livemode")),
        account=payload.get("account"),
        api_version=payload.get("api_version"),
        object_id=about.get("id"),
        customer_id=id_of(customer),
        charge_id=id_of(charge),
        payload=payload,
    )


def need(thing: Mapping[str, Any], name: str) -> Any:
    """The value of a field that must be there; None is no value."""
    value = thing.get(name)
    if value is None:
        raise Malformed(f"{thing.get('id') or thing.get('object') or 'answer'}: {name} is missing")
    return value


def has(thing: Mapping[str, Any], name: str) -> Any:
    """The value of a field that may be null and must not be absent: absent means that it moved."""
    if name not in thing:
        raise Malformed(f"{thing.get('id') or 'answer'}: {name} is gone")
    return thing[name]


def moment(seconds: Any) -> datetime:
    return datetime.fromtimestamp(int(seconds), UTC)


def maybe_moment(seconds: Any) -> datetime | None:
    return None if seconds is None else moment(seconds)


def id_of(thing: Any) -> str | None:
    """An id, whether the field was expanded or not."""
    if isinstance(thing, Mapping):
        return thing.get("id")
    return thing if isinstance(thing, str) else None


def as_price(price: Json) -> Price:
    recurring = price.get("recurring") or {}
    return Price(
        id=str(need(price, "id")),
        lookup_key=price.get("lookup_key"),
        amount_minor=price.get("unit_amount"),
        currency=str(need(price, "currency")),
        interval=recurring.get("interval"),
        interval_count=int(recurring.get("interval_count") or 0),
        is_active=bool(need(price, "active")),
        livemode=bool(need(price, "livemode")),
        product_id=id_of(need(price, "product")) or "",
        tax_behavior=price.get("tax_behavior"),
        is_product_active=not isinstance(price["product"], dict) or bool(price["product"].get("active")),
    )


def as_customer(customer: Json) -> Customer:
    return Customer(
        id=str(need(customer, "id")),
        is_deleted=bool(customer.get("deleted")),
        email=customer.get("email"),
        member_uuid=(customer.get("metadata") or {}).get("member_uuid"),
    )


def as_session(session: Json) -> Session:
    return Session(
        id=str(need(session, "id")),
        status=has(session, "status"),
        url=has(session, "url"),
        customer_id=id_of(has(session, "customer")),
        subscription_id=id_of(has(session, "subscription")),
        expires_at=moment(need(session, "expires_at")),
        reference=(session.get("metadata") or {}).get("attempt"),
    )


def as_snapshot(
    sub: Json,
    open_invoices: tuple[Invoice, ...] = (),
    *,
    needs_action: bool = False,
    declined_because: str | None = None,
) -> Snapshot:
    details = sub.get("cancellation_details") or {}
    latest, schedule = has(sub, "latest_invoice"), has(sub, "schedule")
    next_price_id, next_from = _next_phase(schedule)
    return Snapshot(
        id=str(need(sub, "id")),
        status=str(need(sub, "status")),
        livemode=bool(need(sub, "livemode")),
        items=_items(sub),
        cancel_at=maybe_moment(has(sub, "cancel_at")),
        cancel_at_period_end=bool(has(sub, "cancel_at_period_end")),
        ended_at=maybe_moment(has(sub, "ended_at")),
        trial_end=maybe_moment(has(sub, "trial_end")),
        pause_behavior=(has(sub, "pause_collection") or {}).get("behavior"),
        collection_method=sub.get("collection_method"),
        cancel_reason=details.get("feedback") or details.get("reason"),
        cancel_comment=details.get("comment"),
        card=_card(sub.get("default_payment_method")),
        latest_invoice=as_invoice(latest) if isinstance(latest, Mapping) else None,
        schedule_id=id_of(schedule),
        next_price_id=next_price_id,
        next_from=next_from,
        waits_for_payment=has(sub, "pending_update") is not None,
        started_at=moment(need(sub, "created")),
        raw=sub,
        open_invoices=open_invoices,
        needs_action=needs_action,
        declined_because=declined_because,
        has_discount=bool(sub.get("discounts")),
    )


def _next_phase(schedule: Any) -> tuple[str | None, datetime | None]:
    """The price after the running phase of an expanded schedule, and when it begins; nothing in the last phase."""
    if not isinstance(schedule, Mapping) or not schedule.get("current_phase"):
        return None, None
    turn = need(schedule["current_phase"], "end_date")
    phase = next((each for each in need(schedule, "phases") if each.get("start_date") == turn), None)
    if phase is None:
        return None, None
    return id_of(need(need(phase, "items")[0], "price")), moment(turn)


def as_snapshot_or_not(sub: Json) -> Snapshot | Malformed:
    try:
        return as_snapshot(sub)
    except Malformed as error:
        return error


def _items(sub: Json) -> tuple[Item, ...]:
    try:
        return tuple(_item(each) for each in need(need(sub, "items"), "data"))
    except Malformed as error:
        raise Malformed(f"{sub['id']}: {error}") from None


def _item(item: Json) -> Item:
    price = need(item, "price")
    return Item(
        price_id=str(need(price, "id")),
        quantity=int(item.get("quantity") or 1),
        amount_minor=price.get("unit_amount"),
        currency=str(need(price, "currency")),
        period_start=moment(need(item, "current_period_start")),
        period_end=moment(need(item, "current_period_end")),
    )


def as_invoice(invoice: Mapping[str, Any]) -> Invoice:
    lines = need(need(invoice, "lines"), "data")
    billed = [need(line, "period") for line in lines if int(need(line, "amount")) >= 0]
    return Invoice(
        id=str(need(invoice, "id")),
        status=has(invoice, "status"),
        due_minor=int(need(invoice, "amount_remaining")),
        total_minor=int(need(invoice, "total")),
        subtotal_minor=int(need(invoice, "subtotal")),
        discount_minor=sum(int(need(each, "amount")) for each in invoice.get("total_discount_amounts") or ()),
        currency=str(need(invoice, "currency")),
        hosted_url=invoice.get("hosted_invoice_url"),
        pdf_url=invoice.get("invoice_pdf"),
        number=invoice.get("number"),
        attempts=int(invoice.get("attempt_count") or 0),
        next_attempt_at=maybe_moment(has(invoice, "next_payment_attempt")),
        created_at=moment(need(invoice, "created")),
        reason=invoice.get("billing_reason"),
        livemode=bool(need(invoice, "livemode")),
        paid_minor=int(need(invoice, "amount_paid")),
        sub_id=_sub_of(invoice),
        covers_from=min((moment(need(each, "start")) for each in billed), default=None),
        covers_until=max((moment(need(each, "end")) for each in billed), default=None),
    )


def _sub_of(invoice: Mapping[str, Any]) -> str | None:
    """Since basil an invoice names its subscription in its parent."""
    parent = has(invoice, "parent") or {}
    return id_of((parent.get("subscription_details") or {}).get("subscription"))


def as_preview(invoice: Json) -> Preview:
    lines = [int(need(line, "amount")) for line in need(need(invoice, "lines"), "data")]
    charged, unused = sum(a for a in lines if a > 0), sum(a for a in lines if a < 0)
    discount = -sum(int(need(each, "amount")) for each in invoice.get("total_discount_amounts") or [])
    total, due = int(need(invoice, "total")), int(need(invoice, "amount_due"))
    return Preview(
        currency=str(need(invoice, "currency")),
        due_minor=due,
        plan_minor=charged,
        unused_minor=unused,
        discount_minor=discount,
        tax_minor=total - charged - unused - discount,
        balance_minor=due - total,
        covers_until=as_invoice(invoice).covers_until,
    )


def as_switched(sub: Json) -> Switched:
    """From a subscription with its latest invoice expanded."""
    invoice = has(sub, "latest_invoice")
    return Switched(
        waits_for_payment=has(sub, "pending_update") is not None,
        invoice=as_invoice(invoice) if isinstance(invoice, Mapping) else None,
    )


def as_unpaid(payments: Sequence[Json]) -> Unpaid:
    """From an invoice's open payments with their intents expanded."""
    intents = [(each.get("payment") or {}).get("payment_intent") for each in payments]
    found = [intent for intent in intents if isinstance(intent, Mapping)]
    errors = [intent.get("last_payment_error") or {} for intent in found]
    return Unpaid(
        asks_bank=any(intent.get("status") == "requires_action" for intent in found),
        code=next(filter(None, (error.get("decline_code") or error.get("code") for error in errors)), None),
        words=next(filter(None, (error.get("message") for error in errors)), None),
    )


def item_id(sub: Json, price_id: str | None) -> str | None:
    """The id of the item that is paid at this price, in a subscription as it was mirrored."""
    items = need(need(sub, "items"), "data")
    return next((str(need(item, "id")) for item in items if id_of(item.get("price")) == price_id), None)


def as_reversal(kind: str, thing: Json, charge: Json, invoice: Json | None) -> Reversal:
    amount = int(need(thing, "amount"))
    whole = int(need(charge, "amount"))
    lines = need(need(invoice, "lines"), "data") if invoice is not None else []
    ends = [moment(need(need(line, "period"), "end")) for line in lines]
    return Reversal(
        id=str(need(thing, "id")),
        kind=kind,
        status=str(need(thing, "status")),
        livemode=bool(need(charge, "livemode")),
        charge_id=str(need(charge, "id")),
        amount_minor=amount,
        currency=str(need(thing, "currency")),
        is_full=bool(need(charge, "refunded")) if kind == "refund" else amount >= whole,
        invoice_id=id_of(invoice),
        sub_id=_sub_of(invoice) if invoice is not None else None,
        covers_until=max(ends, default=None),
    )


def as_reversal_seen(thing: Json) -> ReversalSeen:
    charge = thing["charge"]
    return ReversalSeen(
        id=str(need(thing, "id")),
        status=str(need(thing, "status")),
        charge_id=id_of(charge) or "",
        customer_id=id_of(charge.get("customer")) if isinstance(charge, Mapping) else None,
    )


def _card(method: Any) -> str | None:
    """ "Visa ending in 4242", from an expanded payment method."""
    if not isinstance(method, Mapping):
        return None
    card = method.get("card") or {}
    if not card.get("last4"):
        return None
    brand = str(card.get("display_brand") or card.get("brand") or "Card").replace("_", " ").title()
    return f"{brand} ending in {card['last4']}"


def as_endpoint(endpoint: Json) -> Endpoint:
    return Endpoint(
        id=str(need(endpoint, "id")),
        url=str(need(endpoint, "url")),
        is_enabled=endpoint.get("status") == "enabled",
        types=frozenset(need(endpoint, "enabled_events")),
        api_version=endpoint.get("api_version"),
    )
