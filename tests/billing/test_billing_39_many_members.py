"""Five thousand members compared with Stripe: how many calls, what a second run does, and a Stripe that is crowded."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from typing import Any

import pytest
from sqlalchemy import func, insert, select

from portal.accounts.models import Member
from portal.billing import comparing, reconciling
from portal.billing.asking import WAITS_WHEN_CROWDED, StripeAway
from portal.billing.entitlements import Why, everyone
from portal.billing.gateway import Gateway
from portal.billing.models import BillingCustomer, Subscription
from portal.core.db import db, transaction
from portal.core.jobs import NotYet
from tests.sandbox import KEY, SandboxTransport

MEMBERS = 5000


class Counting(SandboxTransport):
    """Every call that leaves the SDK, its own retries included."""

    def __init__(self, site) -> None:
        super().__init__(site)
        self.calls: Counter[str] = Counter()

    def request(self, method: str, url: str, headers: Mapping[str, str] | None, post_data: Any = None, **more: Any):
        path = re.sub(r"/(cus|sub|ch|in)_\w+", "/…", url.split("/v1/")[1].split("?", 1)[0])
        self.calls[f"{method.upper()} {path}"] += 1
        return super().request(method, url, headers, post_data, **more)


@pytest.fixture
def crowd(app, stripe, make, join) -> list[str]:
    """Nina, who joined as everybody does, and copies of her at Stripe and in our tables: 5,000 members, all in step."""
    join(make.member("Nina"), "monthly")
    customers = [
        stripe.rows(BillingCustomer)[0].customer_id,
        *stripe.sandbox.multiply(stripe.rows(BillingCustomer)[0].customer_id, MEMBERS - 1),
    ]
    theirs = {sub["customer"]: sub for sub in stripe.everything("subscription")}
    urls = {invoice["id"]: invoice["hosted_invoice_url"] for invoice in stripe.everything("invoice")}
    copies: dict[type, list[dict[str, Any]]] = {Member: [], BillingCustomer: [], Subscription: []}
    for number, customer_id in enumerate(customers[1:], start=2):
        sub = theirs[customer_id]
        invoice = sub["latest_invoice"]
        copies[Member].append({"email": f"m{number}@example.com", "handle": f"m-{number}", "uuid": f"uuid-{number}"})
        copies[BillingCustomer].append({"member_id": number, "customer_id": customer_id, "create_key": f"key-{number}"})
        copies[Subscription].append(
            {
                "customer_id": number,
                "sub_id": sub["id"],
                "latest_invoice_id": invoice,
                "latest_invoice_url": urls[invoice],
            }
        )
    with app.app_context(), transaction():
        shift = {model: db.session.scalar(select(func.max(model.id))) - 1 for model in copies}
        for model, changes in copies.items():
            original = dict(db.session.execute(select(model.__table__)).mappings().one())
            for number, change in enumerate(changes, start=2):
                change["id"] = number + shift[model]
                for name, of in (("member_id", Member), ("customer_id", BillingCustomer)):
                    if isinstance(change.get(name), int):
                        change[name] += shift[of]
            db.session.execute(insert(model.__table__), [original | change for change in changes])
    return customers


@pytest.fixture
def calls(app, stripe, crowd) -> Counter[str]:
    """What leaves for Stripe from here on."""
    transport = Counting(stripe.site)
    app.extensions["stripe_gateway"] = Gateway(KEY, transport=transport)
    return transport.calls


@pytest.mark.one_database  # what is counted are calls to Stripe
def test_billing_39_five_thousand_members_are_compared_in_sixty_list_calls(app, stripe, crowd, calls):
    """Two are out of step, because nothing reached us: one ended at once, one got the money back."""
    client = stripe.client()
    ended, refunded = crowd[MEMBERS // 2], crowd[-7]
    client.v1.subscriptions.cancel(client.v1.subscriptions.list({"customer": ended}).data[0].id)
    client.v1.refunds.create({"charge": client.v1.charges.list({"customer": refunded}).data[0].id})
    stripe.sandbox.drop()
    with app.app_context():
        first = comparing.compare_everything()
    assert (first.checked, len(first.repaired), first.needs_a_person) == (MEMBERS, 2, [])
    assert sum(calls.values()) - calls["GET charges/…"] <= 60, calls
    assert calls["GET charges/…"] == 1, "each charge that differs is read once"
    with app.app_context():
        answers = everyone()
        closed = {answer.why for answer in answers.values() if not answer.is_open}
        assert (len(answers), sum(answer.is_open for answer in answers.values())) == (MEMBERS, MEMBERS - 2)
    assert closed == {Why.LAPSED, Why.REFUNDED}

    before, written = stripe.picture(), len(stripe.records())
    calls.clear()
    with app.app_context():
        second = comparing.compare_everything()
    assert (second.checked, second.repaired, second.needs_a_person) == (MEMBERS, [], [])
    assert stripe.picture() == before
    assert len(stripe.records()) == written
    assert calls == {"GET subscriptions": MEMBERS // 100, "GET refunds": 1, "GET disputes": 1}

    calls.clear()
    stripe.sandbox.fail("429", times=2, match="GET /v1/subscriptions")
    with app.app_context():
        third = comparing.compare_everything()
    assert (third.checked, third.repaired) == (MEMBERS, []), "a crowded Stripe is waited for, and nothing begins anew"
    assert calls["GET subscriptions"] == MEMBERS // 100 + 2


def test_billing_39_a_stripe_that_stays_crowded_is_left_alone_until_the_next_run(app, stripe, nina, join, monkeypatch):
    join(nina)
    waited: list[float] = []
    monkeypatch.setattr("portal.billing.asking.time.sleep", waited.append)
    stripe.sandbox.fail("429", times=50, match="GET /v1/subscriptions")
    with app.app_context():
        with pytest.raises(StripeAway, match="too many requests"):
            comparing.compare_everything()
        with pytest.raises(NotYet):
            reconciling.daily()
    assert waited == [*WAITS_WHEN_CROWDED, *WAITS_WHEN_CROWDED]
    assert stripe.entitlement(nina).why is Why.PAID
