"""The search that opens with a key, by keyboard alone, and switched off; and the same without script."""

from __future__ import annotations

import re

from playwright.sync_api import expect


def test_ruth_opens_the_search_by_key_and_goes_where_she_wants(someone):
    ruth = someone()
    ruth.sign_in("ruth")
    ruth.goto("/library")
    keys, dialog = ruth.page.keyboard, ruth.page.get_by_role("dialog", name="Search")
    keys.press("/")
    expect(dialog.get_by_label("Words to look for")).to_be_focused()
    keys.type("seat ma")
    expect(dialog.get_by_role("link", name="Seat map").first).to_be_visible()
    assert dialog.locator("mark").first.inner_text().lower() in {"seat", "map"}
    assert ruth.axe() == []
    keys.press("ArrowDown")
    expect(dialog.locator(".finder__found a").first).to_be_focused()
    keys.press("ArrowUp")
    expect(dialog.get_by_label("Words to look for")).to_be_focused()
    keys.press("ControlOrMeta+a")
    keys.type("canc")
    expect(dialog.get_by_role("link", name="Cancel your membership")).to_be_visible()
    keys.press("ArrowDown")
    keys.press("Enter")
    ruth.page.wait_for_url(re.compile("/account/billing"))
    keys.press("/")
    expect(dialog).to_be_visible()
    keys.press("Escape")
    expect(dialog).to_be_hidden()
    ruth.goto("/search")
    ruth.page.locator("#search-words").focus()
    keys.type("a/b")
    assert ruth.page.locator("#search-words").input_value() == "a/b"  # in a field, a key is a letter
    ruth.page.locator("#search-words").press("Control+k")  # held keys work everywhere
    dialog.get_by_role("button", name="Switch single-key shortcuts off").click()
    keys.press("Escape")
    ruth.goto("/library")
    keys.press("/")
    expect(dialog).to_have_count(0)
    keys.press("Control+k")
    dialog.get_by_role("button", name="Switch single-key shortcuts on").click()
    keys.press("Escape")
    ruth.goto("/library")
    keys.press("/")
    expect(dialog).to_be_visible()


def test_walt_searches_without_script_on_a_small_screen_and_lands_at_the_second(someone):
    walt = someone(script=False, width=320)
    walt.sign_in("walt")
    walt.goto("/search?q=column&in=episodes")
    assert walt.sideways() == []
    stamp = walt.page.locator(".hit__places a").first
    second = re.search(r"t=(\d+)", stamp.get_attribute("href"))[1]
    stamp.click()
    walt.page.wait_for_url(re.compile(rf"/library/.*\?t={second}#t={second}$"))
    expect(walt.page.locator(f'[id="t={second}"]')).to_be_in_viewport()


def test_the_fields_that_narrow_the_search_stand_in_one_line(someone):
    alice = someone()
    alice.sign_in("alice")
    alice.goto("/search?q=role&in=rooms&by=@cory")
    boxes = [field.bounding_box() for field in alice.page.locator(".narrow__fields .input").all()]
    assert len(boxes) == 4
    assert len({(box["y"], box["height"]) for box in boxes}) == 1
