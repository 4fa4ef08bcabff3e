"""Invoices, their payments, and the preview of the next one."""

from __future__ import annotations

from typing import Any

from stripe_sandbox import expanding, invoicing, listing, paying, subscribing, switching
from stripe_sandbox.calls import Call, answers
from stripe_sandbox.errors import ApiError
from stripe_sandbox.store import Object, Transaction


@answers("get", "/v1/invoices/{}")
def retrieve(call: Call) -> Object:
    return call.tx.get("invoice", call.id)


@answers("get", "/v1/invoices")
def list_(call: Call) -> Object:
    where, args = "1", []
    for name in ("status", "collection_method"):
        if name in call.params:
            where += f" AND json_extract(body, '$.{name}') = ?"
            args.append(call.params[name])
    return listing.page(
        call,
        "invoice",
        customer=call.params.get("customer"),
        parent=call.params.get("subscription"),
        where=where,
        args=tuple(args),
    )


@answers("get", "/v1/invoices/{}/lines")
def lines(call: Call) -> Object:
    found = call.tx.get("invoice", call.id)["lines"]["data"]
    return listing.list_of(found[: call.params.get("limit", 10)], call.url)


@answers("post", "/v1/invoices/create_preview")
def create_preview(call: Call) -> Object:
    """The next invoice, or what a change described in `subscription_details` would bill."""
    tx, params = call.tx, call.params
    if "subscription" not in params:
        raise ApiError(
            "This sandbox previews invoices of an existing `subscription` only.",
            status=501,
            type="api_error",
            param="subscription",
            stored=False,
        )
    subscription = tx.get("subscription", params["subscription"], param="subscription")
    tx.live_by(subscription["customer"])
    if params.get("customer", subscription["customer"]) != subscription["customer"]:
        raise ApiError("The subscription does not belong to this customer.", param="customer")
    details = params.get("subscription_details") or {}
    if details.get("cancel_now") or subscription["status"] in subscribing.DEAD:
        raise _nothing_upcoming()
    if not {"items", "billing_cycle_anchor", "trial_end"} & set(details):
        return _next_regular(tx, subscription)
    change = switching.Change.from_params(tx, details)
    plan = switching.work_out(tx, subscription, change)
    preview = dict(subscription) | {"items": subscription["items"] | {"data": plan.items}}
    lines = plan.lines
    if change.proration != "always_invoice" and not plan.at_once:
        lines = lines + _regular_after(tx, preview)
    return invoicing.draw_up(
        tx, preview, lines, reason="upcoming", preview=True, proration_date=change.proration_date or tx.now
    )


@answers("post", "/v1/invoices/{}/pay")
def pay(call: Call) -> Object:
    tx, params = call.tx, call.params
    invoice = tx.get("invoice", call.id)
    tx.live_by(invoice["customer"])
    if invoice["status"] == "paid":
        raise ApiError("Invoice is already paid", code="invoice_already_paid")
    if invoice["status"] == "draft":
        invoice = invoicing.finalise(tx, invoice, base_url=call.base_url)
        if invoice["status"] == "paid":
            return invoice
    if invoice["status"] not in ("open", "uncollectible"):
        raise ApiError(f"This invoice is {invoice['status']} and cannot be paid.", code="invoice_not_editable")
    method = params.get("payment_method")
    chosen = tx.get("payment_method", method, param="payment_method") if method else None
    if params.get("paid_out_of_band"):
        raise ApiError("This sandbox does not simulate paid_out_of_band.", status=501, type="api_error", stored=False)
    outcome = invoicing.collect(tx, invoice, method=chosen, off_session=params.get("off_session", True))
    if outcome.error:
        if outcome.status == "requires_action":
            raise ApiError(
                "Your card was declined. This transaction requires authentication.",
                status=402,
                type="card_error",
                code="invoice_payment_intent_requires_action",
                keeps=True,
            )
        raise outcome.error
    return tx.get("invoice", call.id)


@answers("post", "/v1/invoices/{}/void")
def void(call: Call) -> Object:
    return invoicing.void(call.tx, call.tx.get("invoice", call.id))


@answers("post", "/v1/invoices/{}/mark_uncollectible")
def mark_uncollectible(call: Call) -> Object:
    return invoicing.write_off(call.tx, call.tx.get("invoice", call.id))


@answers("post", "/v1/invoices/{}/finalize")
def finalize(call: Call) -> Object:
    invoice = call.tx.get("invoice", call.id)
    if invoice["status"] != "draft":
        raise ApiError("This invoice is already finalized.", code="invoice_not_editable")
    return invoicing.finalise(call.tx, invoice, base_url=call.base_url)


@answers("get", "/v1/invoice_payments/{}")
def retrieve_payment(call: Call) -> Object:
    return call.tx.get("invoice_payment", call.id)


@answers("get", "/v1/invoice_payments")
def list_payments(call: Call) -> Object:
    where, args = "1", []
    given = call.params.get("payment") or {}
    for name in ("payment_intent", "charge"):
        if name in given:
            where += " AND json_extract(body, '$.payment.payment_intent') = ?"
            args.append(
                given[name]
                if name == "payment_intent"
                else call.tx.get("charge", given["charge"], param="payment[charge]")["payment_intent"]
            )
    if "status" in call.params:
        where += " AND json_extract(body, '$.status') = ?"
        args.append(call.params["status"])
    return listing.page(call, "invoice_payment", parent=call.params.get("invoice"), where=where, args=tuple(args))


@expanding.included("invoice", "payments")
def _payments(tx: Transaction, invoice: Object) -> Object:
    return listing.list_of(tx.select("invoice_payment", parent=invoice["id"]), "/v1/invoice_payments")


@expanding.included("invoice", "confirmation_secret")
def _confirmation_secret(tx: Transaction, invoice: Object) -> dict[str, Any] | None:
    intent = paying.intent_of(tx, invoice["id"])
    return {"client_secret": intent["client_secret"], "type": "payment_intent"} if intent else None


def _nothing_upcoming() -> ApiError:
    return ApiError("No upcoming invoices for customer", status=404, code="invoice_upcoming_none")


def _next_regular(tx: Transaction, subscription: Object) -> Object:
    if subscription["cancel_at"] is not None and subscription["cancel_at"] <= subscribing.period_end(subscription):
        raise _nothing_upcoming()
    waiting = [invoicing.Line(**entry) for entry in tx.private(subscription["id"]).get("waiting", [])]
    at = subscribing.period_end(subscription)
    body = invoicing.draw_up(
        tx, subscription, waiting + _regular_after(tx, subscription), reason="upcoming", preview=True
    )
    return body | {
        "period_start": subscription["items"]["data"][0]["current_period_start"],
        "period_end": at,
        "next_payment_attempt": at + invoicing.DRAFT_SECONDS,
        "created": at,
    }


def _regular_after(tx: Transaction, subscription: Object) -> list[invoicing.Line]:
    from stripe_sandbox import periods

    lines = []
    for item in subscription["items"]["data"]:
        start = item["current_period_end"]
        end = periods.end_of(subscription["billing_cycle_anchor"], item["price"], start)
        lines.append(
            invoicing.Line(
                item,
                item["price"],
                item["quantity"],
                start,
                end,
                (item["price"]["unit_amount"] or 0) * item["quantity"],
            )
        )
    return lines
