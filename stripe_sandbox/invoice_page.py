"""A hosted invoice, and a receipt once it is paid."""

from __future__ import annotations

from flask import Blueprint, Response, redirect, request, url_for

from stripe_sandbox import cards, invoicing, paying, subscribing
from stripe_sandbox.errors import ApiError
from stripe_sandbox.pages import page, prefilled, sandbox, spaced, test_cards
from stripe_sandbox.store import Object, Transaction

bp = Blueprint("invoice", __name__)


@bp.get("/i/<invoice_id>")
def show(invoice_id: str) -> Response:
    with sandbox().store.read() as tx:
        return _page(tx, invoice_id, form=prefilled(request.args.get("card", "")))


@bp.get("/i/<invoice_id>/pdf")
def pdf(invoice_id: str) -> Response:
    """Stripe sends a PDF; here the page itself prints well."""
    return redirect(url_for("invoice.show", invoice_id=invoice_id), 303)  # type: ignore[return-value]


@bp.post("/i/<invoice_id>")
def submit(invoice_id: str) -> Response:
    """Pay an open invoice with a card, or answer the bank."""
    form = {name: request.form.get(name, "") for name in ("number", "expiry", "cvc")}
    with sandbox().store.write() as tx:
        invoice = tx.find(invoice_id, "invoice")
        if invoice is None or invoice["status"] not in ("open", "uncollectible"):
            return _page(tx, invoice_id, form=form)
        tx.live_by(invoice["customer"])
        try:
            wrong = _pay(tx, invoice, form)
        except ApiError as refusal:
            wrong = refusal
        return _page(tx, invoice_id, form=form, wrong=wrong, status=422 if wrong else 200)


def _pay(tx: Transaction, invoice: Object, form: dict[str, str]) -> ApiError | None:
    answer = request.form.get("answer")
    subscription = invoicing.subscription_of(tx, invoice)
    if answer == "fail":
        intent = paying.intent_of(tx, invoice["id"])
        return paying.refuse_authentication(tx, intent) if intent else None
    if answer == "complete":
        method = _asked_card(tx, invoice, subscription)
        outcome = invoicing.collect(tx, invoice, method=method, off_session=False, authenticated=True, count=False)
    else:
        typed = cards.read_card(form["number"], form["expiry"], form["cvc"], now=tx.now)
        method = paying.save_card(tx, typed, name=None, email=invoice["customer_email"])
        outcome = invoicing.collect(tx, invoice, method=method, off_session=False)
    if outcome.status == "succeeded" and subscription and method:
        subscribing.use_card(tx, tx.get("subscription", subscription["id"]), method)
    return outcome.error if outcome.status == "failed" else None


def _asked_card(tx: Transaction, invoice: Object, subscription: Object | None) -> Object | None:
    intent = paying.intent_of(tx, invoice["id"])
    if intent and intent["payment_method"]:
        return tx.find(intent["payment_method"], "payment_method")
    return invoicing.default_method(tx, subscription, invoice["customer"])


def _page(
    tx: Transaction, invoice_id: str, *, form: dict[str, str], wrong: ApiError | None = None, status: int = 200
) -> Response:
    invoice = tx.find(invoice_id, "invoice")
    if invoice is None:
        return page("checkout_missing.html", 404)
    intent = paying.intent_of(tx, invoice_id)
    asks = invoice["status"] == "open" and bool(intent) and (intent or {})["status"] == "requires_action"
    return page(
        "invoice.html",
        status,
        invoice=invoice,
        form=form,
        wrong=wrong,
        asks=asks,
        test_cards=test_cards(),
        spaced=spaced,
        action=url_for("invoice.submit", invoice_id=invoice_id),
        here=url_for("invoice.show", invoice_id=invoice_id),
    )
