"""Whether the sandbox tells the truth: the same questions to it and to a real Stripe test account, side by side.

    STRIPE_VERIFY_KEY=sk_test_… python -m stripe_sandbox.comparing [--list] [--note FILE] [word …]

`flask billing verify-real` of the portal runs this. Words choose checks by name; without any, all are asked, which
takes some minutes because Stripe's test clocks take their time. Needs a network and a Stripe account of your own, in
test mode; a live key is refused. Customers are made on test clocks, and everything made is removed again or switched
off (products, prices and portal configurations cannot be deleted). Answers are kept in the file that `--state` names,
so a run that was interrupted cleans up what it left and goes on where it stopped; `--again` asks everything anew.

What a person does on the hosted pages cannot be asked this way: BY_HAND says how to look at it. Exit status 0: all
that was asked is the same, 1: something differs or broke, 2: nothing could be compared.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import stripe

DAY = 86400
START = 1893499200  # 2030-01-01, noon UTC: the first moment on every test clock
MONTH_END = 1896091200  # 2030-01-31, noon UTC
LONGEST_WAIT = 600  # seconds for a test clock of Stripe's to arrive
NEVER = "Never yet run against the real Stripe"
Seen = dict[str, object]


@dataclass
class Asker:
    """One side: a client, something to sell, and customers who live on test clocks.

    `note` keeps what has to be removed before anything else happens, and `kept` is told, so that it outlives a crash.
    """

    client: stripe.StripeClient
    patience: float = 0.0  # seconds between looks at a clock that is still advancing
    made: list[list[str]] = field(default_factory=list)  # kind, id
    kept: Callable[[], None] = lambda: None
    product: str = ""
    monthly: str = ""
    annual: str = ""
    clocks: list[str] = field(default_factory=list)

    def open(self) -> Asker:
        v1 = self.client.v1
        self.product = v1.products.create({"name": "Sandbox comparison"}).id
        self.note("product", self.product)
        ids: list[str] = []
        for amount, interval in ((4900, "month"), (49000, "year")):
            price: Any = {"product": self.product, "unit_amount": amount, "currency": "usd"}
            ids.append(v1.prices.create(price | {"recurring": {"interval": interval}}).id)
            self.note("price", ids[-1])
        self.monthly, self.annual = ids
        return self

    def note(self, kind: str, id: str) -> None:
        self.made.append([kind, id])
        self.kept()

    def close(self) -> list[str]:
        """Remove what was made, newest first. Returns what would not go; it stays noted for the next run."""
        v1 = self.client.v1
        ways: dict[str, Callable[[str], object]] = {
            "clock": v1.test_helpers.test_clocks.delete,
            "customer": v1.customers.delete,
            "coupon": v1.coupons.delete,
            "endpoint": v1.webhook_endpoints.delete,
            "configuration": lambda id: v1.billing_portal.configurations.update(id, {"active": False}),
            "price": lambda id: v1.prices.update(id, {"active": False}),
            "product": lambda id: v1.products.update(id, {"active": False}),
        }
        left: list[list[str]] = []
        for kind, id in reversed(self.made):
            try:
                ways[kind](id)
            except stripe.StripeError as refused:
                if refused.code != "resource_missing":
                    left.append([kind, id])
        self.made[:] = left[::-1]
        self.kept()
        return [f"{kind} {id}" for kind, id in self.made]

    def customer(self, card: str | None = "pm_card_visa", *, since: int = START) -> str:
        v1 = self.client.v1
        clock = v1.test_helpers.test_clocks.create({"frozen_time": since}).id
        self.note("clock", clock)
        self.clocks.append(clock)
        customer = v1.customers.create({"email": "compare@example.com", "test_clock": clock}).id
        if card:
            method = v1.payment_methods.attach(card, {"customer": customer}).id
            v1.customers.update(customer, {"invoice_settings": {"default_payment_method": method}})
        return customer

    def coupon(self) -> str:
        """Half the price, once."""
        made = self.client.v1.coupons.create({"percent_off": 50, "duration": "once"}).id
        self.note("coupon", made)
        return made

    def subscribe(self, customer: str, price: str = "", **more: Any) -> Any:
        params: Any = {"customer": customer, "items": [{"price": price or self.monthly}], **more}
        return self.look(self.client.v1.subscriptions.create(params).id)

    def look(self, subscription: str) -> Any:
        return self.client.v1.subscriptions.retrieve(subscription, {"expand": ["latest_invoice"]})

    def wait(self, until: int) -> None:
        """Move the newest clock to this moment."""
        clocks = self.client.v1.test_helpers.test_clocks
        clock = clocks.advance(self.clocks[-1], {"frozen_time": until})
        end = time.monotonic() + LONGEST_WAIT
        while clock.status == "advancing":
            if time.monotonic() > end:
                raise TimeoutError(f"the test clock {clock.id} did not arrive within {LONGEST_WAIT} s")
            time.sleep(self.patience)
            clock = clocks.retrieve(clock.id)
        if clock.status != "ready":
            raise TimeoutError(f"the test clock {clock.id} says {clock.status}")

    def events_of(self, customer: str, *interesting: str) -> list[Any]:
        """Events of these types that this customer has caused, oldest first as Stripe lists them."""
        time.sleep(self.patience)
        kinds: Any = {"limit": 100, "types": list(interesting)}
        found = []
        for event in self.client.v1.events.list(kinds).auto_paging_iter():
            body = event.data.object
            if customer in (getattr(body, "customer", None), getattr(body, "id", None)):
                found.append(event)
        return found[::-1]

    def told(self, customer: str, *interesting: str) -> list[str]:
        """Which of these event types this customer has caused."""
        return sorted({event.type for event in self.events_of(customer, *interesting)})


Check = Callable[[Asker], Seen]
CHECKS: list[Check] = []


def check(ask: Check) -> Check:
    CHECKS.append(ask)
    return ask


@check
def refusals(on: Asker) -> Seen:
    """Errors: type, status, code and param of what is wrong, missing, or not there."""
    seen: Seen = {}
    wrong: dict[str, Any] = {"name": {"e_mail": "x"}, "number": {"balance": "a"}}
    tries: dict[str, Callable[[], object]] = {
        "unknown": lambda: on.client.v1.customers.create(wrong["name"]),
        "missing": lambda: on.client.v1.customers.retrieve("cus_nobody"),
        "limit": lambda: on.client.v1.customers.list({"limit": 101}),
        "no price": lambda: on.subscribe(on.customer(), "price_nothing"),
        "no card": lambda: on.subscribe(on.customer(None)),
        "integer": lambda: on.client.v1.customers.create(wrong["number"]),
    }
    for name, attempt in tries.items():
        try:
            attempt()
            seen[name] = "accepted"
        except stripe.StripeError as refused:
            param = getattr(refused, "param", None)
            seen[name] = (type(refused).__name__, refused.http_status, refused.code, param)
    return seen


@check
def unsetting_and_merging(on: Asker) -> Seen:
    """An empty string unsets a field, metadata merges key by key, a deleted customer is gone."""
    v1 = on.client.v1.customers
    made = v1.create({"email": "a@example.com", "phone": "1", "metadata": {"a": "1", "b": "2"}}).id
    on.note("customer", made)
    after = v1.update(made, {"phone": "", "email": "", "metadata": {"b": "", "c": "3"}})
    gone = v1.delete(made)
    return {
        "phone": after.phone,
        "email": after.email,
        "metadata": after.metadata.to_dict() if after.metadata else None,
        "deleted": gone.deleted,
    }


@check
def repeating_a_key(on: Asker) -> Seen:
    """Idempotency: the same key replays, other words under it are an error, a refused parameter frees it."""
    key = f"compare-{time.time_ns()}"
    v1 = on.client.v1.customers
    first = v1.create({"email": "a@example.com"}, {"idempotency_key": key})
    on.note("customer", first.id)
    second = v1.create({"email": "a@example.com"}, {"idempotency_key": key})
    seen: Seen = {"same": first.id == second.id}
    try:
        v1.create({"email": "b@example.com"}, {"idempotency_key": key})
    except stripe.StripeError as refused:
        seen["other words"] = (type(refused).__name__, refused.http_status)
    wrong: Any = {"e_mail": "a@example.com"}
    try:
        v1.create(wrong, {"idempotency_key": f"{key}-wrong"})
    except stripe.StripeError as refused:
        seen["a wrong word"] = refused.code
    freed = v1.create({"email": "a@example.com"}, {"idempotency_key": f"{key}-wrong"})
    on.note("customer", freed.id)
    seen["frees the key"] = freed.email
    return seen


@check
def a_join_by_api(on: Asker) -> Seen:
    """A subscription made by the API: flexible billing, paid at once, and the events it causes."""
    customer = on.customer()
    made = on.subscribe(customer)
    item = made["items"].data[0]
    return {
        "status": made.status,
        "mode": made.billing_mode.type,
        "invoice": made.latest_invoice.status,
        "reason": made.latest_invoice.billing_reason,
        "period": item.current_period_end - item.current_period_start,
        "anchor": made.billing_cycle_anchor - START,
        "number ends": str(made.latest_invoice.number)[-4:],
        "attempts": (made.latest_invoice.attempted, made.latest_invoice.attempt_count),
        "told": on.told(
            customer,
            "customer.subscription.created",
            "customer.subscription.updated",
            "invoice.created",
            "invoice.finalized",
            "invoice.paid",
            "invoice.payment_succeeded",
            "charge.succeeded",
            "payment_intent.succeeded",
        ),
    }


@check
def a_declined_beginning(on: Asker) -> Seen:
    """A first payment that is declined leaves `incomplete`; cancelling that makes it `incomplete_expired`."""
    customer = on.customer("pm_card_chargeCustomerFail")
    made = on.subscribe(customer)
    seen: Seen = {
        "status": made.status,
        "invoice": made.latest_invoice.status,
        "attempts": made.latest_invoice.attempt_count,
        "told": on.told(customer, "invoice.payment_failed", "charge.failed", "payment_intent.payment_failed"),
    }
    over = on.client.v1.subscriptions.cancel(made.id)
    seen["cancelled"] = (over.status, on.look(made.id).latest_invoice.status)
    seen["told after"] = on.told(customer, "customer.subscription.deleted")
    return seen


@check
def an_unpaid_beginning_after_23_hours(on: Asker) -> Seen:
    """An `incomplete` subscription nobody pays ends by itself after 23 hours, with `updated`."""
    customer = on.customer("pm_card_chargeCustomerFail")
    made = on.subscribe(customer)
    on.wait(START + 24 * 3600)
    after = on.look(made.id)
    return {
        "status": after.status,
        "invoice": after.latest_invoice.status,
        "told": on.told(customer, "customer.subscription.updated", "customer.subscription.deleted", "invoice.voided"),
    }


@check
def a_bank_that_asks(on: Asker) -> Seen:
    """A first payment off session that needs the bank: which events."""
    customer = on.customer("pm_card_authenticationRequired")
    made = on.subscribe(customer, off_session=True)
    return {
        "status": made.status,
        "invoice": made.latest_invoice.status,
        "told": on.told(customer, "invoice.payment_action_required", "invoice.payment_failed"),
    }


@check
def a_renewal(on: Asker) -> Seen:
    """`active` before the charge, the invoice a draft for an hour, and month ends that come back to their day."""
    customer = on.customer(since=MONTH_END)
    made = on.subscribe(customer)
    first = made["items"].data[0].current_period_end
    on.wait(first + 600)
    early = on.look(made.id)
    on.wait(first + 2 * 3600)
    late = on.look(made.id)
    second = late["items"].data[0].current_period_end
    on.wait(second + 2 * 3600)
    return {
        "first end": first - MONTH_END,
        "second end": second - MONTH_END,
        "third end": on.look(made.id)["items"].data[0].current_period_end - MONTH_END,
        "ten minutes in": (early.status, early.latest_invoice.status, early.latest_invoice.billing_reason),
        "a draft for": _draft_seconds(early.latest_invoice),
        "two hours in": (late.status, late.latest_invoice.status),
    }


@check
def a_renewal_that_fails(on: Asker) -> Seen:
    """`past_due`, the retries, what the account does after the last one, and writing the invoice off."""
    customer = on.customer()
    made = on.subscribe(customer)
    bad = on.client.v1.payment_methods.attach("pm_card_chargeCustomerFail", {"customer": customer}).id
    on.client.v1.subscriptions.update(made.id, {"default_payment_method": bad})
    end = made["items"].data[0].current_period_end
    on.wait(end + 2 * 3600)
    failed = on.look(made.id)
    seen: Seen = {
        "status": failed.status,
        "invoice": failed.latest_invoice.status,
        "next try": failed.latest_invoice.next_payment_attempt is not None,
        "told": on.told(customer, "invoice.payment_failed", "customer.subscription.updated"),
    }
    invoice = failed.latest_invoice.id
    on.wait(end + 25 * DAY)
    seen["when retries are over (an account setting)"] = on.look(made.id).status
    on.client.v1.invoices.mark_uncollectible(invoice)
    seen["written off"] = on.look(made.id).status
    return seen


@check
def a_trial(on: Asker) -> Seen:
    """Notice three days before, `active` before the first charge, a first invoice of nothing."""
    customer = on.customer()
    made = on.subscribe(customer, trial_period_days=7)
    seen: Seen = {"status": made.status, "invoice": (made.latest_invoice.status, made.latest_invoice.total)}
    on.wait(START + 5 * DAY)
    seen["told"] = on.told(customer, "customer.subscription.trial_will_end")
    on.wait(START + 7 * DAY + 600)
    early = on.look(made.id)
    on.wait(START + 7 * DAY + 2 * 3600)
    late = on.look(made.id)
    seen["ten minutes after"] = (early.status, early.latest_invoice.status)
    seen["two hours after"] = (late.status, late.latest_invoice.status, late.latest_invoice.total)
    return seen


@check
def a_trial_without_a_card(on: Asker) -> Seen:
    """What a trial's end without a card brings: cancel, pause, an open invoice."""
    seen: Seen = {}
    for behaviour in ("cancel", "pause", "create_invoice"):
        customer = on.customer(None)
        ending = {"end_behavior": {"missing_payment_method": behaviour}}
        made = on.subscribe(customer, trial_period_days=7, trial_settings=ending)
        on.wait(START + 7 * DAY + 2 * 3600)
        seen[behaviour] = on.look(made.id).status
    return seen


