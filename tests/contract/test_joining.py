"""Joining through the Checkout page, over real HTTP with the real SDK."""

from __future__ import annotations

import re
import threading

import pytest
import requests
import stripe

from stripe_sandbox import cards


def test_alice_pays_with_4242_and_is_subscribed(client, shop):
    alice = shop.customer()
    session = shop.session(alice, client_reference_id="alice-1", subscription_data={"metadata": {"user": "a"}})
    assert (session.status, session.payment_status, session.amount_total) == ("open", "unpaid", 4900)

    page = requests.get(session.url, timeout=10)
    assert "Practice Freedom" in page.text
    assert "$49.00" in page.text
    assert "Simulated Stripe" in page.text

    answer = shop.type_card(session)
    assert answer.status_code == 303
    assert answer.headers["Location"] == f"http://portal.test/back?session={session.id}"

    session = client.v1.checkout.sessions.retrieve(
        session.id, {"expand": ["subscription.latest_invoice.payments", "line_items", "customer"]}
    )
    assert (session.status, session.payment_status, session.url) == ("complete", "paid", None)
    assert session.client_reference_id == "alice-1"
    assert session.line_items.data[0].price.id == shop.monthly
    subscription = session.subscription
    assert subscription.status == "active"
    assert subscription.metadata.user == "a"
    assert subscription.billing_mode.type == "flexible"
    assert not hasattr(subscription, "current_period_end")
    item = subscription["items"].data[0]
    assert item.current_period_end - item.current_period_start >= 28 * 86400
    invoice = subscription.latest_invoice
    assert (invoice.status, invoice.amount_paid, invoice.billing_reason) == ("paid", 4900, "subscription_create")
    assert invoice.parent.subscription_details.subscription == subscription.id
    assert invoice.payments.data[0].status == "paid"
    assert client.v1.payment_methods.retrieve(subscription.default_payment_method).card.last4 == "4242"


def test_without_a_customer_checkout_makes_one(client, shop):
    session = client.v1.checkout.sessions.create(
        {
            "mode": "subscription",
            "line_items": [{"price": shop.annual, "quantity": 1}],
            "success_url": "http://portal.test/back",
        }
    )
    assert shop.type_card(session, email="").status_code == 422
    assert shop.type_card(session, email="new@example.com").status_code == 303
    done = client.v1.checkout.sessions.retrieve(session.id, {"expand": ["customer"]})
    assert done.customer.email == "new@example.com"


@pytest.mark.parametrize(
    ("number", "words", "decline"),
    [
        ("4000000000000002", "Your card was declined.", "generic_decline"),
        ("4000000000009995", "Your card has insufficient funds.", "insufficient_funds"),
    ],
)
def test_a_declined_card_leaves_the_session_open_and_the_same_page_then_succeeds(
    sandbox, client, shop, number, words, decline
):
    alice = shop.customer()
    session = shop.session(alice)
    refused = shop.type_card(session, number)
    assert refused.status_code == 422
    assert words.replace("'", "&#39;") in refused.text
    assert client.v1.checkout.sessions.retrieve(session.id).status == "open"
    assert shop.subscription(alice).status == "incomplete"
    failed = sandbox.events("payment_intent.payment_failed")[0]["data"]["object"]["last_payment_error"]
    assert failed["decline_code"] == decline

    assert shop.type_card(session).status_code == 303
    assert [s.status for s in client.v1.subscriptions.list({"customer": alice, "status": "all"})] == ["active"]
    assert client.v1.checkout.sessions.retrieve(session.id).status == "complete"


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ({"number": "4242424242424241"}, "Your card number is invalid."),
        ({"number": "4242"}, "Your card number is incomplete."),
        ({"number": "4111111111111111"}, "This is no test card."),
        ({"expiry": "01 / 20"}, "expiration year is in the past"),
        ({"expiry": "13 / 40"}, "expiration date is invalid"),
        ({"expiry": ""}, "expiration date is incomplete"),
        ({"cvc": "12"}, "security code is incomplete"),
        ({"number": "4000000000000127"}, "security code is incorrect"),
        ({"number": "4000000000000069"}, "Your card has expired."),
        ({"number": "<script>alert(1)</script>"}, "incomplete"),
    ],
)
def test_a_mistyped_card_gets_stripes_sentence_and_keeps_what_was_typed(shop, typed, words):
    session = shop.session(shop.customer())
    form = {"number": "4242424242424242", **typed}
    refused = shop.type_card(session, **form)
    assert refused.status_code == 422
    assert words in refused.text.replace("&#39;", "'")
    assert "<script>" not in refused.text
    assert 'value="Alice Adams"' in refused.text


