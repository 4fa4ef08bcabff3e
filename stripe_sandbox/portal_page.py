"""The billing portal page: cancel, take back, another card, another plan, invoices."""

from __future__ import annotations

from flask import Blueprint, Response, redirect, request, url_for

from stripe_sandbox import cards, clock, invoicing, paying, subscribing
from stripe_sandbox.errors import ApiError
from stripe_sandbox.objects.portal_sessions import SESSION_SECONDS
from stripe_sandbox.pages import page, per_interval, sandbox, spaced, test_cards
from stripe_sandbox.store import Object, Transaction, changes

bp = Blueprint("portal", __name__)

REASONS = {
    "too_expensive": "It is too expensive",
    "missing_features": "Some features are missing",
    "switched_service": "I found an alternative",
    "unused": "I no longer need it",
    "customer_service": "Customer service was less than expected",
    "too_complex": "It is too complex",
    "low_quality": "Quality was less than expected",
    "other": "Other reason",
}


class _Gone(Exception):
    """The link is unknown or too old."""


@bp.errorhandler(_Gone)
def gone(_: _Gone) -> Response:
    return page("portal_gone.html", 410)


@bp.get("/p/session/<secret>")
def show(secret: str) -> Response:
    """The home, or straight into the flow the session was made for."""
    clock.catch_up(sandbox().store)
    with sandbox().store.read() as tx:
        session, features = _session(tx, secret)
        flow = session["flow"]["type"] if session["flow"] and "home" not in request.args else None
        if flow == "payment_method_update":
            return _see(url_for("portal.card", secret=secret))
        if flow == "subscription_cancel":
            return _see(
                url_for(
                    "portal.cancel", secret=secret, subscription=session["flow"]["subscription_cancel"]["subscription"]
                )
            )
        return _home(tx, session, features, secret)


@bp.get("/p/session/<secret>/cancel/<subscription>")
def cancel(secret: str, subscription: str) -> Response:
    with sandbox().store.read() as tx:
        session, features = _session(tx, secret)
        body = _mine(tx, session, subscription)
        if not features["subscription_cancel"]["enabled"]:
            return _see(_home_url(secret))
        rule = features["subscription_cancel"]
        options = rule["cancellation_reason"]["options"] if rule["cancellation_reason"]["enabled"] else []
        return page(
            "portal_cancel.html",
            subscription=body,
            at=subscribing.period_end(body),
            back=_home_url(secret),
            at_once=rule["mode"] == "immediately",
            reasons={o: REASONS[o] for o in options},
            action=url_for("portal.cancel_now", secret=secret, subscription=subscription),
        )


@bp.post("/p/session/<secret>/cancel/<subscription>")
def cancel_now(secret: str, subscription: str) -> Response:
    """Flexible billing: the portal sets `cancel_at` and leaves `cancel_at_period_end` false (stripe-node#2470)."""
    with sandbox().store.write() as tx:
        session, features = _session(tx, secret)
        body = _mine(tx, session, subscription)
        tx.live_by(session["customer"])
        details = {"feedback": request.form.get("reason") or None, "comment": request.form.get("comment") or None}
        if details["feedback"] not in REASONS:
            details["feedback"] = None
        if body["status"] in subscribing.DEAD or not features["subscription_cancel"]["enabled"]:
            pass
        elif features["subscription_cancel"]["mode"] == "immediately":
            subscribing.end_now(tx, body, reason="cancellation_requested", details=details)
        else:
            before = dict(body)
            classic = body["billing_mode"]["type"] == "classic"
            subscribing.set_end(tx, body, at=subscribing.period_end(body), at_period_end=classic, details=details)
            subscribing.save_and_announce(tx, body, before)
    return _after(session, secret)


@bp.post("/p/session/<secret>/resume/<subscription>")
def resume(secret: str, subscription: str) -> Response:
    with sandbox().store.write() as tx:
        session, _ = _session(tx, secret)
        body = _mine(tx, session, subscription)
        tx.live_by(session["customer"])
        if body["status"] not in subscribing.DEAD and body["cancel_at"] is not None:
            before = dict(body)
            subscribing.set_end(tx, body, at=None, at_period_end=False)
            subscribing.save_and_announce(tx, body, before)
    return _see(_home_url(secret))


@bp.get("/p/session/<secret>/card")
def card(secret: str) -> Response:
    with sandbox().store.read() as tx:
        _session(tx, secret)
        return _card_page(
            secret,
            form={
                "number": spaced(request.args.get("card", "")),
                "expiry": "12 / 40" if "card" in request.args else "",
                "cvc": "123" if "card" in request.args else "",
            },
        )


