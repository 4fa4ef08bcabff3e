"""Silencing somebody and what they then see, in a browser: without script at 320 px, in both colours, and by axe."""

from __future__ import annotations

import pytest

ABOUT = "/moderation/members/grace"
WHY = "Named an employee twice."


@pytest.mark.parametrize(("script", "width", "scheme"), [(True, 1280, "light"), (True, 320, "dark")])
def test_mo_silences_grace_who_reads_why_where_she_would_write_until_he_ends_it(someone, script, width, scheme):
    mo, grace = (someone(script=script, width=width, scheme=scheme) for _ in range(2))
    mo.sign_in("mo")
    grace.sign_in("grace")
    mo.goto(ABOUT)
    mo.page.get_by_role("radio", name="Silence").check()
    mo.page.get_by_label("Your reason").fill(WHY)
    mo.page.get_by_role("button", name="Decide and tell them").click()
    mo.page.get_by_text("Silenced until").wait_for()
    assert _faults(mo) == []
    for path in ("/threads/1", "/rooms/introductions", "/account", "/account/profile"):
        grace.goto(path)
        assert _faults(grace) == [], path
    grace.goto("/rooms/introductions/threads/new")
    assert grace.page.get_by_text(f"The reason a moderator gave: {WHY}").is_visible()
    assert grace.page.locator("textarea[name=body]").count() == 0
    mo.page.get_by_text("End it now").click()
    mo.page.locator("details[open] textarea[name=because]").fill("She apologised.")
    assert _faults(mo) == []
    mo.page.get_by_role("button", name="End the silence").click()
    mo.page.get_by_text("It has ended.").wait_for()
    grace.goto("/rooms/introductions/threads/new")
    assert grace.page.locator("textarea[name=body]").is_visible()


def test_mo_suspends_walt_without_script_who_finds_his_account_and_not_the_rooms(someone):
    mo, walt = someone(script=False, width=320), someone(width=320)
    mo.sign_in("mo")
    walt.sign_in("walt")
    about = ABOUT.replace("grace", "walt")
    mo.goto(about)
    mo.page.get_by_role("radio", name="Suspension").check()
    mo.page.get_by_label("Your reason").fill(WHY)
    mo.page.get_by_role("button", name="Decide and tell them").click()
    walt.goto("/account")
    assert walt.page.get_by_text("Your account is suspended until").is_visible()
    assert _faults(walt) == []
    mo.page.get_by_text("End it now").click()
    mo.page.locator("details[open] textarea[name=because]").fill("He apologised.")
    mo.page.get_by_role("button", name="End the suspension").click()
    walt.goto("/rooms")
    assert walt.page.get_by_role("heading", level=1, name="Rooms").is_visible()


def _faults(person) -> list[str]:
    return person.axe() + [f"sticks out: {each}" for each in person.sideways()]
