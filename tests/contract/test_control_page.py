"""The control page: the levers of the tests for people."""

from __future__ import annotations

import re

import pytest
import requests
import stripe

from stripe_sandbox import control_page


def _pull(sandbox, lever, **more):
    return requests.post(f"{sandbox.url}/_sandbox/", data={"lever": lever, **more}, timeout=10).text


def _look(sandbox, path=""):
    answer = requests.get(f"{sandbox.url}/_sandbox/{path}", timeout=10)
    assert answer.status_code == 200, answer.text
    return answer.text


def _go_there(page, words):
    """The moment behind the first “Go there” of a row or button that has these words."""
    row = next(part for part in re.split(r"<li>|<form", page) if words in part)
    rest = page[page.index(row) :]
    return re.search(r'name="at" value="(\d+)"', rest)[1]


def test_time_passes_at_the_push_of_a_button(sandbox, shop):
    before = sandbox.now()
    assert "days ahead of the wall clock" in _pull(sandbox, "advance", seconds="2678400")
    assert sandbox.now() - before >= 2678400
    for nonsense in ("soon", "-5", "1e99", "nan", ""):
        assert 'role="alert"' in _pull(sandbox, "advance", seconds=nonsense), nonsense
    assert sandbox.now() - before < 2678400 + 60


def test_time_goes_to_whatever_comes_next_for_somebody(sandbox, client, shop):
    alice = shop.customer()
    shop.join(alice, subscription_data={"trial_period_days": 14})
    panel = _look(sandbox)
    assert "Notice that the trial will end" in panel
    _pull(sandbox, "go to", at=_go_there(panel, "Notice that the trial will end"))
    assert len(sandbox.events("customer.subscription.trial_will_end")) == 1
    hers = f"customers/{alice}"
    page = _look(sandbox, hers)
    assert "To the trial&#39;s end" in page or "To the trial's end" in page
    said = _pull(sandbox, "go to", at=_go_there(page, "Trialing"), back=f"/_sandbox/{hers}")
    assert "Now it is" in said
    assert shop.subscription(alice).status == "active", "the trial is over"
    assert "To the period" in said, "back on her own page"
    renewal = shop.subscription(alice)["items"].data[0].current_period_end
    _pull(sandbox, "go to", at=str(renewal + control_page.CHARGED_BY_THEN))
    assert [i.status for i in client.v1.invoices.list({"customer": alice}).data] == ["paid", "paid", "paid"]


def test_deliveries_are_held_lost_repeated_and_released(sandbox, client, listener, until):
    listener.secret = sandbox.listen_at(listener.url)
    assert "Held back" in _pull(sandbox, "hold")
    client.v1.customers.create({"email": "a@example.com"})
    client.v1.customers.create({"email": "b@example.com"})
    assert "4 deliveries let go" in _pull(sandbox, "release", order="shuffled", twice="1")
    until(lambda: len(listener.received) == 4)
    assert "2 deliveries queued again" in _pull(sandbox, "duplicate")
    until(lambda: len(listener.received) == 6)
    event = sandbox.events()[0]["id"]
    assert "1 delivery queued again" in _pull(sandbox, "duplicate", event=event, back=f"/_sandbox/events/{event}")
    until(lambda: len(listener.received) == 7)
    _pull(sandbox, "hold")
    client.v1.customers.create({"email": "c@example.com"})
    assert "0 deliveries lost" in _pull(sandbox, "drop", type="invoice.paid")
    assert "1 delivery lost" in _pull(sandbox, "drop", type="customer.created")
    _pull(sandbox, "let go")
    assert sandbox.counts()["dropped"] == 1


def test_the_next_calls_fail_until_disarmed(sandbox):
    assert "429, 3 more, on GET /v1/customers" in _pull(
        sandbox, "fail", kind="429", times="3", match="GET /v1/customers"
    )

    def ask():
        return requests.get(f"{sandbox.url}/v1/customers", auth=("sk_test_x", ""), timeout=10).status_code

    assert ask() == 429
    assert "Armed" not in _pull(sandbox, "heal")
    assert ask() == 200
    for wrong in (
        {"kind": "earthquake", "times": "1"},
        {"kind": "500", "times": "many"},
        {"kind": "500", "times": "0"},
    ):
        assert 'role="alert"' in _pull(sandbox, "fail", **wrong)
    assert ask() == 200


def test_the_accounts_settings_are_kept_and_nonsense_is_not(sandbox):
    page = _pull(sandbox, "set", dunning_end="unpaid", retry_days="1,2")
    assert '<option value="unpaid" selected>' in page
    assert 'value="1,2"' in page
    for wrong in ({"dunning_end": "forgive"}, {"retry_days": "often"}):
        assert 'role="alert"' in _pull(sandbox, "set", **wrong)
    assert '<option value="unpaid" selected>' in _look(sandbox)


