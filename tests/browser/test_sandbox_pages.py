"""The pages of the simulated Stripe, as people of the demo and whoever tries the portal meet them."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect


def test_the_levers_work_without_script(someone, live):
    who = someone(script=False, width=320)
    who.goto(f"{live.sandbox.url}/_sandbox/")
    who.page.get_by_role("button", name="Hold deliveries").click()
    expect(who.page.get_by_role("status")).to_contain_text("Deliveries wait from now on.")
    who.page.get_by_role("button", name="Let deliveries go").click()
    expect(who.page.get_by_role("status")).to_contain_text("Deliveries go out again.")


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (320, "dark")])
def test_the_control_page_and_where_it_leads_are_whole_narrow_and_reachable(someone, live, width, scheme):
    who = someone(width=width, scheme=scheme)
    control = f"{live.sandbox.url}/_sandbox/"
    pages = [control]
    for pattern in (r"/_sandbox/customers/\w+", r"/_sandbox/events/\w+"):
        who.goto(control)
        pages.append(live.sandbox.url + re.search(pattern, who.page.content())[0])
    for page in pages:
        who.goto(page)
        assert "Simulated Stripe, no money moves" in who.page.locator(".banner").inner_text()
        assert who.sideways() == [], page
        assert who.axe() == [], page


def test_the_control_page_is_worked_by_keyboard(someone, live):
    who = someone()
    who.goto(f"{live.sandbox.url}/_sandbox/")
    for _ in range(60):
        who.page.keyboard.press("Tab")
        if who.page.evaluate("document.activeElement.value") == "duplicate":
            break
    who.page.keyboard.press("Enter")
    expect(who.page.get_by_role("status")).to_contain_text("queued again")