@check
def planned_ends(on: Asker) -> Seen:
    """`cancel_at_period_end` and `cancel_at`: what each sets, and what clears it."""
    v1 = on.client.v1.subscriptions
    made = on.subscribe(on.customer())
    end = made["items"].data[0].current_period_end
    seen: Seen = {}
    flagged = v1.update(made.id, {"cancel_at_period_end": True})
    seen["flag"] = (flagged.cancel_at == end, flagged.cancel_at_period_end, flagged.canceled_at is not None)
    back = v1.update(made.id, {"cancel_at_period_end": False})
    seen["flag taken back"] = (back.cancel_at, back.cancel_at_period_end, back.canceled_at)
    dated = v1.update(made.id, {"cancel_at": "max_period_end"})
    seen["date"] = (dated.cancel_at == end, dated.cancel_at_period_end)
    seen["date, flag false"] = v1.update(made.id, {"cancel_at_period_end": False}).cancel_at is None
    seen["date cleared"] = v1.update(made.id, {"cancel_at": ""}).cancel_at
    v1.update(made.id, {"cancel_at_period_end": True})
    on.wait(end + 600)
    seen["at the end"] = on.look(made.id).status
    return seen


@check
def a_change_of_plan(on: Asker) -> Seen:
    """Monthly to annual: the preview is what is charged, and the cycle starts anew."""
    made = on.subscribe(on.customer())
    on.wait(START + 10 * DAY)
    change: Any = {
        "items": [{"id": made["items"].data[0].id, "price": on.annual}],
        "proration_behavior": "always_invoice",
        "proration_date": START + 10 * DAY,
    }
    preview = on.client.v1.invoices.create_preview({"subscription": made.id, "subscription_details": change})
    pending: Any = change | {"payment_behavior": "pending_if_incomplete"}
    on.client.v1.subscriptions.update(made.id, pending)
    after = on.look(made.id)
    return {
        "preview": preview.amount_due,
        "lines": [line.amount for line in preview.lines.data],
        "charged": after.latest_invoice.amount_paid,
        "reason": after.latest_invoice.billing_reason,
        "anchor": after.billing_cycle_anchor - START,
        "pending": after.pending_update,
    }


