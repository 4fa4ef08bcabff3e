"""Passkeys in a real Chromium with a virtual authenticator; the page's policy stays on, and no message is tolerated."""

from __future__ import annotations

import pytest
from playwright.sync_api import CDPSession, expect
from playwright.sync_api import TimeoutError as TooSlow

from tests.browser.conftest import Someone


class Device:
    """A phone or laptop that can hold passkeys. `touch()` lets it answer; until then it waits for its owner."""

    def __init__(self, who: Someone) -> None:
        self.session: CDPSession = who.context.new_cdp_session(who.page)
        self.session.send("WebAuthn.enable", {"enableUI": False})
        options = {
            "protocol": "ctap2",
            "ctap2Version": "ctap2_1",
            "transport": "internal",
            "hasResidentKey": True,
            "hasUserVerification": True,
            "isUserVerified": True,
            "automaticPresenceSimulation": False,
        }
        answer = self.session.send("WebAuthn.addVirtualAuthenticator", {"options": options})
        self.id = answer["authenticatorId"]

    def touch(self, *, held: bool = True) -> None:
        self.session.send("WebAuthn.setAutomaticPresenceSimulation", {"authenticatorId": self.id, "enabled": held})

    def passkeys(self) -> list[dict[str, object]]:
        return self.session.send("WebAuthn.getCredentials", {"authenticatorId": self.id})["credentials"]


@pytest.fixture
def at_home(someone) -> tuple[Someone, Device]:
    """Alice, signed in with her password in a browser whose device holds no passkey yet."""
    alice = someone()
    alice.sign_in("alice")
    return alice, Device(alice)


def add_passkey(alice: Someone, device: Device) -> None:
    alice.goto("/account/security")
    device.touch()
    alice.page.get_by_role("button", name="passkey").first.click()
    expect(alice.page.locator("#flash")).to_contain_text("is added")
    device.touch(held=False)


def sign_out(alice: Someone) -> None:
    alice.goto("/account")
    alice.page.locator("main").get_by_role("button", name="Sign out").click()
    alice.page.wait_for_url(alice.live.url + "/")


def use_a_passkey(alice: Someone, device: Device, path: str) -> None:
    """Press the button and touch the device. The virtual device now and then forgets a question that follows one which
    was taken back (that of the address field, as the page opens), and hears the next: then it is pressed once more."""
    with alice.page.expect_response(lambda answer: answer.url.endswith("/sign-in/passkey/options")):
        alice.goto(path)
    for _ in range(4):
        alice.page.wait_for_timeout(500)
        alice.page.get_by_role("button", name="Use a passkey").click()
        try:
            with alice.page.expect_request(lambda sent: sent.url.endswith("/sign-in/passkey"), timeout=6_000):
                device.touch()
            break
        except TooSlow:
            device.touch(held=False)


def test_alice_adds_a_passkey_signs_in_with_its_button_and_removes_it(at_home):
    alice, device = at_home
    add_passkey(alice, device)
    (kept,) = device.passkeys()
    assert kept["isResidentCredential"]
    assert kept["rpId"] == "localhost"
    sign_out(alice)

    use_a_passkey(alice, device, "/sign-in?next=/rooms")
    alice.page.wait_for_url(alice.live.url + "/rooms")
    device.touch(held=False)

    alice.goto("/account/security")
    assert "last used" in alice.page.locator("section[aria-labelledby=passkeys]").inner_text()
    alice.page.get_by_role("link", name="Rename").click()
    alice.page.get_by_label("Name").fill("The blue laptop")
    alice.page.get_by_role("button", name="Save the name").click()
    alice.page.get_by_role("button", name="Remove The blue laptop").click()
    expect(alice.page.locator("#flash")).to_contain_text("opens nothing any more")
    sign_out(alice)

    use_a_passkey(alice, device, "/sign-in")
    expect(alice.page.get_by_role("heading", level=1)).to_have_text("That passkey did not work")
    device.touch(held=False)
    alice.goto("/account")
    assert "/sign-in" in alice.page.url
    alice.sign_in("alice")  # the password still does
    add_passkey(alice, device)
    assert alice.axe() == []  # last: what it injects through ends the virtual device


def test_the_browser_offers_the_passkey_where_the_address_is_typed(at_home):
    """Conditional mediation: nothing is clicked but what the browser itself offers; here its owner just says yes."""
    alice, device = at_home
    add_passkey(alice, device)
    sign_out(alice)
    device.touch()
    alice.goto("/sign-in?next=/rooms")
    alice.page.wait_for_url(alice.live.url + "/rooms")
    device.touch(held=False)
    alice.goto("/account/security")
    alice.page.get_by_role("button", name="Remove").first.click()
    expect(alice.page.locator("#flash")).to_contain_text("opens nothing any more")


def test_without_script_no_passkey_is_offered_and_the_rest_works(someone):
    visitor = someone(script=False)
    visitor.goto("/sign-in")
    expect(visitor.page.get_by_role("button", name="Use a passkey")).to_be_hidden()
    visitor.sign_in("alice")
    visitor.goto("/account/security")
    expect(visitor.page.get_by_role("button", name="Add a passkey")).to_be_hidden()
    expect(visitor.page.get_by_text("Adding one needs JavaScript")).to_be_visible()
