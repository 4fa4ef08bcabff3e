"""Whether the sandbox tells the truth: the same questions to it and to a real Stripe test account, side by side.

    STRIPE_SECRET_KEY=sk_test_… python -m stripe_sandbox.comparing [word …]

Words choose questions by name; without any, all are asked, which takes some minutes because Stripe's test clocks take
their time. Needs a network and a Stripe account of your own, in test mode; a live key is refused. It makes customers on
test clocks and deletes them again, and one product with two prices, which it archives. Exit status 0: no difference,
1: differences, 2: nothing could be compared.

What a person does on the hosted pages cannot be asked this way. README.md lists it; compare it by hand.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import stripe

DAY = 86400
START = 1893499200  # 2030-01-01, noon UTC: the first moment on every test clock
MONTH_END = 1896091200  # 2030-01-31, noon UTC
Seen = dict[str, object]


@dataclass
class Asker:
    """One side: a client, something to sell, and customers who live on test clocks."""

    client: stripe.StripeClient
    patience: float = 0.0  # seconds between looks at a clock that is still advancing
    product: str = ""
    monthly: str = ""
    annual: str = ""
    clocks: list[str] = field(default_factory=list)

    def open(self) -> Asker:
        v1 = self.client.v1
        self.product = v1.products.create({"name": "Sandbox comparison"}).id
        made: list[str] = []
        for amount, interval in ((4900, "month"), (49000, "year")):
            price: Any = {"product": self.product, "unit_amount": amount, "currency": "usd"}
            made.append(v1.prices.create(price | {"recurring": {"interval": interval}}).id)
        self.monthly, self.annual = made
        return self

    def close(self) -> None:
        for clock in self.clocks:
            self.client.v1.test_helpers.test_clocks.delete(clock)
        for price in (self.monthly, self.annual):
            self.client.v1.prices.update(price, {"active": False})
        self.client.v1.products.update(self.product, {"active": False})

    def customer(self, card: str | None = "pm_card_visa", *, since: int = START) -> str:
        v1 = self.client.v1
        clock = v1.test_helpers.test_clocks.create({"frozen_time": since}).id
        self.clocks.append(clock)
        customer = v1.customers.create({"email": "compare@example.com", "test_clock": clock}).id
        if card:
            method = v1.payment_methods.attach(card, {"customer": customer}).id
            v1.customers.update(customer, {"invoice_settings": {"default_payment_method": method}})
        return customer

    def subscribe(self, customer: str, price: str = "", **more: Any) -> Any:
        params: Any = {"customer": customer, "items": [{"price": price or self.monthly}], **more}
        return self.look(self.client.v1.subscriptions.create(params).id)

    def look(self, subscription: str) -> Any:
        return self.client.v1.subscriptions.retrieve(subscription, {"expand": ["latest_invoice"]})

    def wait(self, until: int) -> None:
        """Move the newest clock to this moment."""
        clocks = self.client.v1.test_helpers.test_clocks
        clock = clocks.advance(self.clocks[-1], {"frozen_time": until})
        while clock.status == "advancing":
            time.sleep(self.patience)
            clock = clocks.retrieve(clock.id)

    def told(self, customer: str, *interesting: str) -> list[str]:
        """Which of these event types this customer has caused."""
        time.sleep(self.patience)
        found = set()
        for event in self.client.v1.events.list({"limit": 100, "types": list(interesting)}).auto_paging_iter():
            body = event.data.object
            if customer in (getattr(body, "customer", None), getattr(body, "id", None)):
                found.add(event.type)
        return sorted(found)


Question = Callable[[Asker], Seen]
QUESTIONS: list[Question] = []


def question(ask: Question) -> Question:
    QUESTIONS.append(ask)
    return ask


@question
def refusals(on: Asker) -> Seen:
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


@question
def unsetting_and_merging(on: Asker) -> Seen:
    v1 = on.client.v1.customers
    made = v1.create({"email": "a@example.com", "phone": "1", "metadata": {"a": "1", "b": "2"}}).id
    after = v1.update(made, {"phone": "", "email": "", "metadata": {"b": "", "c": "3"}})
    gone = v1.delete(made)
    return {
        "phone": after.phone,
        "email": after.email,
        "metadata": after.metadata.to_dict() if after.metadata else None,
        "deleted": gone.deleted,
    }


@question
def repeating_a_key(on: Asker) -> Seen:
    key = f"compare-{time.time_ns()}"
    v1 = on.client.v1.customers
    first = v1.create({"email": "a@example.com"}, {"idempotency_key": key})
    second = v1.create({"email": "a@example.com"}, {"idempotency_key": key})
    seen: Seen = {"same": first.id == second.id}
    try:
        v1.create({"email": "b@example.com"}, {"idempotency_key": key})
    except stripe.StripeError as refused:
        seen["other words"] = (type(refused).__name__, refused.http_status)
    v1.delete(first.id)
    return seen


@question
def a_join_by_api(on: Asker) -> Seen:
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


@question
def a_declined_beginning(on: Asker) -> Seen:
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


@question
def an_unpaid_beginning_after_23_hours(on: Asker) -> Seen:
    customer = on.customer("pm_card_chargeCustomerFail")
    made = on.subscribe(customer)
    on.wait(START + 24 * 3600)
    after = on.look(made.id)
    return {
        "status": after.status,
        "invoice": after.latest_invoice.status,
        "told": on.told(customer, "customer.subscription.updated", "customer.subscription.deleted", "invoice.voided"),
    }


@question
def a_bank_that_asks(on: Asker) -> Seen:
    customer = on.customer("pm_card_authenticationRequired")
    made = on.subscribe(customer, off_session=True)
    return {
        "status": made.status,
        "invoice": made.latest_invoice.status,
        "told": on.told(customer, "invoice.payment_action_required", "invoice.payment_failed"),
    }


@question
def a_renewal(on: Asker) -> Seen:
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
        "two hours in": (late.status, late.latest_invoice.status),
    }


@question
def a_renewal_that_fails(on: Asker) -> Seen:
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


@question
def a_trial(on: Asker) -> Seen:
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


@question
def a_trial_without_a_card(on: Asker) -> Seen:
    seen: Seen = {}
    for behaviour in ("cancel", "pause", "create_invoice"):
        customer = on.customer(None)
        ending = {"end_behavior": {"missing_payment_method": behaviour}}
        made = on.subscribe(customer, trial_period_days=7, trial_settings=ending)
        on.wait(START + 7 * DAY + 2 * 3600)
        seen[behaviour] = on.look(made.id).status
    return seen


@question
def planned_ends(on: Asker) -> Seen:
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


@question
def a_change_of_plan(on: Asker) -> Seen:
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


@question
def a_declined_change_of_plan(on: Asker) -> Seen:
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


@question
def a_cheaper_plan(on: Asker) -> Seen:
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


@question
def half_price_once(on: Asker) -> Seen:
    coupon = on.client.v1.coupons.create({"percent_off": 50, "duration": "once"}).id
    made = on.subscribe(on.customer(), discounts=[{"coupon": coupon}])
    seen: Seen = {"first": made.latest_invoice.total, "left": len(made.discounts)}
    on.wait(made["items"].data[0].current_period_end + 2 * 3600)
    seen["second"] = on.look(made.id).latest_invoice.total
    on.client.v1.coupons.delete(coupon)
    return seen


@question
def money_going_back(on: Asker) -> Seen:
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


@question
def pausing(on: Asker) -> Seen:
    made = on.subscribe(on.customer())
    paused: Any = on.client.v1.subscriptions.pause(made.id)
    seen: Seen = {"paused": (paused.status, paused.status_details.paused.subscription.type)}
    on.wait(START + 40 * DAY)
    seen["40 days later"] = on.look(made.id).status
    back: Any = on.client.v1.subscriptions.resume(made.id)
    seen["resumed"] = (back.status, on.look(made.id)["items"].data[0].current_period_start - START)
    return seen


def answers(on: Asker, chosen: list[Question]) -> dict[str, Seen]:
    """What one side says; a question that breaks says how."""
    said: dict[str, Seen] = {}
    on.open()
    try:
        for ask in chosen:
            try:
                said[ask.__name__] = ask(on)
            except (stripe.StripeError, AttributeError, IndexError, KeyError) as broken:
                said[ask.__name__] = {"broke": f"{type(broken).__name__}: {broken}"}
    finally:
        on.close()
    return said


def differences(sandbox: dict[str, Seen], real: dict[str, Seen]) -> list[str]:
    """One line for each thing the two sides say differently."""
    return [
        f"{name}: {key}: the sandbox says {ours.get(key)!r}, Stripe says {real[name].get(key)!r}"
        for name, ours in sandbox.items()
        for key in sorted(ours.keys() | real[name].keys())
        if ours.get(key) != real[name].get(key)
    ]


def ask_sandbox(chosen: list[Question]) -> dict[str, Seen]:
    from stripe_sandbox.app import create_app
    from stripe_sandbox.serving import Server

    with tempfile.TemporaryDirectory() as folder:
        server = Server(create_app(Path(folder) / "sandbox.sqlite", delivery="manual"))
        server.start()
        try:
            return answers(Asker(stripe.StripeClient("sk_test_sandbox", base_addresses={"api": server.url})), chosen)
        finally:
            server.stop()


def main(words: list[str], key: str, say: Callable[[str], object]) -> int:
    chosen = [ask for ask in QUESTIONS if not words or any(word in ask.__name__ for word in words)]
    if not key.startswith(("sk_test_", "rk_test_")) or key.endswith("sandbox"):
        say("STRIPE_SECRET_KEY must be the test key of a real Stripe account. Nothing was compared.\n")
        return 2
    real = answers(Asker(stripe.StripeClient(key, max_network_retries=2), patience=2.0), chosen)
    found = differences(ask_sandbox(chosen), real)
    say(f"{len(chosen)} questions, SDK {stripe.VERSION}, API {stripe.api_version}: {len(found)} differences.\n")
    for line in found:
        say(f"- {line}\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ.get("STRIPE_SECRET_KEY", ""), sys.stdout.write))