@check
def a_declined_change_of_plan(on: Asker) -> Seen:
    """`pending_if_incomplete` keeps the old plan, and lapses within a day."""
    customer = on.customer()
    made = on.subscribe(customer)
    bad = on.client.v1.payment_methods.attach("pm_card_chargeCustomerFail", {"customer": customer}).id
    on.client.v1.subscriptions.update(made.id, {"default_payment_method": bad})
    change: Any = {
        "items": [{"id": made["items"].data[0].id, "price": on.annual}],
        "proration_behavior": "always_invoice",
        "payment_behavior": "pending_if_incomplete",
    }
    on.client.v1.subscriptions.update(made.id, change)
    after = on.look(made.id)
    seen: Seen = {
        "status": after.status,
        "pending": after.pending_update is not None,
        "kept": after["items"].data[0].price.id == on.monthly,
        "invoice": after.latest_invoice.status,
    }
    on.wait(START + DAY)
    seen["a day later"] = on.look(made.id).pending_update is not None
    return seen


@check
def a_cheaper_plan(on: Asker) -> Seen:
    """Annual to monthly at once: an invoice below zero becomes the customer's balance."""
    customer = on.customer()
    made = on.subscribe(customer, on.annual)
    change: Any = {
        "items": [{"id": made["items"].data[0].id, "price": on.monthly}],
        "proration_behavior": "always_invoice",
        "proration_date": START,
    }
    on.client.v1.subscriptions.update(made.id, change)
    after = on.look(made.id).latest_invoice
    return {
        "invoice": (after.status, after.total, after.amount_due),
        "balance": on.client.v1.customers.retrieve(customer).balance,
    }


