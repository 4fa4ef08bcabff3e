"""Every step of signing in as a member meets it, with and without script: it fits, axe minds nothing, and it works."""

from __future__ import annotations

import re

import pyotp
import pytest
from playwright.sync_api import expect
from sqlalchemy import create_engine, text

from tests.browser.conftest import Someone
from tests.browser.doing import PASSWORD

LOOKS = {
    "light-1280": {"width": 1280},
    "dark-320": {"width": 320, "scheme": "dark"},
    "without-script-320": {"width": 320, "script": False},
}


def _looks_well(who: Someone, heading: str, *, script: bool = True) -> None:
    """axe itself waits for timers, which never come where script is off."""
    expect(who.page.get_by_role("heading", level=1)).to_have_text(heading)
    assert who.sideways() + (who.axe() if script else []) == [], heading


def _press(who: Someone, name: str) -> None:
    who.page.get_by_role("button", name=name, exact=True).click()


def _some_time_passes(who: Someone) -> None:
    engine = create_engine(who.live.database)
    with engine.begin() as connection:
        connection.execute(text("UPDATE device SET fresh_at = '2020-01-01 00:00:00.000000'"))
    engine.dispose()


def _code(who: Someone, email: str) -> str:
    query = "SELECT secret FROM authenticator JOIN member ON member.id = member_id WHERE email = :email"
    ((secret,),) = who.live.rows(query, email=email)
    return pyotp.TOTP(secret).at(_now())


def _now():
    from portal.core.clock import now

    return now()


@pytest.mark.parametrize("look", list(LOOKS))
def test_nora_joins_and_meets_every_way_of_signing_in(someone, look: str):
    nora = someone(**LOOKS[look])
    script = LOOKS[look].get("script", True)
    email = f"nora-{look}@example.com"
    nora.goto("/join?plan=")
    nora.page.get_by_label("Decide later").check()
    nora.page.get_by_label("Your name").fill("Nora Lind")
    nora.page.get_by_label("E-mail").fill(email)
    nora.page.locator("input[name=password]").fill(PASSWORD)
    _press(nora, "Make my account")
    nora.page.wait_for_url("**/account")

    # What matters asks once more: by password, or by a code in a letter.
    _some_time_passes(nora)
    nora.goto("/account/two-step")
    _looks_well(nora, "Is it you?", script=script)
    nora.page.locator("input[name=password]").fill("not her password")
    _press(nora, "Yes, it is me")
    expect(nora.page.locator("#error-summary")).to_contain_text("That is not your password")
    _press(nora, "E-mail me a code")
    _looks_well(nora, "Is it you?", script=script)
    letter = nora.live.letter(email, "is your code")
    nora.page.locator("input[name=code]").fill(str(letter["Subject"])[:9])
    _press(nora, "Yes, it is me")

    # Setting up the second step.
    _looks_well(nora, "Two-step sign-in", script=script)
    _press(nora, "Set it up")
    _looks_well(nora, "Scan, then type the code", script=script)
    nora.page.locator("input[name=code]").fill("000")
    _press(nora, "Turn two-step sign-in on")
    _looks_well(nora, "Scan, then type the code", script=script)
    nora.page.locator("input[name=code]").fill(_code(nora, email))
    _press(nora, "Turn two-step sign-in on")
    _looks_well(nora, "Keep these ten codes", script=script)
    recovery = nora.page.locator("#codes code").first.inner_text()
    nora.page.get_by_role("link", name="I have kept them").click()
    _looks_well(nora, "Sign-in and devices", script=script)
    nora.goto("/account/two-step")
    _looks_well(nora, "Two-step sign-in is on", script=script)

    # A mailed code, then the second step.
    nora.goto("/account")
    nora.page.locator("main").get_by_role("button", name="Sign out").click()
    nora.goto("/sign-in?next=/account")
    _looks_well(nora, "Sign in", script=script)
    nora.page.get_by_label("E-mail").fill(email)
    _press(nora, "E-mail me a code")
    _looks_well(nora, "Look into your mailbox", script=script)
    link = nora.live.wait_until(lambda: _link_to(nora, email), "a letter with a link")
    nora.goto(link)
    _looks_well(nora, "Sign in here", script=script)
    _press(nora, f"Sign in as {email}")
    _looks_well(nora, "Now your code", script=script)
    nora.page.locator("input[name=code]").fill(recovery)
    _press(nora, "Sign in")
    nora.page.wait_for_url("**/library")
    nora.goto("/account/security")
    expect(nora.page.get_by_text("9 recovery codes are left")).to_be_visible()


def _link_to(who: Someone, email: str) -> str | None:
    for letter in who.live.letters(email):
        found = re.search(r"http\S+/sign-in/link/\S+", letter.get_body(("plain",)).get_content())
        if found:
            return found.group()
    return None