def test_the_bank_confirms_and_alice_is_in(client, shop):
    alice = shop.customer()
    session = shop.session(alice)
    asked = shop.type_card(session, "4000002500003155")
    assert asked.status_code == 303
    bank = shop.sandbox.url + asked.headers["Location"]
    assert "Your bank asks" in requests.get(bank, timeout=10).text
    assert shop.subscription(alice).status == "incomplete"
    back = requests.post(bank, data={"answer": "complete"}, allow_redirects=False, timeout=10)
    assert back.headers["Location"].startswith("http://portal.test/back")
    assert shop.subscription(alice).status == "active"


def test_the_bank_refuses_and_the_page_says_so_then_another_card_works(client, shop):
    alice = shop.customer()
    session = shop.session(alice)
    bank = shop.sandbox.url + shop.type_card(session, "4000002500003155").headers["Location"]
    refused = requests.post(bank, data={"answer": "fail"}, allow_redirects=False, timeout=10)
    assert refused.status_code == 422
    assert "unable to authenticate" in refused.text
    assert shop.subscription(alice).status == "incomplete"
    again = requests.post(bank, data={"answer": "complete"}, allow_redirects=False, timeout=10)
    assert shop.subscription(alice).status == "incomplete", "a question is answered once"
    assert again.status_code == 422
    assert shop.type_card(session).status_code == 303
    assert shop.subscription(alice).status == "active"


def test_closing_the_banks_page_charges_nothing_and_the_page_can_be_used_again(client, shop):
    alice = shop.customer()
    session = shop.session(alice)
    bank = shop.sandbox.url + shop.type_card(session, "4000002500003155").headers["Location"]
    closed = requests.post(bank, data={"answer": "close"}, timeout=10)
    assert closed.status_code == 200
    assert "Nothing was charged" in closed.text
    assert shop.subscription(alice).status == "incomplete"
    assert shop.type_card(session, "4000002500003155").headers["Location"].startswith("/c/challenge/")


def test_pressing_pay_many_times_at_once_pays_once(sandbox, client, shop):
    alice = shop.customer()
    session = shop.session(alice)
    answers: list[str] = []

    def press() -> None:
        answers.append(shop.type_card(session).headers["Location"])

    threads = [threading.Thread(target=press) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(answers)) == 1
    assert len(client.v1.subscriptions.list({"customer": alice, "status": "all"}).data) == 1
    assert len(sandbox.events("charge.succeeded")) == 1


def test_the_back_button_after_paying_shows_that_all_is_done(shop):
    session = shop.session(shop.customer())
    shop.type_card(session)
    back = requests.get(session.url, timeout=10)
    assert "You are all done here" in back.text
    assert back.headers["Cache-Control"] == "no-store"


def test_an_expired_link_says_so_and_takes_no_card(sandbox, client, shop):
    alice = shop.customer()
    session = shop.session(alice)
    expired = client.v1.checkout.sessions.expire(session.id)
    assert (expired.status, expired.url) == ("expired", None)
    assert requests.get(session.url, timeout=10).status_code == 410
    refused = shop.type_card(session)
    assert refused.status_code == 410
    assert "expired" in refused.text
    assert not client.v1.subscriptions.list({"customer": alice, "status": "all"}).data
    with pytest.raises(stripe.InvalidRequestError, match="can be expired"):
        client.v1.checkout.sessions.expire(session.id)
    assert [e["data"]["object"]["id"] for e in sandbox.events("checkout.session.expired")] == [session.id]