@check
def half_price_once(on: Asker) -> Seen:
    """A coupon that counts once."""
    made = on.subscribe(on.customer(), discounts=[{"coupon": on.coupon()}])
    seen: Seen = {"first": made.latest_invoice.total, "left": len(made.discounts)}
    on.wait(made["items"].data[0].current_period_end + 2 * 3600)
    seen["second"] = on.look(made.id).latest_invoice.total
    return seen


@check
def money_going_back(on: Asker) -> Seen:
    """Refunds in parts, what the charge says, and the way from a payment to its invoice."""
    v1 = on.client.v1
    customer = on.customer()
    made = on.subscribe(customer)
    charge = v1.charges.list({"customer": customer}).data[0]
    part = v1.refunds.create({"charge": charge.id, "amount": 1000})
    rest = v1.refunds.create({"charge": charge.id})
    linked: Any = {"payment": {"type": "payment_intent", "payment_intent": charge.payment_intent}}
    seen: Seen = {
        "part": (part.status, part.amount),
        "rest": rest.amount,
        "charge": (v1.charges.retrieve(charge.id).refunded, v1.charges.retrieve(charge.id).amount_refunded),
        "invoice found": v1.invoice_payments.list(linked).data[0].invoice == made.latest_invoice.id,
        "subscription": on.look(made.id).status,
    }
    try:
        v1.refunds.create({"charge": charge.id})
    except stripe.StripeError as refused:
        seen["again"] = refused.code
    return seen


@check
def pausing(on: Asker) -> Seen:
    """`subscriptions.pause` and `resume` (endive)."""
    made = on.subscribe(on.customer())
    paused: Any = on.client.v1.subscriptions.pause(made.id)
    seen: Seen = {"paused": (paused.status, paused.status_details.paused.subscription.type)}
    on.wait(START + 40 * DAY)
    seen["40 days later"] = on.look(made.id).status
    back: Any = on.client.v1.subscriptions.resume(made.id)
    seen["resumed"] = (back.status, on.look(made.id)["items"].data[0].current_period_start - START)
    return seen


def _draft_seconds(invoice: Any) -> int | None:
    until: int | None = getattr(invoice, "automatically_finalizes_at", None)
    return until - invoice.created if until else None


@check
def the_order_of_a_joins_events(on: Asker) -> Seen:
    """In which order a join's events stand in the list, and that `created` shows `incomplete`."""
    customer = on.customer()
    on.subscribe(customer)
    kinds = ["customer.subscription.created", "customer.subscription.updated", "invoice.paid"]
    told = on.events_of(customer, *kinds)
    begun = next((e for e in told if e.type == kinds[0]), None)
    return {"order": [e.type for e in told], "created says": begun.data.object["status"] if begun else None}


@check
def a_renewal_the_bank_asks_about(on: Asker) -> Seen:
    """A card that asks the bank every time, at a renewal: both `payment_action_required` and `payment_failed`."""
    customer = on.customer()
    made = on.subscribe(customer)
    asking = on.client.v1.payment_methods.attach("pm_card_authenticationRequired", {"customer": customer}).id
    on.client.v1.subscriptions.update(made.id, {"default_payment_method": asking})
    on.wait(made["items"].data[0].current_period_end + 2 * 3600)
    late = on.look(made.id)
    return {
        "status": (late.status, late.latest_invoice.status),
        "told": on.told(customer, "invoice.payment_action_required", "invoice.payment_failed"),
    }


@check
def voiding_what_is_owed(on: Asker) -> Seen:
    """Voiding the open invoice of an `incomplete` subscription, and of an overdue one."""
    v1 = on.client.v1
    begun = on.subscribe(on.customer("pm_card_chargeCustomerFail"))
    v1.invoices.void_invoice(begun.latest_invoice.id)
    seen: Seen = {"incomplete": on.look(begun.id).status}
    customer = on.customer()
    made = on.subscribe(customer)
    bad = v1.payment_methods.attach("pm_card_chargeCustomerFail", {"customer": customer}).id
    v1.subscriptions.update(made.id, {"default_payment_method": bad})
    on.wait(made["items"].data[0].current_period_end + 2 * 3600)
    v1.invoices.void_invoice(on.look(made.id).latest_invoice.id)
    seen["overdue"] = on.look(made.id).status
    return seen