def test_a_key_is_revoked_and_taken_again_and_signatures_go_wrong(sandbox):
    assert "Refused: sk_test_sandbox" in _pull(sandbox, "revoke", key="sk_test_sandbox")
    with pytest.raises(stripe.AuthenticationError):
        sandbox.client().v1.customers.list()
    _pull(sandbox, "readmit")
    sandbox.client().v1.customers.list()
    assert 'role="alert"' in _pull(sandbox, "revoke", key="sk_live_x")
    assert 'value="-900"' in _pull(sandbox, "sign", skew="-900", clock="sandbox")


def test_money_goes_back_and_the_bank_decides(sandbox, client, shop):
    alice, bob = shop.customer("alice"), shop.customer("bob")
    shop.join(alice)
    shop.join(bob)
    hers = client.v1.charges.list({"customer": alice}).data[0].id
    his = client.v1.charges.list({"customer": bob}).data[0].id
    back = {"back": f"/_sandbox/customers/{alice}"}
    assert "$10.00 given back" in _pull(sandbox, "refund", charge=hers, amount="10", **back)
    assert 'role="alert"' in _pull(sandbox, "refund", charge=hers, amount="100", **back)
    assert "given back in full" in _pull(sandbox, "refund", charge=hers, **back)
    back = {"back": f"/_sandbox/customers/{bob}"}
    assert "dispute needs response" in _pull(sandbox, "dispute", charge=his, **back)
    dispute = client.v1.disputes.list().data[0].id
    assert "dispute appeal under review" in _pull(
        sandbox, "decide", dispute=dispute, status="appeal_under_review", **back
    )
    assert "dispute won" in _pull(sandbox, "decide", dispute=dispute, status="won", **back)


def test_a_customers_card_is_changed_and_their_portal_opened(sandbox, client, shop):
    alice = shop.customer()
    joined = shop.join(alice)
    page = _pull(sandbox, "use card", customer=alice, card="4000000000000341", back=f"/_sandbox/customers/{alice}")
    assert "Pays with Visa ending 0341" in page
    assert client.v1.subscriptions.retrieve(joined.id).default_payment_method != joined.default_payment_method
    assert "portal" in _pull(sandbox, "portal", customer=alice), "without a configuration it says what is missing"
    client.v1.billing_portal.configurations.create({"features": {"invoice_history": {"enabled": True}}})
    assert "Billing for Alice" in _pull(sandbox, "portal", customer=alice)


def test_the_page_leads_to_customers_sessions_and_events(sandbox, client, shop, listener, until):
    listener.secret = sandbox.listen_at(listener.url)
    alice = shop.customer("<b>alice</b>")
    open_ = shop.session(alice)
    until(lambda: sandbox.counts()["due"] + sandbox.counts()["sending"] == 0)
    panel = _look(sandbox)
    assert open_.url in panel
    assert "&lt;B&gt;Alice&lt;/B&gt;" in panel
    assert "<b>" not in panel.lower()
    for link in set(re.findall(r'href="/_sandbox/([^"#?]+)"', panel)):
        _look(sandbox, link)
    event = next(e["id"] for e in sandbox.events() if e["type"] == "customer.created")
    shown = _look(sandbox, f"events/{event}")
    assert listener.url in shown
    assert "delivered, 1 try, answered 200" in shown
    assert "customer.created" in _look(sandbox, "?type=customer.created")
    for path in ("customers/cus_nobody", "events/evt_nobody", f"customers/{event}", "events/%00"):
        assert requests.get(f"{sandbox.url}/_sandbox/{path}", timeout=10).status_code == 404


def test_everything_is_forgotten_only_when_one_is_sure(sandbox, client, shop):
    shop.customer()
    assert "Tick the box first" in _pull(sandbox, "reset")
    assert len(client.v1.customers.list().data) == 1
    _pull(sandbox, "reset", sure="forget")
    assert client.v1.customers.list().data == []


def test_a_lever_nobody_knows_does_nothing_and_leads_nowhere_else(sandbox):
    answer = requests.post(
        f"{sandbox.url}/_sandbox/",
        data={"lever": "explode", "back": "https://elsewhere.example/"},
        allow_redirects=False,
        timeout=10,
    )
    assert answer.status_code == 303
    assert answer.headers["Location"].startswith("/_sandbox/?refused=")


def test_nonsense_is_refused_with_a_sentence(sandbox):
    def say(path, body):
        return requests.post(f"{sandbox.url}/_sandbox/{path}", json=body, timeout=10)

    assert say("faults", {"kind": "earthquake"}).status_code == 400
    assert say("clock/advance", {"seconds": -5}).status_code == 400
    assert say("deliveries/release", {"order": "sideways"}).status_code == 400
    assert say("settings", {"colour": "blue"}).status_code == 400
    assert say("settings", {"dunning_end": "forgive"}).status_code == 400
    assert say("signing", {"clock": "cuckoo"}).status_code == 400
    assert say("keys/revoke", {"key": "pk_live_1"}).status_code == 400
    assert say("pay", {"session": "cs_nobody"}).status_code == 404
    for missing in ("clock/advance", "faults", "pay", "disputes", "disputes/close", "disputes/move", "keys/revoke"):
        answer = say(missing, {})
        assert answer.status_code == 400, missing
        assert answer.json()["error"], missing