def test_a_session_expires_by_itself_at_its_time(sandbox, client, shop):
    session = shop.session(shop.customer(), expires_at=sandbox.now() + 3600)
    sandbox.advance(hours=1)
    assert client.v1.checkout.sessions.retrieve(session.id).status == "expired"


@pytest.mark.parametrize(
    ("more", "param"),
    [
        ({"expires_at": 1}, "expires_at"),
        ({"customer_email": "a@example.com"}, "customer"),
        ({"line_items": []}, "line_items"),
        ({"line_items": [{"price": "price_nothing", "quantity": 1}]}, "line_items[0][price]"),
        ({"success_url": "/back"}, "success_url"),
        ({"automatic_tax": {"enabled": True}}, "automatic_tax"),
        ({"discounts": [{"coupon": "NOPE"}]}, "discounts[coupon]"),
    ],
)
def test_a_session_that_makes_no_sense_is_refused(shop, more, param):
    with pytest.raises(stripe.InvalidRequestError) as refused:
        shop.session(shop.customer(), **more)
    assert refused.value.param == param


def test_an_archived_price_sells_nothing_more(client, shop):
    client.v1.prices.update(shop.monthly, {"active": False})
    with pytest.raises(stripe.InvalidRequestError, match="inactive"):
        shop.session(shop.customer())


def test_a_new_price_takes_over_the_lookup_key(client, shop):
    recurring = {
        "product": shop.product,
        "unit_amount": 5900,
        "currency": "usd",
        "recurring": {"interval": "month"},
        "lookup_key": "practice_monthly",
    }
    with pytest.raises(stripe.InvalidRequestError, match="already uses that lookup key"):
        client.v1.prices.create(recurring)
    new = client.v1.prices.create({**recurring, "transfer_lookup_key": True})
    found = client.v1.prices.list({"lookup_keys": ["practice_monthly", "practice_annual"]})
    assert {p.id for p in found} == {new.id, shop.annual}
    assert client.v1.prices.retrieve(shop.monthly).lookup_key is None


def test_twenty_calls_at_once_all_come_through(client, shop):
    made: list[str] = []
    threads = [threading.Thread(target=lambda n=n: made.append(shop.customer(f"member{n}"))) for n in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(made)) == 20


def test_a_trial_with_a_declined_card_begins_nothing(client, shop):
    alice = shop.customer()
    session = shop.session(alice, subscription_data={"trial_period_days": 14})
    assert shop.type_card(session, "4000000000000002").status_code == 422
    assert not client.v1.subscriptions.list({"customer": alice, "status": "all"}).data
    asked = shop.type_card(session, "4000002500003155")
    assert asked.headers["Location"].startswith("/c/challenge/")
    refused = requests.post(shop.sandbox.url + asked.headers["Location"], data={"answer": "fail"}, timeout=10)
    assert "unable to authenticate" in refused.text
    assert not client.v1.subscriptions.list({"customer": alice, "status": "all"}).data
    bank = shop.sandbox.url + shop.type_card(session, "4000002500003155").headers["Location"]
    requests.post(bank, data={"answer": "complete"}, allow_redirects=False, timeout=10)
    assert shop.subscription(alice).status == "trialing"
    assert client.v1.checkout.sessions.retrieve(session.id).status == "complete"


def test_without_a_card_if_none_is_needed(client, shop):
    alice = shop.customer()
    session = shop.session(alice, payment_method_collection="if_required", subscription_data={"trial_period_days": 7})
    assert "Card number" not in requests.get(session.url, timeout=10).text
    done = requests.post(session.url, data={"do": "pay", "name": "Alice"}, allow_redirects=False, timeout=10)
    assert done.status_code == 303
    assert shop.subscription(alice).default_payment_method is None