@check
def a_credit_after_a_discount(on: Asker) -> Seen:
    """Flexible billing credits what was really paid, not the list price."""
    made = on.subscribe(on.customer(), discounts=[{"coupon": on.coupon()}])
    change: Any = {
        "items": [{"id": made["items"].data[0].id, "price": on.annual}],
        "proration_behavior": "always_invoice",
        "proration_date": made["items"].data[0].current_period_start,
    }
    preview = on.client.v1.invoices.create_preview({"subscription": made.id, "subscription_details": change})
    return {"lines": [line.amount for line in preview.lines.data], "due": preview.amount_due}


@check
def a_disputed_payment(on: Asker) -> Seen:
    """A payment that its bank disputes: its status, and that it cannot be refunded meanwhile."""
    v1 = on.client.v1
    customer = on.customer("pm_card_createDispute")
    made = on.subscribe(customer)
    on.wait(START + 2 * 3600)
    charge = v1.charges.list({"customer": customer}).data[0].id
    disputes = v1.disputes.list({"charge": charge}).data
    for _ in range(30):  # Stripe takes its time, and not the test clock's
        if disputes or not on.patience:
            break
        time.sleep(on.patience)
        disputes = v1.disputes.list({"charge": charge}).data
    seen: Seen = {"dispute": disputes[0].status if disputes else None, "subscription": on.look(made.id).status}
    try:
        v1.refunds.create({"charge": charge})
        seen["refund"] = "accepted"
    except stripe.StripeError as refused:
        seen["refund"] = refused.code
    return seen


@check
def anchors(on: Asker) -> Seen:
    """`billing_cycle_anchor` is an object since endive; the old word is refused."""
    v1 = on.client.v1.subscriptions
    made = on.subscribe(on.customer())
    on.wait(START + 10 * DAY)
    old: Any = {"billing_cycle_anchor": "now"}
    seen: Seen = {}
    try:
        v1.update(made.id, old)
        seen["a word"] = "accepted"
    except stripe.StripeError as refused:
        seen["a word"] = (refused.http_status, getattr(refused, "param", None))
    moved = v1.update(made.id, {"billing_cycle_anchor": {"type": "now"}, "proration_behavior": "none"})
    seen["an object"] = moved.billing_cycle_anchor - START
    return seen


@check
def checkout_sessions(on: Asker) -> Seen:
    """What a session says before anybody paid, what is refused, and expiring one twice."""
    v1 = on.client.v1.checkout.sessions
    customer = on.customer(None)
    terms: dict[str, Any] = {
        "mode": "subscription",
        "customer": customer,
        "line_items": [{"price": on.monthly, "quantity": 1}],
        "success_url": "https://example.com/back?session={CHECKOUT_SESSION_ID}",
    }
    made: Any = v1.create(cast(Any, terms | {"subscription_data": {"trial_period_days": 7}}))
    seen: Seen = {"made": (made.status, made.payment_status, made.ui_mode, made.amount_total, made.url is not None)}
    over = v1.expire(made.id)
    seen["expired"] = (over.status, over.url)
    tries: dict[str, Callable[[], object]] = {
        "expired again": lambda: v1.expire(made.id),
        "the old ui_mode": lambda: v1.create(cast(Any, terms | {"ui_mode": "hosted"})),
        "a coupon as before": lambda: v1.create(cast(Any, terms | {"coupon": "HALF"})),
        "too short": lambda: v1.create(cast(Any, terms | {"expires_at": int(time.time()) + 60})),
        "tax without an address": lambda: v1.create(cast(Any, terms | {"automatic_tax": {"enabled": True}})),
        "tax ids without the name": lambda: v1.create(cast(Any, terms | {"tax_id_collection": {"enabled": True}})),
    }
    return seen | {name: _refusal(attempt) for name, attempt in tries.items()}


@check
def a_promotion_code(on: Asker) -> Seen:
    """Codes are made with `promotion`, looked up by their word, and refused once they are switched off."""
    v1 = on.client.v1
    word = f"SANDBOX{time.time_ns() % 10**9}"
    made: Any = v1.promotion_codes.create({"promotion": {"type": "coupon", "coupon": on.coupon()}, "code": word})
    found = v1.promotion_codes.list({"code": word}).data
    off: Any = v1.promotion_codes.update(made.id, {"active": False})
    return {
        "made": (made.active, made.times_redeemed, made.promotion.type),
        "found": [code.id for code in found] == [made.id],
        "off": off.active,
        "refused": _refusal(lambda: on.subscribe(on.customer(), discounts=[{"promotion_code": made.id}])),
    }


@check
def lookup_keys(on: Asker) -> Seen:
    """A lookup key names one active price; a new price takes it over only when asked to."""
    v1 = on.client.v1.prices
    key = f"sandbox-{time.time_ns()}"
    terms: Any = {"product": on.product, "unit_amount": 900, "currency": "usd", "lookup_key": key}
    terms |= {"recurring": {"interval": "month"}}
    first = v1.create(terms).id
    on.note("price", first)
    seen: Seen = {"twice": _refusal(lambda: v1.create(terms))}
    second = v1.create(terms | {"transfer_lookup_key": True}).id
    on.note("price", second)
    seen["found"] = [price.id for price in v1.list({"lookup_keys": [key]}).data] == [second]
    seen["left"] = v1.retrieve(first).lookup_key
    return seen


@check
def tax_numbers(on: Asker) -> Seen:
    """A customer's tax ids: made, listed, refused when they look wrong, and removed."""
    v1 = on.client.v1.customers
    customer = on.customer(None)
    made: Any = v1.tax_ids.create(customer, {"type": "eu_vat", "value": "DE123456789"})
    seen: Seen = {
        "made": (made.type, made.country, made.verification.status if made.verification else None),
        "listed": len(v1.tax_ids.list(customer).data),
        "wrong": _refusal(lambda: v1.tax_ids.create(customer, {"type": "eu_vat", "value": "12"})),
    }
    seen["removed"] = v1.tax_ids.delete(customer, made.id).deleted
    return seen


