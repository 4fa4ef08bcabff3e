"""Pages of billing: before the button, on the way back from Stripe, one's membership; and Stripe's deliveries."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import structlog
from flask import Blueprint, Response, current_app, g, redirect, render_template, request, url_for
from sqlalchemy import select
from sqlalchemy.exc import DBAPIError
from werkzeug.exceptions import NotFound, RequestEntityTooLarge
from werkzeug.wrappers import Response as Answer

from portal.accounts.signed_in import me, me_or_none
from portal.billing import attempts, changes, webhooks
from portal.billing.asking import StripeAway, StripeRefused
from portal.billing.checkout import PaymentsAway, begin, terms
from portal.billing.customers import customer_id_of
from portal.billing.entitlements import entitlement_of
from portal.billing.gateway import stripe_gateway
from portal.billing.invoices import invoices_of
from portal.billing.models import LIVE, AttemptState, BillingCustomer, CheckoutAttempt, Plan
from portal.billing.prices import offer_of
from portal.billing.queries import latest_subscription, plan_for_sale, plans_for_sale
from portal.billing.setting_up import portal_configuration
from portal.billing.shapes import Malformed
from portal.billing.standing import standing_of
from portal.billing.syncing import UNREADABLE, Busy, read_now
from portal.billing.trying import trial_days_for
from portal.billing.wording import renewal_after, tax_note
from portal.core.admission import Audience, admits, audiences
from portal.core.clock import now
from portal.core.db import db, release, transaction
from portal.core.errors import Refusal
from portal.core.limits import limiter
from portal.core.web import absolute, read_cursor, whole_number

log = structlog.get_logger()
bp = Blueprint("billing", __name__)
Page = str | Answer | tuple[str, int] | tuple[str, int, dict[str, str]]
NEWEST_INVOICES = 4  # on the page about everything; the others have a page of their own
# So many threads of a process work on what was delivered, one piece after another; the others stay with the pages,
# however many deliveries come and however slow Stripe is. They are none of the web server's own: one of those keeps the
# connection it answered on, and the next request over it (of anybody, when a proxy sends it) would wait for the work.
HANDS = 2
hands = ThreadPoolExecutor(HANDS, thread_name_prefix="delivered")  # begins to run when first needed, after any fork
MOST_LOOKS = 20  # the page that confirms reloads itself so often, then asks for a click


@bp.route("/join/<plan>", methods=["GET", "POST"])
@admits(Audience.ANYONE)
@limiter.limit("60/hour;30/minute", methods=["POST"])
def checkout(plan: str) -> Page:
    """GET: what will be paid, when again, and what happens next. POST: on to Stripe's page."""
    found = plan_for_sale(plan)
    if found is None:
        raise NotFound()
    member = me_or_none()
    if member is None:
        return redirect(url_for("membership.join", plan=found.key), 303)
    if member.is_leaving:
        return redirect(url_for("data.data"), 303)
    if request.method == "GET":
        return _checkout_page(found)
    release()
    try:
        way = begin(member.id, found.key, agreed=request.form.get("agreed"))
    except Refusal as no:
        return _checkout_page(found, problem=no.message), no.status, no.headers
    return redirect(way.url or url_for("billing.billing", already=1), 303)


def _checkout_page(plan: Plan, problem: str | None = None) -> str:
    sub, trial_days = latest_subscription(me().id), trial_days_for(me().id)
    offer, for_sale = offer_of(plan), plans_for_sale()
    return render_template(
        "billing/checkout.html",
        plan=plan,
        trial_days=trial_days,
        charged_at=now() + timedelta(days=trial_days) if trial_days else renewal_after(now(), plan.interval),
        agreed=terms(plan, trial_days),
        offer=offer,
        others=[other for other in for_sale if other.key != plan.key and offer_of(other).tier == offer.tier],
        has_tiers=any(offer_of(other).tier != offer.tier for other in for_sale),
        tax_note=tax_note(),
        came_back="back" in request.args,
        has_one=sub is not None and sub.status in LIVE,
        for_sale=plan.refused_because is None,
        problem=problem,
    )


@bp.get("/billing/return")
@admits(Audience.SIGNED_IN)
def returned() -> Page:
    """Back from Stripe's page. The address grants nothing: our row says whose session it is, Stripe what it brought."""
    session_id = request.args.get("session_id", "").replace("\x00", "")  # which PostgreSQL cannot look for
    attempt = db.session.scalar(
        select(CheckoutAttempt).where(CheckoutAttempt.session_id == session_id, CheckoutAttempt.member_id == me().id)
    )
    if attempt is None:
        raise NotFound()
    looks = whole_number(request.args.get("look"), otherwise=1, most=MOST_LOOKS + 1)
    member_id, url = me().id, attempt.url
    release()
    state = _look(attempt, member_id)
    _ask_anew()
    sub = latest_subscription(member_id)
    if entitlement_of(me()).is_open and sub is not None and sub.status in LIVE:
        return render_template("billing/welcome.html", subscription=sub)
    if state in {AttemptState.OPEN, AttemptState.OPENING}:
        return render_template("billing/not_paid.html", url=url, plan=db.session.get_one(Plan, attempt.plan_id))
    if state is AttemptState.EXPIRED:
        return render_template("billing/not_paid.html", url=None, plan=db.session.get_one(Plan, attempt.plan_id))
    again = url_for("billing.returned", session_id=session_id, look=looks + 1)
    return render_template("billing/confirming.html", again=again, by_itself=looks < MOST_LOOKS)


