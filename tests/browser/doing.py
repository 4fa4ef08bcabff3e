"""What people do in the stories, in the words of the pages."""

from __future__ import annotations

import hashlib
import re
from itertools import count
from pathlib import Path

from playwright.sync_api import expect

from tests.browser.conftest import Someone

PASSWORD = "a calm and private place"
WELCOME = "you are a member of"  # in the subject of the letter that opens a membership
_numbers = count(1)


def join(who: Someone, name: str = "Nora Lind", plan: str = "Annual") -> str:
    """From the first page to Stripe's page, as a newcomer with an address of her own. Returns the address."""
    email = f"nora{next(_numbers)}-{who.live.port}@example.com"
    who.goto("/")
    who.page.get_by_role("link", name=f"Join {plan.lower()}").click()
    who.page.get_by_label("Name").fill(name)
    who.page.get_by_label("E-mail").fill(email)
    who.page.locator("input[name=password]").fill(PASSWORD)
    who.page.get_by_role("button", name="Make my account").click()
    expect(who.page.get_by_role("heading", level=1)).to_contain_text("Join, paid each")
    go_to_pay(who)
    return email


def go_to_pay(who: Someone) -> None:
    who.page.get_by_role("button", name="Go on to pay").click()
    expect(who.page.get_by_text("Simulated Stripe")).to_be_visible()


def pay(who: Someone, card: str = "4242 4242 4242 4242", button: str = "Subscribe") -> None:
    """Fill in Stripe's page and press its button; where it leads is the story's affair."""
    who.page.get_by_label("Card number").fill(card)
    who.page.get_by_label("Expiry").fill("12 / 34")
    who.page.get_by_label("Security code").fill("123")
    who.page.get_by_label("Name on card").fill("Nora Lind")
    who.page.get_by_label("Postal code").fill("77002")
    who.page.get_by_role("button", name=button).click()


def expect_to_be_in(who: Someone) -> None:
    """A member as soon as she has come back."""
    expect(who.page.get_by_role("heading", name=re.compile("You are in"))).to_be_visible()
    assert who.page.url.startswith(who.live.url)


def confirm_address(who: Someone, email: str) -> None:
    """Open the link in the letter and press the button there."""
    letter = who.live.letter(email, "confirm")
    link = re.search(r"https?://\S+/confirm/\S+", letter.get_body(("plain",)).get_content()).group()
    who.goto(link)
    who.page.locator("main").get_by_role("button").first.click()
    expect(who.page.locator("main")).to_contain_text("confirmed")


def download(who: Someone, file: str) -> bytes:
    """Press the button beside a file and take what arrives."""
    with who.page.expect_download() as coming:
        who.page.get_by_role("link", name=f"Download {file}").click()
    arrived = coming.value
    assert arrived.suggested_filename == file
    return Path(arrived.path()).read_bytes()


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