@check
def the_billing_portal(on: Asker) -> Seen:
    """A configuration as the portal makes it, brought up to date, and a way in for one task."""
    v1 = on.client.v1.billing_portal
    features: Any = {
        "customer_update": {"enabled": True, "allowed_updates": ["name", "address", "tax_id"]},
        "invoice_history": {"enabled": True},
        "payment_method_update": {"enabled": True},
        "subscription_cancel": {"enabled": True, "mode": "at_period_end"},
        "subscription_update": {
            "enabled": True,
            "default_allowed_updates": ["price"],
            "proration_behavior": "always_invoice",
            "products": [{"product": on.product, "prices": [on.monthly, on.annual]}],
            "schedule_at_period_end": {"conditions": [{"type": "decreasing_item_amount"}]},
        },
    }
    made: Any = v1.configurations.create({"features": features, "default_return_url": "https://example.com/billing"})
    on.note("configuration", made.id)
    way: Any = v1.sessions.create(
        {
            "customer": on.customer(),
            "configuration": made.id,
            "flow_data": {"type": "payment_method_update"},
        }
    )
    changed: Any = v1.configurations.update(made.id, {"features": {"invoice_history": {"enabled": False}}})
    return {
        "cancel": (made.features.subscription_cancel.mode, made.features.subscription_cancel.proration_behavior),
        "conditions": [c.type for c in made.features.subscription_update.schedule_at_period_end.conditions],
        "way": (way.flow.type, way.url is not None, way.return_url),
        "kept": (changed.features.invoice_history.enabled, changed.features.payment_method_update.enabled),
    }


@check
def a_webhook_endpoint(on: Asker) -> Seen:
    """Its secret is told once, its version is the one asked for, and its types can be changed."""
    v1 = on.client.v1.webhook_endpoints
    values: Any = {
        "url": "https://example.com/sandbox-comparison",
        "enabled_events": ["customer.deleted"],
        "api_version": stripe.api_version,
    }
    made = v1.create(values)
    on.note("endpoint", made.id)
    again = v1.retrieve(made.id)
    changed = v1.update(made.id, {"enabled_events": ["customer.deleted", "invoice.paid"], "disabled": True})
    return {
        "secret": (bool(made.secret), hasattr(again, "secret")),
        "version": made.api_version,
        "status": (made.status, changed.status),
        "types": sorted(changed.enabled_events),
        "no address": _refusal(lambda: v1.create(values | {"url": "nowhere"})),
    }


@check
def lists_and_expansion(on: Asker) -> Seen:
    """Newest first, paging both ways, four levels of expansion, and what cannot be expanded."""
    v1 = on.client.v1
    customer = on.customer()
    subscription = on.subscribe(customer).id
    for days in (40, 70):
        on.wait(START + days * DAY)
    ids = [i.id for i in v1.invoices.list({"customer": customer, "limit": 100})]
    first = v1.invoices.list({"customer": customer, "limit": 2})
    rest = v1.invoices.list({"customer": customer, "limit": 2, "starting_after": first.data[-1].id})
    back = v1.invoices.list({"customer": customer, "limit": 2, "ending_before": rest.data[0].id})
    deep = "latest_invoice.payments.data.payment.payment_intent.latest_charge"
    return {
        "count": len(ids),
        "first": [i.id for i in first] == ids[:2],
        "has more": (first.has_more, rest.has_more),
        "back": [i.id for i in back] == ids[:2],
        "too deep": _refusal(lambda: v1.subscriptions.retrieve(subscription, {"expand": [deep]})),
        "not there": _refusal(lambda: v1.subscriptions.retrieve(subscription, {"expand": ["favourite"]})),
        "ids stay ids": isinstance(v1.subscriptions.retrieve(subscription).latest_invoice, str),
    }


@check
def a_test_clock(on: Asker) -> Seen:
    """Only forward, and two intervals of the shortest subscription at once."""
    clocks = on.client.v1.test_helpers.test_clocks
    on.subscribe(on.customer())
    clock = on.clocks[-1]
    return {
        "too far": _refusal(lambda: clocks.advance(clock, {"frozen_time": START + 100 * DAY})) != "accepted",
        "backwards": _refusal(lambda: clocks.advance(clock, {"frozen_time": START - DAY})) != "accepted",
    }


def _refusal(attempt: Callable[[], object]) -> object:
    try:
        attempt()
    except stripe.StripeError as refused:
        return refused.http_status, refused.code, getattr(refused, "param", None)
    return "accepted"


@dataclass(frozen=True)
class ByHand:
    """Something people do on Stripe's own pages: what the sandbox does there, and how to look whether Stripe does."""

    name: str
    here: str
    steps: tuple[str, ...]