def _look(attempt: CheckoutAttempt, member_id: int) -> AttemptState | None:
    """Read the customer and the session, five seconds at most; None when Stripe gave no usable answer."""
    try:
        with transaction():
            row_id = db.session.scalars(select(BillingCustomer.id).where(BillingCustomer.member_id == member_id)).one()
        read_now(row_id, cause="return", quick=True, patience=5.0)
        return attempts.follow_session(attempt, stripe_gateway().session(attempt.session_id or "", quick=True))
    except (Busy, *UNREADABLE) as error:
        log.warning("return.unread", attempt=attempt.id, reason=str(error))
        return None


def _ask_anew() -> None:
    """What this request knew of the member's access was read before Stripe was asked."""
    g.pop("audiences", None)
    g.pop("entitlements", None)
    db.session.expire_all()
    audiences()


@bp.get("/account/billing")
@admits(Audience.ACCOUNT)
def billing() -> str:
    """One's membership in one sentence, what is charged next, and the ways to change it."""
    sub = latest_subscription(me().id)
    return render_template(
        "billing/billing.html",
        standing=standing_of(me(), entitlement_of(me()), sub),
        subscription=sub,
        waiting=changes.unfinished(sub.id) if sub is not None else None,
        already="already" in request.args,
        invoices=invoices_of(me().id, most=NEWEST_INVOICES),
        has_customer=customer_id_of(me().id) is not None,
    )


@bp.get("/account/billing/invoices")
@admits(Audience.ACCOUNT)
def invoices() -> str:
    """Everything one was billed, the newest first."""
    return render_template(
        "billing/invoices.html", page=invoices_of(me().id, before=read_cursor(request.args.get("before")))
    )


@bp.post("/account/billing/portal")
@admits(Audience.SIGNED_IN)
@limiter.limit("60/hour")
def portal() -> Page:
    """A fresh way into Stripe's billing portal: card, invoices, cancelling and taking it back."""
    customer_id = customer_id_of(me().id)
    if customer_id is None:
        return redirect(url_for("billing.billing"), 303)
    configuration = portal_configuration()
    release()
    try:
        url = stripe_gateway().portal_url(
            customer_id,
            return_url=absolute("billing.billing"),
            configuration=configuration,
            to_pay=request.form.get("to") == "card",
        )
    except (StripeAway, StripeRefused, Malformed) as error:
        log.warning("portal.refused", member=me().id, reason=str(error))
        raise PaymentsAway() from None
    return redirect(url, 303)


@bp.post("/billing/stripe/events")
@admits(Audience.ANYONE)
def stripe_events() -> Answer:
    """400 for what is not Stripe's, 503 for what cannot be kept, 200 for what is; only then it is worked on."""
    if not current_app.config["STRIPE_WEBHOOK_SECRETS"]:
        log.error("webhook.no_secret")
        return _plainly("no secret is configured\n", 503)
    try:
        event = webhooks.receive(request.get_data(cache=False), request.headers.get("Stripe-Signature"))
    except RequestEntityTooLarge:
        return _plainly("too large\n", 413)
    except webhooks.Refused:
        return _plainly("not signed by Stripe in time\n", 400)
    except DBAPIError as error:
        log.error("webhook.not_kept", reason=type(error).__name__)
        return _plainly("cannot be kept just now\n", 503)
    answer = _plainly("kept\n", 200)
    if event is not None:
        _work_after(answer, event)
    return answer


def _plainly(text: str, status: int) -> Response:
    headers = {"Retry-After": "30"} if status == 503 else {}
    return Response(text, status=status, mimetype="text/plain", headers=headers)


def _work_after(answer: Response, event: int) -> None:
    """Work on the event in this process once the answer is on its way; a worker takes what is left undone."""
    app: Any = current_app._get_current_object()  # type: ignore[attr-defined]  # werkzeug's proxy hides it

    def work() -> None:
        try:
            with app.app_context():
                webhooks.process(event, quick=True)
        except Busy:
            pass
        except Exception:  # it stays in the inbox, and this process has other deliveries to work on
            log.exception("webhook.inline_failed", stripe_event=event)

    answer.call_on_close(lambda: hands.submit(work))
