"""The billing portal page: cancel, take back, another card, another plan, billing details, invoices."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, redirect, request, url_for

from stripe_sandbox import cards, clock, identifying, invoicing, paying, periods, scheduling, subscribing, switching
from stripe_sandbox.api import base_url
from stripe_sandbox.errors import ApiError
from stripe_sandbox.objects.portal_sessions import SESSION_SECONDS
from stripe_sandbox.objects.setting_fields import address
from stripe_sandbox.pages import COUNTRIES, page, per_interval, prefilled, sandbox, spaced, test_cards
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


_DETAILS = ("name", "email", "phone")
_ADDRESS = ("line1", "line2", "postal_code", "city", "state", "country")


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
        if flow == "customer_update":
            return _see(url_for("portal.details", secret=secret))
        if flow == "subscription_cancel":
            return _see(
                url_for(
                    "portal.cancel", secret=secret, subscription=session["flow"]["subscription_cancel"]["subscription"]
                )
            )
        if flow in ("subscription_update", "subscription_update_confirm"):
            details = session["flow"][flow]
            wanted = details["items"][0]["price"] if flow == "subscription_update_confirm" else None
            return _see(url_for("portal.plan", secret=secret, subscription=details["subscription"], price=wanted))
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
            if body["schedule"]:
                scheduling.release(tx, body)
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


@bp.get("/p/session/<secret>/plan/<subscription>")
def plan(secret: str, subscription: str) -> Response:
    """The plans to choose from; with `price`, what the change costs, before anything happens."""
    with sandbox().store.read() as tx:
        session, features = _session(tx, secret)
        body = _mine(tx, session, subscription)
        tx.live_by(session["customer"])
        offers = _offers(tx, features, body)
        if not offers:
            return _see(_home_url(secret))
        chosen = next((o for o in offers if o["price"]["id"] == request.args.get("price")), None)
        values: dict[str, Any] = {"offers": offers, "chosen": chosen, "subscription": body, "wrong": None}
        if chosen:
            values |= _effect(tx, features, body, chosen["price"])
        return page(
            "portal_plan.html",
            **values,
            back=_home_url(secret),
            here=url_for("portal.plan", secret=secret, subscription=subscription),
        )


@bp.post("/p/session/<secret>/plan/<subscription>")
def change_plan(secret: str, subscription: str) -> Response:
    """Upwards at once and paid at once; downwards, if the configuration says so, at the end of the period."""
    with sandbox().store.write() as tx:
        session, features = _session(tx, secret)
        body = _mine(tx, session, subscription)
        tx.live_by(session["customer"])
        chosen = next((o for o in _offers(tx, features, body) if o["price"]["id"] == request.form.get("price")), None)
        if chosen is None:
            return _see(_home_url(secret))
        effect = _effect(tx, features, body, chosen["price"])
        if effect["later"]:
            scheduling.keep_for_period_end(tx, body, chosen["price"])
            return _after(session, secret)
        if body["schedule"]:
            scheduling.release(tx, body)
        change = _change(features, body, chosen["price"])
        after = switching.switch(tx, body, change, base_url=base_url())
        if after["pending_update"]:
            invoice = tx.get("invoice", after["latest_invoice"])
            intent = paying.intent_of(tx, invoice["id"]) or {}
            error = intent.get("last_payment_error") or {"message": "Your bank wants a confirmation."}
            subscribing.forget_pending(tx, after)
            return page(
                "portal_plan.html",
                422,
                offers=_offers(tx, features, body),
                chosen=chosen,
                subscription=after,
                wrong=ApiError(error["message"]),
                **effect,
                back=_home_url(secret),
                here=url_for("portal.plan", secret=secret, subscription=subscription),
            )
    return _after(session, secret)


@bp.post("/p/session/<secret>/keep/<subscription>")
def keep(secret: str, subscription: str) -> Response:
    """Take a change for the end of the period back."""
    with sandbox().store.write() as tx:
        session, _ = _session(tx, secret)
        body = _mine(tx, session, subscription)
        if body["schedule"]:
            before = dict(body)
            scheduling.release(tx, body)
            subscribing.save_and_announce(tx, body, before)
    return _see(_home_url(secret))


def _offers(tx: Transaction, features: Object, subscription: Object) -> list[Object]:
    rule = features["subscription_update"]
    running = subscription["status"] in ("active", "trialing") and subscription["cancel_at"] is None
    if not rule["enabled"] or "price" not in rule["default_allowed_updates"] or not running:
        return []
    now = subscription["items"]["data"][0]["price"]["id"]
    offers = []
    for entry in rule["products"] or []:
        name = (tx.find(entry["product"]) or {}).get("name", "")
        for id in entry["prices"]:
            price = tx.get("price", id)
            if price["active"]:
                offers.append({"name": name, "price": price, "every": per_interval(price), "current": id == now})
    return offers


def _effect(tx: Transaction, features: Object, subscription: Object, price: Object) -> dict[str, Any]:
    """`later` with a date, or the invoice that the change would make now."""
    old = subscription["items"]["data"][0]["price"]
    conditions = {c["type"] for c in features["subscription_update"]["schedule_at_period_end"]["conditions"]}
    shorter = periods.after(0, price, 1) < periods.after(0, old, 1)
    cheaper = (price["unit_amount"] or 0) < (old["unit_amount"] or 0) and not shorter
    waits = (shorter and "shortening_interval" in conditions) or (cheaper and "decreasing_item_amount" in conditions)
    if waits and subscription["status"] != "trialing":
        return {"later": subscribing.period_end(subscription), "preview": None}
    work = switching.work_out(tx, subscription, _change(features, subscription, price))
    as_if = dict(subscription) | {"items": subscription["items"] | {"data": work.items}}
    billed = work.lines if features["subscription_update"]["proration_behavior"] != "none" or work.at_once else []
    return {"later": None, "preview": invoicing.draw_up(tx, as_if, billed, reason="upcoming", preview=True)}


def _change(features: Object, subscription: Object, price: Object) -> switching.Change:
    return switching.Change(
        items=((subscription["items"]["data"][0]["id"], price, None, False),),
        proration=features["subscription_update"]["proration_behavior"],
        payment="pending_if_incomplete",
    )


@bp.get("/p/session/<secret>/card")
def card(secret: str) -> Response:
    with sandbox().store.read() as tx:
        _session(tx, secret)
        return _card_page(secret, form=prefilled(request.args.get("card", "")))


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
    for subscription in subscribing.use_card_everywhere(tx, tx.live("customer", customer), method):
        for invoice in tx.select("invoice", parent=subscription["id"], oldest_first=True):
            if invoice["status"] == "open" and subscription["status"] != "incomplete":
                invoicing.collect(tx, invoice, method=method, off_session=False)


@bp.get("/p/session/<secret>/details")
def details(secret: str) -> Response:
    """Name, address and tax ids, as they will stand on the next invoice."""
    with sandbox().store.read() as tx:
        session, features = _session(tx, secret)
        if not features["customer_update"]["enabled"]:
            return _see(_home_url(secret))
        return _details_page(tx, session, features, secret)


@bp.post("/p/session/<secret>/details")
def save_details(secret: str) -> Response:
    """Only what the configuration allows is taken; an empty field unsets."""
    with sandbox().store.write() as tx:
        session, features = _session(tx, secret)
        if not features["customer_update"]["enabled"]:
            return _see(_home_url(secret))
        tx.live_by(session["customer"])
        customer = tx.live("customer", session["customer"])
        allowed = features["customer_update"]["allowed_updates"]
        form = {name: request.form.get(name, "").strip()[:200] for name in (*_DETAILS, *_ADDRESS, "tax_id")}
        tx.conn.execute("SAVEPOINT details")
        try:
            if "tax_id" in allowed:
                _change_tax_ids(tx, customer["id"], form)
            _change_details(tx, customer, form, allowed)
        except ApiError as wrong:
            tx.conn.execute("ROLLBACK TO details")
            return _details_page(tx, session, features, secret, form=form, wrong=wrong, status=422)
    return _after(session, secret)


def _change_tax_ids(tx: Transaction, customer: str, form: dict[str, str]) -> None:
    for id in request.form.getlist("remove"):
        body = tx.find(id, "tax_id")
        if body and body.get("customer") == customer:
            identifying.remove(tx, body)
    if form["tax_id"]:
        kind, value = identifying.typed(form["country"], form["tax_id"])
        identifying.add(tx, customer, type=kind, value=value)


def _change_details(tx: Transaction, customer: Object, form: dict[str, str], allowed: list[str]) -> None:
    before = dict(customer)
    for name in _DETAILS:
        if name in allowed:
            customer[name] = form[name] or None
    if "email" in allowed and "@" not in form["email"]:
        raise ApiError("Your email address is incomplete.", param="email")
    if "address" in allowed:
        given = address({name: form[name] for name in _ADDRESS})
        customer["address"] = given if given and any(form[n] for n in _ADDRESS if n != "country") else None
    if changed := changes(before, customer):
        tx.save(customer)
        tx.emit("customer.updated", customer, changed)


def _details_page(
    tx: Transaction,
    session: Object,
    features: Object,
    secret: str,
    *,
    form: dict[str, str] | None = None,
    wrong: ApiError | None = None,
    status: int = 200,
) -> Response:
    customer = tx.live("customer", session["customer"])
    known = {name: customer[name] or "" for name in _DETAILS}
    known |= {name: (customer["address"] or {}).get(name) or "" for name in _ADDRESS} | {"tax_id": ""}
    return page(
        "portal_details.html",
        status,
        form=form or known,
        wrong=wrong,
        allowed=features["customer_update"]["allowed_updates"],
        tax_ids=tx.select("tax_id", customer=customer["id"], oldest_first=True),
        countries=COUNTRIES,
        back=_home_url(secret),
        action=url_for("portal.save_details", secret=secret),
    )


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
                "may_switch": bool(_offers(tx, features, body)),
                "next": _kept(tx, body),
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
        tax_ids=tx.select("tax_id", customer=customer["id"], oldest_first=True),
        features=features,
        subscriptions=subscriptions,
        invoices=invoices,
        secret=secret,
    )


def _kept(tx: Transaction, subscription: Object) -> Object | None:
    schedule = tx.find(subscription["schedule"] or "", "subscription_schedule")
    coming = scheduling.to_come(schedule)
    return tx.get("price", coming["items"][0]["price"]) if coming else None


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
    if body is None or body.get("customer") != session["customer"]:  # gone with its test clock
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