BY_HAND = (
    ByHand(
        "the portal's cancellation",
        "sets cancel_at to the period's end and leaves cancel_at_period_end false",
        (
            "Join with 4242 4242 4242 4242, open “Manage billing”, cancel.",
            "In the Dashboard open the subscription's last event customer.subscription.updated.",
            "Note cancel_at, cancel_at_period_end, cancellation_details.",
            "Take it back in the portal, and note the same three.",
        ),
    ),
    ByHand(
        "a decline on Checkout",
        "leaves an incomplete subscription with an open invoice, which the next try on the same page uses; events "
        "charge.failed, payment_intent.payment_failed, invoice.payment_failed",
        (
            "Join, type 4000 0000 0000 0002, read the sentence on the page.",
            "In the Dashboard look at the customer: which subscriptions and invoices are there, in which state?",
            "Under Developers, Events: which types came, in which order?",
            "Pay on the same page with 4242 and look again: one subscription or two?",
        ),
    ),
    ByHand(
        "the events of a join through Checkout",
        "customer.subscription.created says incomplete, checkout.session.completed comes last",
        (
            "Join with 4242 while `stripe listen` or the Dashboard shows deliveries.",
            "Note the order of arrival, and the status inside customer.subscription.created.",
        ),
    ),
    ByHand(
        "3D Secure left unanswered",
        "closing the bank's page charges nothing; failing it says so and the page stays open",
        (
            "Join with 4000 0025 0000 3155, fail the challenge, read the sentence, pay with another card.",
            "Join as somebody else, close the challenge, go back: is the page still usable?",
        ),
    ),
    ByHand(
        "nothing to pay today",
        "payment_status is no_payment_required for a trial and for a full discount",
        (
            "Join with a trial, and once with a code for 100 %.",
            "Retrieve both sessions by the API: payment_status, amount_total, the subscription's status.",
        ),
    ),
    ByHand(
        "changing the plan in the portal",
        "upwards: an invoice at once, to the cent as shown; downwards: a subscription schedule of two phases, which a "
        "later cancellation releases",
        (
            "As a monthly member change to annual in the portal: compare the amount shown with the invoice.",
            "As an annual member change to monthly: is there a schedule, and does the subscription carry its id?",
            "Cancel that one in the portal: what becomes of the schedule?",
        ),
    ),
    ByHand(
        "another card while a payment is overdue",
        "the open invoice is tried at once and paid",
        (
            "Save 4000 0000 0000 0341 in the portal, let a test clock or a one-day price renew.",
            "Save 4242 in the portal: is the open invoice paid at once, without a further click?",
        ),
    ),
    ByHand(
        "expiring a session while it is paid",
        "one of the two wins; the other call is refused",
        (
            "Open Checkout in one window, press pay with the 3155 card, and while the bank asks, expire the session by "
            "the API. Then confirm at the bank: who wins, and is anything charged?",
        ),
    ),
    ByHand(
        "tax with an address typed at the till",
        "the customer's address is kept (customer_update[address]=auto) and the invoice is taxed by it",
        (
            "With STRIPE_TAX=1 join as somebody without an address, and type a German one.",
            "Look at the customer's address and the invoice's tax line.",
        ),
    ),
    ByHand(
        "how long a portal link lives",
        "one hour",
        ("Make a portal session, open its address after 5, 30 and 70 minutes.",),
    ),
    ByHand(
        "the account's own switches",
        "retries on days 1, 3, 5, 7, 9, 11, 13, 14, then cancel; no pause on failure; flexible billing by default",
        (
            "Dashboard, Settings, Billing, Subscriptions and emails: note retry schedule, what follows the last retry, "
            "“pause after payment failure”, and the billing mode of a new subscription.",
        ),
    ),
)
NOT_ASKABLE = (
    "a stored 500 under an idempotency key and how long it is replayed (Stripe cannot be made to fail)",
    "an endpoint disabled after days of errors, and the times of retries between deliveries",
)


# Both sides


class Notebook:
    """What is known so far, in a file: answers of the real side by check, and what still has to be removed."""

    def __init__(self, file: Path | None, *, about: str) -> None:
        self.file, self.about = file, about
        self.answers: dict[str, Seen] = {}
        self.made: list[list[str]] = []
        if file and file.exists():
            known = json.loads(file.read_text())
            self.made = known["made"]
            if known["about"] == about:  # another account, SDK or API version begins anew, after cleaning up
                self.answers = known["answers"]

    def keep(self) -> None:
        if self.file:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            known = {"about": self.about, "answers": self.answers, "made": self.made}
            whole = self.file.with_suffix(".new")
            whole.write_text(json.dumps(known, indent=1))
            whole.replace(self.file)


def ask_all(on: Asker, chosen: list[Check], book: Notebook, say: Callable[[str], object]) -> dict[str, Seen]:
    """What one side answers; checks that were answered in an earlier run are not asked again."""
    on.made, on.kept = book.made, book.keep
    on.close()  # what an interrupted run has left
    open_ = [ask for ask in chosen if ask.__name__ not in book.answers]
    if open_:
        try:
            on.open()
            for number, ask in enumerate(open_, 1):
                say(f"asking {number} of {len(open_)}: {_title(ask)}\n")
                book.answers[ask.__name__] = _answer(on, ask)
                book.keep()
        finally:
            for stuck in on.close():
                say(f"could not remove {stuck}; the next run tries again\n")
    return {ask.__name__: book.answers[ask.__name__] for ask in chosen}


def _answer(on: Asker, ask: Check) -> Seen:
    """As JSON gives it back, so that both sides and a resumed run compare alike."""
    try:
        seen = ask(on)
    except (stripe.StripeError, AttributeError, IndexError, KeyError, TimeoutError) as broken:
        seen = {"broke": f"{type(broken).__name__}: {broken}"[:300]}
    return cast(Seen, json.loads(json.dumps(seen, default=str)))


def ask_sandbox(chosen: list[Check], say: Callable[[str], object] = lambda _: None) -> dict[str, Seen]:
    from stripe_sandbox.app import create_app
    from stripe_sandbox.serving import Server

    with tempfile.TemporaryDirectory() as folder:
        server = Server(create_app(Path(folder) / "sandbox.sqlite", delivery="manual"))
        server.start()
        try:
            asker = Asker(stripe.StripeClient("sk_test_sandbox", base_addresses={"api": server.url}))
            return ask_all(asker, chosen, Notebook(None, about=""), say)
        finally:
            server.stop()


