"""The billing page, clicked through without script at 320 px: every state of it fits, and axe minds nothing."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.browser import doing
from tests.browser.conftest import Someone


@pytest.fixture
def narrow(someone) -> Someone:
    """Somebody on a small phone whose browser runs no script; axe is brought by the test itself."""
    return someone(script=False, width=320)


def look(who: Someone, script: Someone) -> None:
    """What this page says fits a small phone, and seen with script by the same person nobody finds fault with it."""
    assert who.sideways() == [], who.page.url
    script.context.add_cookies(who.context.cookies())
    script.goto(who.page.url)
    assert script.axe() == [], who.page.url
    assert script.sideways() == [], who.page.url


def open_billing(who: Someone) -> None:
    who.goto("/account/billing")
    expect(who.page.get_by_role("heading", level=1)).to_have_text("Membership and billing")


def customer_of(live, email: str) -> str:
    rows = live.rows(
        "SELECT c.customer_id FROM billing_customer c JOIN member m ON m.id = c.member_id WHERE m.email = :email",
        email=email,
    )
    return str(rows[0][0])


def use_card(live, email: str, card: str) -> None:
    client, customer = live.sandbox.client(), customer_of(live, email)
    method = client.v1.payment_methods.attach(card, {"customer": customer})
    for sub in client.v1.subscriptions.list({"customer": customer}).data:
        client.v1.subscriptions.update(sub.id, {"default_payment_method": method.id})


def test_nora_reads_her_invoice_changes_the_plan_cancels_thinks_again_and_leaves(narrow, someone, live):
    script = someone(width=320, scheme="dark")
    email = doing.join(narrow, plan="Monthly")
    doing.pay(narrow)
    doing.expect_to_be_in(narrow)
    page = narrow.page

    open_billing(narrow)
    expect(page.locator("main")).to_contain_text("You are a member. Your plan renews on")
    expect(page.get_by_role("link", name=re.compile("Receipt for .*"))).to_have_count(1)
    look(narrow, script)

    page.get_by_role("link", name="Change the plan").click()
    look(narrow, script)
    page.get_by_role("button", name="See what it costs").click()
    button = page.get_by_role("button", name=re.compile(r"Change to annual and pay \$"))
    sum_shown = re.search(r"\$[\d,.]+", button.inner_text()).group()
    look(narrow, script)
    button.click()
    expect(page.locator("#flash")).to_contain_text(f"Your plan is annual now. {sum_shown} was charged.")
    receipts = page.get_by_role("link", name=re.compile("Receipt for .*"))
    expect(receipts).to_have_count(2)
    receipts.first.click()
    expect(page.locator("body")).to_contain_text(sum_shown)

    open_billing(narrow)
    page.get_by_role("link", name="Change the plan").click()
    page.get_by_role("button", name="See what changes").click()
    look(narrow, script)
    page.get_by_role("button", name=re.compile("Change to monthly on ")).click()
    expect(page.locator("main")).to_contain_text("Monthly, $99 each month")
    look(narrow, script)
    page.get_by_role("button", name="Keep the annual plan").click()
    expect(page.locator("#flash")).to_contain_text("Your plan goes on as it is.")

    for _ in range(2):
        page.get_by_role("link", name="Cancel the membership").click()
        look(narrow, script)
        page.get_by_label("I do not use it enough").check()
        page.get_by_role("button", name=re.compile("Cancel, and keep access until ")).click()
        expect(page.locator("main")).to_contain_text("It will not renew, and nothing more is charged.")
        look(narrow, script)
        page.get_by_role("button", name="Take the cancellation back").click()
        expect(page.locator("#flash")).to_contain_text("Your membership goes on.")
    live.letter(email, "ends on")


def test_a_declined_card_says_so_and_the_failed_renewal_is_paid_from_the_banner(narrow, someone, live):
    script = someone(width=320)
    email = doing.join(narrow, plan="Monthly")
    doing.pay(narrow)
    doing.expect_to_be_in(narrow)
    page = narrow.page
    use_card(live, email, "pm_card_chargeCustomerFail")

    narrow.goto("/account/billing/plan")
    page.get_by_role("button", name="See what it costs").click()
    page.get_by_role("button", name=re.compile("Change to annual and pay")).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Your card was declined")
    expect(page.locator("main")).to_contain_text("your monthly plan runs on as before")
    look(narrow, script)

    past_due(live, email)
    for path in ("/", "/library", "/rooms", "/account", "/about"):
        narrow.goto(path)
        expect(page.get_by_label("Notice")).to_contain_text("Your last payment did not go through.")
    page.get_by_role("link", name="Mend the payment").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Membership and billing")
    look(narrow, script)
    narrow.goto("/account/billing/plan")
    expect(page.locator("main")).to_contain_text("Pay the open invoice first")
    look(narrow, script)
    narrow.goto("/account/billing/cancellation")
    look(narrow, script)
    live.sandbox.sandbox.set("dunning_end", "unpaid")
    live.sandbox.advance(15 * 86400)
    heard_of(live, email, "unpaid")
    open_billing(narrow)
    expect(page.locator(".lede")).to_contain_text(
        "Your membership is closed because its last payment never went through."
    )
    look(narrow, script)
    page.get_by_role("link", name="Pay the open invoice").click()
    expect(page.get_by_text("Simulated Stripe")).to_be_visible()


def past_due(live, email: str) -> None:
    """A month passes at Stripe, and the renewal fails."""
    client, customer = live.sandbox.client(), customer_of(live, email)
    (sub,) = client.v1.subscriptions.list({"customer": customer}).data
    end = sub["items"].data[0].current_period_end
    live.sandbox.advance(end - live.sandbox.now() + 2 * 3600)
    heard_of(live, email, "past_due")


def heard_of(live, email: str, status: str) -> None:
    live.wait_until(
        lambda: live.rows(
            "SELECT 1 FROM subscription s JOIN billing_customer c ON c.id = s.customer_id "
            "WHERE c.customer_id = :customer AND s.status = :status",
            customer=customer_of(live, email),
            status=status,
        ),
        f"{email} is {status}",
    )


@pytest.mark.parametrize(
    ("handle", "says"),
    [("sam", "You have an account."), ("lena", "Your membership"), ("cory", "You work here")],
)
def test_whoever_pays_nothing_reads_in_one_sentence_how_they_stand(someone, handle: str, says: str):
    plain, script = someone(script=False, width=320), someone(width=320, scheme="dark")
    plain.sign_in(handle)
    open_billing(plain)
    expect(plain.page.locator(".lede")).to_contain_text(says)
    look(plain, script)
    plain.goto("/account/billing/invoices")
    look(plain, script)