def test_every_page_says_that_no_money_moves_and_keeps_a_strict_policy(sandbox, client, shop):
    alice = shop.customer()
    shop.join(alice)
    client.v1.billing_portal.configurations.create({"features": {"invoice_history": {"enabled": True}}})
    pages = [
        shop.session(alice).url,
        client.v1.billing_portal.sessions.create({"customer": alice}).url,
        client.v1.invoices.list({"customer": alice}).data[0].hosted_invoice_url,
        f"{sandbox.url}/_sandbox/",
        f"{sandbox.url}/c/pay/cs_nothing",
        f"{sandbox.url}/p/session/nothing",
    ]
    for url in pages:
        page = requests.get(url, timeout=10)
        assert "Simulated Stripe" in page.text, url
        assert page.headers["Content-Security-Policy"].startswith("default-src 'none'; style-src 'self'")
        assert "<script" not in page.text
        assert "style=" not in page.text


def test_every_page_carries_the_banner_and_a_strict_policy_even_the_wrong_ones(sandbox, client, shop):
    alice = shop.customer()
    open_, done, old = (shop.session(alice) for _ in range(3))
    shop.type_card(done)
    client.v1.checkout.sessions.expire(old.id)
    asked = shop.type_card(open_, "4000002500003155")
    for url, status in (
        (done.url, 200),
        (old.url, 410),
        (sandbox.url + asked.headers["Location"], 200),
        (f"{sandbox.url}/nowhere", 404),
        (f"{sandbox.url}/c/challenge/cs_nobody", 404),
    ):
        page = requests.get(url, timeout=10)
        assert page.status_code == status, url
        assert "<strong>Simulated Stripe</strong>, no money moves" in page.text, url
        assert page.headers["Content-Security-Policy"].startswith("default-src 'none'"), url
    assert requests.put(open_.url, timeout=10).status_code == 405


def test_terms_must_be_agreed_to_and_the_sellers_own_words_are_shown(client, shop):
    consent = {"terms_of_service": "required"}
    words = {
        "terms_of_service_acceptance": {"message": "I accept the rules of the program"},
        "submit": {"message": "Billed monthly until you stop."},
        "after_submit": {"message": "Questions? Write to Cory."},
    }
    session = shop.session(shop.customer(), consent_collection=consent, custom_text=words)
    page = requests.get(session.url, timeout=10).text
    for text in ("I accept the rules of the program", "Billed monthly until you stop.", "Questions? Write to Cory."):
        assert text in page
    refused = shop.type_card(session)
    assert refused.status_code == 422
    assert "Please agree to the terms" in refused.text
    assert client.v1.checkout.sessions.retrieve(session.id).status == "open"
    assert shop.type_card(session, terms="1").status_code == 303


@pytest.mark.parametrize("number", cards.CARDS)
def test_every_test_card_in_the_list_fills_the_form_and_behaves_as_its_label_says(sandbox, client, shop, number):
    session = shop.session(shop.customer())
    page = requests.get(f"{session.url}?card={number}", timeout=10).text
    typed = dict(re.findall(r'name="(number|expiry|cvc)"[^>]*value="([^"]*)"', page))
    answer = shop.type_card(session, typed["number"], expiry=typed["expiry"], cvc=typed["cvc"])
    card = cards.CARDS[number]
    if card.declines or card.fails_later:
        assert answer.status_code == 422
        assert cards.DECLINES[card.declines or "generic_decline"][1] in answer.text.replace("&#39;", "'")
        assert ("Declined" in card.label) or ("every charge fails" in card.label)
    else:
        assert answer.status_code == 303
        is_asked = answer.headers["Location"].startswith("/c/challenge/")
        assert is_asked == bool(card.challenge) == ("Bank" in card.label)


def test_a_customer_who_was_deleted_meanwhile_cannot_pay(client, shop):
    alice = shop.customer()
    session = shop.session(alice)
    client.v1.customers.delete(alice)
    assert requests.get(session.url, timeout=10).status_code == 410
    assert shop.type_card(session).status_code == 410