@bp.post("/p/session/<secret>/card")
def save_card(secret: str) -> Response:
    """A new card for everything the customer has; what is owed is tried at once."""
    form = {name: request.form.get(name, "") for name in ("number", "expiry", "cvc")}
    with sandbox().store.write() as tx:
        session, features = _session(tx, secret)
        if not features["payment_method_update"]["enabled"]:
            return _see(_home_url(secret))
        tx.live_by(session["customer"])
        answer = request.form.get("answer")
        if answer in ("fail", "close"):
            refusal = (
                ApiError(
                    "We are unable to authenticate your payment method. Please choose a different payment "
                    "method and try again."
                )
                if answer == "fail"
                else None
            )
            return _card_page(secret, form={}, wrong=refusal, status=422 if refusal else 200)
        try:
            typed = cards.read_card(form["number"], form["expiry"], form["cvc"], now=tx.now)
            method = paying.save_card(tx, typed, name=None, email=None)
            outcome = paying.confirm_setup(tx, method, authenticated=answer == "complete")
            if outcome.error:
                raise outcome.error
            if outcome.status == "requires_action":
                return page("portal_challenge.html", form=form, action=url_for("portal.save_card", secret=secret))
        except ApiError as wrong:
            return _card_page(secret, form=form, wrong=wrong, status=422)
        _use_everywhere(tx, session["customer"], method)
    return _after(session, secret)


def _use_everywhere(tx: Transaction, customer: str, method: Object) -> None:
    paying.attach(tx, method, customer)
    owner = tx.live("customer", customer)
    before = dict(owner)
    owner["invoice_settings"] = owner["invoice_settings"] | {"default_payment_method": method["id"]}
    tx.save(owner)
    tx.emit("customer.updated", owner, changes(before, owner))
    for subscription in tx.select("subscription", customer=customer):
        if subscription["status"] in subscribing.DEAD:
            continue
        subscribing.use_card(tx, subscription, method)
        for invoice in tx.select("invoice", parent=subscription["id"], oldest_first=True):
            if invoice["status"] == "open" and subscription["status"] != "incomplete":
                invoicing.collect(tx, invoice, method=method, off_session=False)


def _home(tx: Transaction, session: Object, features: Object, secret: str) -> Response:
    customer = tx.live("customer", session["customer"])
    subscriptions = []
    for body in tx.select("subscription", customer=customer["id"]):
        if body["status"] in (*subscribing.DEAD, "incomplete"):
            continue
        item = body["items"]["data"][0]
        product = tx.find(item["price"]["product"]) or {}
        method = invoicing.default_method(tx, body, customer["id"])
        subscriptions.append(
            {
                "body": body,
                "name": product.get("name", ""),
                "price": item["price"],
                "quantity": item["quantity"],
                "every": per_interval(item["price"]),
                "ends": body["cancel_at"],
                "renews": subscribing.period_end(body),
                "card": method,
            }
        )
    invoices = tx.select(
        "invoice",
        customer=customer["id"],
        limit=24,
        where="json_extract(body, '$.status') IN ('open', 'paid', 'uncollectible')",
    )
    return page(
        "portal.html",
        session=session,
        customer=customer,
        features=features,
        subscriptions=subscriptions,
        invoices=invoices,
        secret=secret,
    )


def _card_page(secret: str, *, form: dict[str, str], wrong: ApiError | None = None, status: int = 200) -> Response:
    return page(
        "portal_card.html",
        status,
        form=form,
        wrong=wrong,
        test_cards=test_cards(),
        spaced=spaced,
        back=_home_url(secret),
        action=url_for("portal.save_card", secret=secret),
        here=url_for("portal.card", secret=secret),
    )


def _session(tx: Transaction, secret: str) -> tuple[Object, Object]:
    found = tx.select("billing_portal.session", parent=secret, limit=1)
    if not found or found[0]["created"] + SESSION_SECONDS < tx.now:
        raise _Gone
    customer = tx.find(found[0]["customer"], "customer")
    if customer is None or customer.get("deleted"):
        raise _Gone
    return found[0], tx.get("billing_portal.configuration", found[0]["configuration"])["features"]


def _mine(tx: Transaction, session: Object, subscription: str) -> Object:
    body = tx.find(subscription, "subscription")
    if body is None or body["customer"] != session["customer"]:
        raise _Gone
    return body


def _after(session: Object, secret: str) -> Response:
    """Where the flow's `after_completion` says, else back home."""
    after = session["flow"]["after_completion"] if session["flow"] else None
    if after and after["type"] == "redirect":
        return _see(after["redirect"]["return_url"])
    return _see(_home_url(secret))


def _home_url(secret: str) -> str:
    return url_for("portal.show", secret=secret, home=1)


def _see(url: str) -> Response:
    response = redirect(url, 303)
    response.headers["Cache-Control"] = "no-store"
    return response  # type: ignore[return-value]
