"""An account is entered, changed and left without ever touching a mouse."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from portal.seeds.people import PASSWORD
from tests.browser.conftest import Someone

MOST_TABS = 80
HELD = (
    "(e => (e.labels && e.labels[0] ? e.labels[0].innerText : '') + ' ' + (e.innerText || ''))(document.activeElement)"
)


def go_to(who: Someone, words: str) -> None:
    """Press Tab until what is held says these words."""
    for _ in range(MOST_TABS):
        who.page.keyboard.press("Tab")
        if words in " ".join(who._evaluate(HELD).split()):
            return
    raise AssertionError(f"no way to “{words}” with the Tab key on {who.page.url}")


@pytest.mark.parametrize("script", [True, False], ids=["with-script", "without-script"])
def test_alice_signs_in_says_what_she_does_and_signs_out_by_keyboard_alone(someone, script: bool):
    alice = someone(script=script, width=320)
    alice.goto("/sign-in")
    go_to(alice, "E-mail address")
    alice.page.keyboard.type("alice@example.com")
    go_to(alice, "Password")
    alice.page.keyboard.type(PASSWORD)
    alice.page.keyboard.press("Enter")
    alice.page.wait_for_url(lambda url: "/sign-in" not in url)
    alice.goto("/account")
    go_to(alice, "Edit the profile")
    alice.page.keyboard.press("Enter")
    alice.page.wait_for_url(lambda url: "/account/profile" in url)
    go_to(alice, "About you")
    alice.page.keyboard.type(" I came here by keyboard.")
    go_to(alice, "Save")
    alice.page.keyboard.press("Enter")
    expect(alice.page.locator("#flash")).to_contain_text("saved")
    alice.goto("/account")
    go_to(alice, "Sign out")
    alice.page.keyboard.press("Enter")
    expect(alice.page.locator("#flash")).to_contain_text("You are signed out")
