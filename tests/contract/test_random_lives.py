"""Random members doing random things in random order: nothing breaks, every answer validates, the sums agree."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
import stripe

from stripe_sandbox import create_app
from stripe_sandbox.cards import CARDS
from tests.sandbox import SandboxTransport

STEPS = 120
GOOD = ["4242424242424242"] * 12
REFUSALS = (stripe.InvalidRequestError, stripe.CardError)


class Life:
    """Three members, one shop, one dice."""

    def __init__(self, folder, seed: int) -> None:
        self.dice = random.Random(seed)
        self.app = create_app(folder / "sandbox.sqlite", delivery="manual")
        self.sandbox = self.app.extensions["sandbox"]
        self.v1 = stripe.StripeClient("sk_test_x", http_client=SandboxTransport(self.app)).v1
        self.browser = self.app.test_client()
        product = self.v1.products.create({"name": "Practice Freedom"}).id
        self.prices = [
            self.v1.prices.create(
                {"product": product, "unit_amount": amount, "currency": "usd", "recurring": {"interval": interval}}
            ).id
            for amount, interval in ((4900, "month"), (9900, "month"), (49000, "year"))
        ]
        self.v1.coupons.create({"id": "HALF", "percent_off": 50, "duration": "once"})
        self.v1.billing_portal.configurations.create(
            {
                "features": {
                    "invoice_history": {"enabled": True},
                    "payment_method_update": {"enabled": True},
                    "subscription_cancel": {"enabled": True},
                    "subscription_update": {
                        "enabled": True,
                        "default_allowed_updates": ["price"],
                        "proration_behavior": "always_invoice",
                        "products": [{"product": product, "prices": self.prices}],
                        "schedule_at_period_end": {
                            "conditions": [{"type": "shortening_interval"}, {"type": "decreasing_item_amount"}]
                        },
                    },
                }
            }
        )
        self.customers = [self.v1.customers.create({"email": f"{n}@example.com"}).id for n in range(3)]
        self.sessions: list[str] = []
        self.sandbox.set("dunning_end", self.dice.choice(["cancel", "unpaid", "paused", "past_due"]))

    def step(self) -> str:
        customer = self.dice.choice(self.customers)
        subscriptions = self.v1.subscriptions.list({"customer": customer, "status": "all"}).data
        doing = self.dice.choice(self.deeds(customer, self.dice.choice(subscriptions) if subscriptions else None))
        try:
            doing()
        except REFUSALS as refused:
            if refused.http_status not in (400, 402, 404):
                raise
        return doing.__name__

    def deeds(self, customer: str, of: stripe.Subscription | None) -> list[Callable[[], object]]:
        v1, pick = self.v1, self.dice.choice

        def join() -> None:
            more = pick([{}, {"subscription_data": {"trial_period_days": 7}}, {"discounts": [{"coupon": "HALF"}]}])
            session = v1.checkout.sessions.create(
                {
                    "mode": "subscription",
                    "customer": customer,
                    "success_url": "http://portal.test/",
                    "line_items": [{"price": pick(self.prices), "quantity": 1}],
                    **more,
                }
            )
            self.sessions.append(session.id)
            pay()
            answer_the_bank()

        def pay() -> None:
            if self.sessions:
                self.type(f"/c/pay/{pick(self.sessions[-3:])}", do="pay", number=pick([*CARDS, *GOOD]))

        def answer_the_bank() -> None:
            if self.sessions:
                self.type(f"/c/challenge/{pick(self.sessions[-3:])}", answer=pick(["complete", "fail", "close"]))

        def wait() -> None:
            self.sandbox.advance(days=pick([0.05, 1, 3, 10, 31]))

        def refund() -> None:
            if charges := v1.charges.list({"customer": customer}).data:
                v1.refunds.create({"charge": pick(charges).id})

        def settle() -> None:
            if invoices := v1.invoices.list({"customer": customer}).data:
                chosen = pick(invoices)
                pick([v1.invoices.pay, v1.invoices.void_invoice, v1.invoices.mark_uncollectible])(chosen.id)

        def change_card() -> None:
            self.type(f"{self.portal(customer)}/card", number=pick(list(CARDS)), answer=pick(["", "complete"]))

        deeds: list[Callable[[], object]] = [join, pay, pay, answer_the_bank, wait, wait, refund, settle, change_card]
        if of is None:
            return deeds
        item = of["items"].data[0].id

        def cancel() -> None:
            pick(
                [lambda: v1.subscriptions.cancel(of.id), lambda: self.type(f"{self.portal(customer)}/cancel/{of.id}")]
            )()

        def plan_the_end() -> None:
            v1.subscriptions.update(of.id, pick([{"cancel_at_period_end": True}, {"cancel_at": "max_period_end"}]))

        def take_it_back() -> None:
            self.type(f"{self.portal(customer)}/resume/{of.id}")

        def switch() -> None:
            v1.subscriptions.update(
                of.id,
                {
                    "items": [{"id": item, "price": pick(self.prices), "quantity": pick([1, 2])}],
                    "proration_behavior": pick(["always_invoice", "create_prorations", "none"]),
                    "payment_behavior": pick(["allow_incomplete", "pending_if_incomplete", "error_if_incomplete"]),
                },
            )

        def switch_in_the_portal() -> None:
            self.type(f"{self.portal(customer)}/plan/{of.id}", price=pick(self.prices))

        def preview() -> None:
            v1.invoices.create_preview(
                {
                    "subscription": of.id,
                    "subscription_details": {"items": [{"id": item, "price": pick(self.prices)}]},
                }
            )

        def pause_or_resume() -> None:
            pick([v1.subscriptions.pause, v1.subscriptions.resume])(of.id)

        def end_the_trial() -> None:
            v1.subscriptions.update(of.id, {"trial_end": "now"})

        return [
            *deeds,
            cancel,
            plan_the_end,
            take_it_back,
            switch,
            switch,
            switch_in_the_portal,
            preview,
            pause_or_resume,
            end_the_trial,
        ]

    def portal(self, customer: str) -> str:
        url: str = self.v1.billing_portal.sessions.create({"customer": customer}).url
        return url.rsplit("api.stripe.com", maxsplit=1)[-1].rsplit("localhost", maxsplit=1)[-1]

    def type(self, path: str, **form: str) -> None:
        given = {"expiry": "12 / 40", "cvc": "123", "country": "US", **form}
        answer = self.browser.post(path, data=given)
        assert answer.status_code < 500, (path, answer.text[:300])

    def check(self) -> None:
        """What must hold at any moment."""
        now = self.sandbox.now()
        for subscription in self.v1.subscriptions.list({"status": "all", "limit": 100}).auto_paging_iter():
            if subscription.status in ("trialing", "active", "past_due", "unpaid"):
                assert max(i.current_period_end for i in subscription["items"].data) >= now - 1, subscription.id
                assert subscription.cancel_at is None or subscription.cancel_at >= now - 1
            if subscription.status == "canceled":
                assert subscription.ended_at <= now
        for invoice in self.v1.invoices.list({"limit": 100}).auto_paging_iter():
            assert sum(line.amount for line in invoice.lines.data) == invoice.subtotal
            assert invoice.amount_paid + invoice.amount_remaining == invoice.amount_due
            if invoice.status != "draft":
                assert invoice.amount_due == max(invoice.total + invoice.starting_balance, 0)


@pytest.mark.parametrize("seed", [1, 2, 3, 4])
def test_whatever_members_do_the_sandbox_stays_sound(tmp_path, seed):
    life = Life(tmp_path, seed)
    done = [life.step() for _ in range(STEPS)]
    life.check()
    assert len(set(done)) > 12, done
    assert life.sandbox.events("invoice.paid")
