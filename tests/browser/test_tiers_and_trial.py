"""Joining where three things are sold, with a trial and with tax: nothing sticks out, and four screens are enough."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.doing import PASSWORD, expect_to_be_in, pay
from tests.live import Live, live_portal

TIERS = (
    "member | Member | 4900 | 49000 | Every tool and episode, All rooms;"
    "circle | Circle | 9900 | 99000 | Everything a member has, An evening with the coaches each month;"
    "firm | Firm | 29900 | 299000 | Everything in Circle, Two hours with a coach each quarter,"
    " Your own agenda read by a coach before it goes out"
)
LOOKS = [(scheme, width) for scheme in ("light", "dark") for width in (320, 768, 1280)]


@pytest.fixture(scope="module")
def live() -> Iterator[Live]:
    """A portal of its own, with these settings."""
    with (
        tempfile.TemporaryDirectory(prefix="portal-tiers-") as folder,
        live_portal(Path(folder), seed=True, PLAN_TIERS=TIERS, TRIAL_DAYS="14", STRIPE_TAX="1") as portal,
    ):
        yield portal


@pytest.mark.parametrize(("scheme", "width"), LOOKS, ids=[f"{s}-{w}" for s, w in LOOKS])
def test_the_pages_of_joining_are_accessible_and_fit(someone, scheme: str, width: int):
    visitor, sam = someone(scheme=scheme, width=width), someone(scheme=scheme, width=width)
    sam.sign_in("sam")
    found = {}
    for person, path in [
        (visitor, "/"),
        (visitor, "/join"),
        (visitor, "/join?plan=firm-annual"),
        (sam, "/join"),
        (sam, "/join/circle-monthly"),
        (sam, "/join/firm-annual"),
    ]:
        person.goto(path)
        problems = person.axe() + [f"sticks out: {e}" for e in person.sideways()]
        if problems:
            found[path] = problems
    assert found == {}


@pytest.mark.parametrize("script", [True, False], ids=["script", "no script"])
def test_a_visitor_is_welcomed_on_the_fourth_screen_and_pays_nothing_today(someone, script: bool):
    nora = someone(script=script, width=320)
    email = f"nora-{script}-{nora.live.port}@example.com".lower()
    nora.goto("/")
    nora.page.get_by_role("link", name="Join Circle, annual").click()

    circle = nora.page.get_by_role("group", name="Circle")
    expect(circle.get_by_text("An evening with the coaches each month")).to_be_visible()
    expect(circle.get_by_role("radio", name="Annual")).to_be_checked()
    expect(nora.page.get_by_text("14 days free, then paid each month or year until you cancel.")).to_be_visible()
    circle.get_by_role("radio", name="Monthly").check()
    nora.page.get_by_label("Name").fill("Nora Lind")
    nora.page.get_by_label("E-mail").fill(email)
    nora.page.locator("input[name=password]").fill(PASSWORD)
    nora.page.get_by_role("button", name="Make my account").click()

    expect(nora.page.get_by_role("heading", level=1)).to_have_text("Join Circle, paid each month")
    agreed = nora.page.locator("main")
    for words in ("Nothing", "14 days are free, until", "$99 on", "Tax, where it applies", "nothing is ever charged"):
        expect(agreed).to_contain_text(words)
    nora.page.get_by_role("button", name="Go on to try it free").click()

    expect(nora.page.get_by_text("Simulated Stripe")).to_be_visible()
    expect(nora.page.get_by_text("14 days free")).to_be_visible()
    pay(nora, button="Start trial")

    expect_to_be_in(nora)
    expect(nora.page.locator("main")).to_contain_text("$99 is charged then")
    nora.goto("/join/firm-annual")
    expect(nora.page.locator("main")).to_contain_text("You have a membership already")


def test_one_may_choose_among_three_by_keyboard_alone(someone):
    nora = someone()
    nora.goto("/join")
    nora.page.get_by_role("radio", name="Annual").first.focus()
    for _ in range(3):
        nora.page.keyboard.press("ArrowDown")
    expect(nora.page.get_by_role("group", name="Firm").get_by_role("radio", name="Monthly")).to_be_checked()
