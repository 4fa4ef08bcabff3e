"""The hosted Checkout page: totals, promotion code, card, the bank's question, and where each ends."""

from __future__ import annotations

from flask import Blueprint, Response, redirect, request, url_for

from stripe_sandbox import cards, checking_out, clock
from stripe_sandbox.api import base_url
from stripe_sandbox.errors import ApiError
from stripe_sandbox.pages import COUNTRIES, page, per_interval, prefilled, sandbox, spaced, test_cards
from stripe_sandbox.store import Object, Transaction

bp = Blueprint("checkout", __name__)


@bp.get("/c/pay/<session_id>")
def show(session_id: str) -> Response:
    clock.catch_up(sandbox().store)
    with sandbox().store.read() as tx:
        session = tx.find(session_id, "checkout.session")
        if session is None:
            return page("checkout_missing.html", 404)
        form = prefilled(request.args.get("card", ""))
        notice = "Nothing was charged: the bank's page was closed." if "closed" in request.args else None
        return _page(tx, session, form=form, notice=notice)


@bp.post("/c/pay/<session_id>")
def submit(session_id: str) -> Response:
    clock.catch_up(sandbox().store)
    form = {
        name: request.form.get(name, "")
        for name in (
            "email",
            "name",
            "number",
            "expiry",
            "cvc",
            "country",
            "postal_code",
            "code",
            "business_name",
            "tax_id",
        )
    }
    with sandbox().store.write() as tx:
        session = tx.find(session_id, "checkout.session")
        if session is None:
            return page("checkout_missing.html", 404)
        tx.live_by(session["customer"])
        if session["status"] == "complete":
            return _leave(session)
        if session["status"] == "expired" or (tx.find(session["customer"] or "") or {}).get("deleted"):
            return _page(tx, session, form=form)
        try:
            if request.form.get("do") == "code":
                checking_out.try_code(tx, session, form["code"])
                return _page(tx, session, form=form)
            step = _pay(tx, session, form)
        except ApiError as wrong:
            return _page(tx, session, form=form, wrong=wrong, status=422)
        if step.status == "challenge":
            return _see(url_for("checkout.challenge", session_id=session_id))
        if step.status == "failed":
            fresh = tx.get("checkout.session", session_id)
            return _page(tx, fresh, form=form, wrong=step.error, status=422)
        return _see(step.url or "/")


@bp.get("/c/challenge/<session_id>")
def challenge(session_id: str) -> Response:
    with sandbox().store.read() as tx:
        session = tx.find(session_id, "checkout.session")
        if session is None:
            return page("checkout_missing.html", 404)
        if session["status"] != "open" or not tx.private(session_id).get("challenge"):
            return _see(url_for("checkout.show", session_id=session_id))
        total = checking_out.sum_of(tx, session)
        return page(
            "challenge.html",
            total=total.total,
            currency=session["currency"],
            action=url_for("checkout.answer", session_id=session_id),
        )


@bp.post("/c/challenge/<session_id>")
def answer(session_id: str) -> Response:
    """`answer` is complete, fail or close."""
    given = request.form.get("answer", "close")
    with sandbox().store.write() as tx:
        session = tx.find(session_id, "checkout.session")
        if session is None:
            return page("checkout_missing.html", 404)
        tx.live_by(session["customer"])
        if given == "close":
            tx.set_private(session_id, challenge=None)
            return _see(url_for("checkout.show", session_id=session_id, closed=1))
        step = checking_out.answer_bank(tx, session, confirmed=given == "complete")
        if step.status == "failed":
            fresh = tx.get("checkout.session", session_id)
            return _page(tx, fresh, form={}, wrong=step.error, status=422)
        if step.url is None:
            return _see(url_for("checkout.show", session_id=session_id))
        return _see(step.url)


def _pay(tx: Transaction, session: Object, form: dict[str, str]) -> checking_out.Step:
    if (session["consent_collection"] or {}).get("terms_of_service") == "required" and not request.form.get("terms"):
        raise ApiError("Please agree to the terms to go on.", param="terms")
    if session["customer"] is None and "@" not in form["email"]:
        raise ApiError("Your email address is incomplete.", param="email")
    payer = checking_out.Payer(
        email=form["email"] or None,
        name=form["name"] or None,
        country=form["country"] or None,
        postal_code=form["postal_code"] or None,
        business_name=_business_name(session, form),
        tax_id=form["tax_id"].strip() or None,
    )
    if not checking_out.needs_card(tx, session):
        return checking_out.pay_nothing(tx, session, payer, base_url=base_url())
    typed = cards.read_card(form["number"], form["expiry"], form["cvc"], now=tx.now)
    return checking_out.pay(tx, session, typed, payer, base_url=base_url())


def _business_name(session: Object, form: dict[str, str]) -> str | None:
    name = " ".join(form["business_name"].split())
    asked = (session["name_collection"] or {}).get("business") or {}
    if not name and asked.get("enabled") and not asked["optional"]:
        raise ApiError("Please enter the name of your business.", param="business_name")
    return name or None


def _page(
    tx: Transaction,
    session: Object,
    *,
    form: dict[str, str],
    wrong: ApiError | None = None,
    notice: str | None = None,
    status: int = 200,
) -> Response:
    customer = tx.find(session["customer"]) if session["customer"] else None
    if session["status"] == "expired" or (session["status"] == "open" and (customer or {}).get("deleted")):
        return page("checkout_expired.html", 410, back=session["cancel_url"])
    if session["status"] == "complete":
        return page("checkout_done.html", onward=checking_out.return_url(session))
    secret = tx.private(session["id"])
    rows = []
    for entry in secret["items"]:
        price = tx.get("price", entry["price"])
        product = tx.find(price["product"]) or {}
        rows.append(
            {
                "name": product.get("name", ""),
                "description": product.get("description"),
                "quantity": entry["quantity"],
                "amount": (price["unit_amount"] or 0) * entry["quantity"],
                "every": per_interval(price),
            }
        )
    trial = secret["trial_seconds"]
    codes = [
        tx.get("promotion_code", d["promotion_code"])["code"] for d in session["discounts"] or [] if d["promotion_code"]
    ]
    terms = (session["consent_collection"] or {}).get("terms_of_service") == "required"
    return page(
        "checkout.html",
        status,
        session=session,
        rows=rows,
        total=checking_out.sum_of(tx, session),
        form=form,
        wrong=wrong,
        notice=notice,
        code=codes[0] if codes else "",
        customer=customer,
        terms=terms,
        words={name: text["message"] for name, text in session["custom_text"].items() if text},
        trial_days=trial // 86400 if trial is not None else None,
        trial_end=checking_out.trial_end(tx, session),
        needs_card=checking_out.needs_card(tx, session),
        asks_business=checking_out.asks_business_name(session),
        countries=COUNTRIES,
        country=form.get("country") or ((customer or {}).get("address") or {}).get("country") or "US",
        test_cards=test_cards(),
        spaced=spaced,
        action=url_for("checkout.submit", session_id=session["id"]),
        here=url_for("checkout.show", session_id=session["id"]),
    )


def _leave(session: Object) -> Response:
    return _see(checking_out.return_url(session))


def _see(url: str) -> Response:
    response = redirect(url, 303)
    response.headers["Cache-Control"] = "no-store"
    return response  # type: ignore[return-value]
