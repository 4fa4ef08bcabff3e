"""The main job, clicked through: join, pay, find, download, talk, flag, rule. With script and without."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from portal.seeds.reading import CONTENT
from tests.browser import doing

BOTH = pytest.mark.parametrize("script", [True, False], ids=["with-script", "without-script"])
# By whether script is on: a topic, a tool of it that nobody has discussed yet, and its file.
TOOLS = {
    True: ("Role clarity", "Seat map", "seat-map.pdf"),
    False: ("Time and freedom", "Delegation planner", "delegation-planner.pdf"),
}
NAMED = "Our scheduler Karen Miller loses every referral, and I have told her so."


@BOTH
def test_nora_joins_finds_a_tool_and_talks_bob_flags_cory_hides(someone, live, script: bool):
    nora = someone(script=script)
    email = doing.join(nora)
    doing.pay(nora)
    doing.expect_to_be_in(nora)
    doing.confirm_address(nora, email)

    nora.goto("/library")
    topic, title, file = TOOLS[script]
    nora.page.get_by_role("link", name=topic, exact=True).first.click()
    nora.page.get_by_role("link", name=title).first.click()
    got = doing.download(nora, f"{title}.pdf")
    assert doing.sha256(got) == doing.sha256((CONTENT / "files" / file).read_bytes())

    nora.page.get_by_role("link", name="Discuss this tool").click()
    nora.page.get_by_label("Title").fill("How we drew ours in one evening")
    nora.page.locator("textarea[name=body]").fill("We began with the **empty** seat.")
    nora.page.get_by_role("button", name="Start the thread").click()
    expect(nora.page).to_have_url(re.compile(r"/threads/\d+"))
    nora.page.locator("textarea[name=body]").fill(NAMED)
    nora.page.get_by_role("button", name="Post the reply").click()
    expect(nora.page.get_by_text(NAMED)).to_be_visible()
    address = re.search(r"/threads/\d+", nora.page.url).group()

    bob = someone(script=script)
    bob.sign_in("priya")
    bob.goto(address)
    said = bob.page.locator("article, li").filter(has_text=NAMED).last
    said.get_by_role("link", name="Flag").click()
    bob.page.get_by_label("could be recognised").check()
    bob.page.locator("textarea[name=words]").fill("A full name.")
    bob.page.get_by_role("button", name="Send the flag").click()
    expect(bob.page.locator("#flash")).to_be_visible()

    cory = someone(script=script)
    cory.sign_in("cory")
    cory.goto("/moderation")
    case = cory.page.locator(".case").filter(has_text=NAMED)
    case.get_by_label("Your reason").fill("It names someone you employ.")
    case.get_by_role("button", name="Hide the post").click()
    expect(cory.page.locator(".case").filter(has_text=NAMED)).to_have_count(0)

    bob.goto(address)
    expect(bob.page.get_by_text(NAMED)).to_have_count(0)
    nora.goto(address)
    expect(nora.page.get_by_text("It names someone you employ.").first).to_be_visible()
    live.letter(email, "your post was hidden")
    told = [m for m in live.letters(email) if "It names someone you employ." in m.get_body(("plain",)).get_content()]
    assert len(told) == 1

    cory.goto("/moderation/log")
    expect(cory.page.locator("main")).to_contain_text("It names someone you employ.")
    assert len([m for m in live.letters(email) if doing.WELCOME in str(m["Subject"]).lower()]) == 1


@BOTH
def test_the_return_page_alone_opens_the_door_while_webhooks_are_held(someone, live, script: bool):
    nora = someone(script=script)
    live.sandbox.hold()
    try:
        email = doing.join(nora, plan="Monthly")
        doing.pay(nora)
        doing.expect_to_be_in(nora)
    finally:
        live.sandbox.hold(False)
    live.letter(email, doing.WELCOME)
    live.sandbox.release(order="shuffled", seed=5, times=3)
    live.wait_until(
        lambda: not live.rows("SELECT 1 FROM stripe_event WHERE state = 'received'"), "the inbox is worked off"
    )
    assert len([m for m in live.letters(email) if doing.WELCOME in str(m["Subject"]).lower()]) == 1
    assert (
        len(
            live.rows(
                "SELECT s.id FROM subscription s JOIN billing_customer c ON c.id = s.customer_id"
                " JOIN member m ON m.id = c.member_id WHERE m.email = :email",
                email=email,
            )
        )
        == 1
    )


def test_the_webhook_alone_opens_the_door_when_the_browser_was_closed(someone, live):
    nora = someone()
    email = doing.join(nora)
    session = re.search(r"cs_\w+", nora.page.url).group()
    nora.page.close()
    live.sandbox.pay(session, card="4242424242424242")
    live.letter(email, doing.WELCOME)
    later = someone()
    later.goto("/sign-in")
    later.page.get_by_label("E-mail").fill(email)
    later.page.locator("input[name=password]").fill(doing.PASSWORD)
    later.page.get_by_role("button", name="Sign in").click()
    later.goto("/rooms")
    expect(later.page.get_by_role("heading", level=1)).to_have_text("Rooms")


@BOTH
def test_a_declined_card_is_said_plainly_and_the_same_page_then_succeeds(someone, live, script: bool):
    nora = someone(script=script)
    email = doing.join(nora)
    for card, words in (("4000 0000 0000 0002", "declined"), ("4000 0000 0000 9995", "insufficient funds")):
        doing.pay(nora, card)
        expect(nora.page.get_by_role("alert")).to_contain_text(words)
    other = someone(script=script)
    other.goto("/sign-in")
    other.page.get_by_label("E-mail").fill(email)
    other.page.locator("input[name=password]").fill(doing.PASSWORD)
    other.page.get_by_role("button", name="Sign in").click()
    other.goto("/rooms")
    expect(other.page.get_by_role("heading", level=1)).not_to_have_text("Rooms")
    doing.pay(nora)
    doing.expect_to_be_in(nora)
    assert [m for m in live.letters(email) if "failed" in str(m["Subject"]).lower()] == []


def test_a_bank_that_asks_is_answered_and_one_that_is_refused_opens_nothing(someone, live):
    nora = someone()
    doing.join(nora)
    doing.pay(nora, "4000 0025 0000 3155")
    nora.page.get_by_role("button", name="Fail authentication").click()
    expect(nora.page.get_by_role("alert")).to_be_visible()
    nora.goto("/rooms")
    expect(nora.page.get_by_role("heading", level=1)).not_to_have_text("Rooms")
    nora.goto("/join/annual")
    doing.go_to_pay(nora)
    doing.pay(nora, "4000 0025 0000 3155")
    nora.page.get_by_role("button", name="Complete authentication").click()
    doing.expect_to_be_in(nora)


def test_alice_reads_what_she_pays_and_when_next(someone):
    alice = someone()
    alice.sign_in("alice")
    alice.goto("/account/billing")
    page = alice.page.locator("main")
    expect(page).to_contain_text("$990")
    expect(page).to_contain_text("Next charge")
    alice.page.get_by_role("button", name=re.compile("Stripe|card|cancel|manage", re.I)).first.click()
    expect(alice.page.get_by_text("Simulated Stripe")).to_be_visible()