def differing(ours: Seen, theirs: Seen) -> list[tuple[str, object, object]]:
    """What the two sides say differently: what about, the sandbox's answer, Stripe's answer."""
    names = sorted(ours.keys() | theirs.keys())
    return [(name, ours.get(name), theirs.get(name)) for name in names if ours.get(name) != theirs.get(name)]


# What is told


def report(chosen: list[Check], ours: dict[str, Seen], theirs: dict[str, Seen]) -> tuple[list[str], int]:
    """One line a check, with both answers where they differ; and how many differ."""
    lines, count = [], 0
    for ask in chosen:
        found = differing(ours[ask.__name__], theirs[ask.__name__])
        count += bool(found)
        lines.append(f"{'DIFFERS' if found else 'same   '} {_title(ask)}: {ask.__doc__}")
        for name, our, their in found:
            lines.append(f"          {name}: the sandbox says {_shown(our)}, Stripe says {_shown(their)}")
    return lines, count


def by_hand() -> list[str]:
    lines = ["For a person, with a browser and the Dashboard in test mode:"]
    for number, item in enumerate(BY_HAND, 1):
        lines.append(f"{number}. {item.name}. The sandbox: {item.here}.")
        lines += [f"     - {step}" for step in item.steps]
    return [*lines, "Nobody can ask: " + "; ".join(NOT_ASKABLE) + "."]


def note(lines: list[str], differ: int, *, account: str, today: datetime) -> str:
    """The dated note to commit; its first line is what `flask billing check` reads."""
    same = sum(line.startswith("same") for line in lines)
    head = f"SDK {stripe.VERSION}, API {stripe.api_version}, {today:%Y-%m-%d}: {same} checks the same, {differ} differ."
    body = "\n".join(["# Compared with the real Stripe", "", head, "", f"Test account {account}. By machine:", ""])
    rows = "\n".join(f"- {line.strip()}" if not line.startswith(" ") else f"  - {line.strip()}" for line in lines)
    people = "\n".join(f"- [ ] {item.name}: {item.here}" for item in BY_HAND)
    return f"{body}{rows}\n\nBy hand (tick what you have looked at, write down what differs):\n\n{people}\n"


def first_line(file: Path | None) -> str:
    """When this was last compared, or that it never was."""
    if file is None or not file.exists():
        return f"{NEVER}: what the sandbox does is known from documentation only."
    told = next((line for line in file.read_text().splitlines() if line.startswith("SDK ")), "")
    return f"Last run against the real Stripe: {told}"


def _title(ask: Check) -> str:
    return ask.__name__.replace("_", " ")


def _shown(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def main(words: list[str], say: Callable[[str], object] = sys.stdout.write) -> int:
    parser = argparse.ArgumentParser(prog="python -m stripe_sandbox.comparing", description=__doc__.split("\n")[0])
    parser.add_argument("word", nargs="*", help="only the checks that have one of these words in their name")
    parser.add_argument("--list", action="store_true", help="what is asked, and what is left to a person")
    parser.add_argument("--again", action="store_true", help="ask everything anew")
    parser.add_argument("--state", type=Path, default=Path("instance/verify-real.json"), help="where answers are kept")
    parser.add_argument("--note", type=Path, default=Path("deploy/verified-at-stripe.md"), help="the note of last time")
    parser.add_argument("--against", default="", help="try this program itself: another sandbox plays Stripe")
    given = parser.parse_args(words)
    chosen = [ask for ask in CHECKS if not given.word or any(w in _title(ask) or w in ask.__name__ for w in given.word)]
    say(first_line(given.note) + "\n")
    if given.list:
        for ask in chosen:
            say(f"- {_title(ask)}: {ask.__doc__}\n")
        say("\n".join(by_hand()) + "\n")
        return 0
    key = os.environ.get("STRIPE_VERIFY_KEY", "")
    if problem := _problem(key, chosen):
        say(f"{problem} Nothing was compared.\n")
        return 2
    base: Any = {"api": given.against} if given.against else {}
    client = stripe.StripeClient(key, max_network_retries=2, base_addresses=base)
    try:
        account = client.v1.accounts.retrieve_current().id
    except stripe.StripeError as refused:
        say(f"Stripe did not open the account with this key ({type(refused).__name__}). Nothing was compared.\n")
        return 2
    book = Notebook(given.state, about=f"{account} {stripe.VERSION} {stripe.api_version}")
    if given.again:
        book.answers = {}
    theirs = ask_all(Asker(client, patience=0.0 if given.against else 2.0), chosen, book, say)
    lines, differ = report(chosen, ask_sandbox(chosen), theirs)
    say("\n".join(["", *lines, "", *by_hand(), ""]) + "\n")
    say(f"{len(chosen)} checks, SDK {stripe.VERSION}, API {stripe.api_version}: {differ} differ.\n")
    if given.against:
        say(f"{given.against} played Stripe. {NEVER}; there is no note to commit.\n")
    elif not given.word:
        say(f"\nCommit this as {given.note}:\n\n{note(lines, differ, account=account, today=datetime.now(UTC))}")
    return 1 if differ else 0


def _problem(key: str, chosen: list[Check]) -> str:
    if not chosen:
        return "No check has that word in its name; --list shows them."
    if key.startswith(("sk_live_", "rk_live_")):
        return "This is a live key, and this program makes customers and payments. Take a test key of the same account."
    if not key.startswith(("sk_test_", "rk_test_")) or key.endswith("sandbox"):
        return "STRIPE_VERIFY_KEY must be the test key (sk_test_… or rk_test_…) of a real Stripe account."
    return ""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
