"""What is new, on two devices of one member while somebody else writes; and the same without script."""

from __future__ import annotations

import re

from playwright.sync_api import expect


def test_what_is_new_is_right_on_every_device_and_is_marked_and_unmarked_without_script(someone):
    cory, laptop, phone = someone(), someone(), someone(width=390)
    for who, name in ((cory, "cory"), (laptop, "alice"), (phone, "alice")):
        who.sign_in(name)

    for device in (laptop, phone):
        device.goto("/rooms")
    laptop.page.get_by_role("button", name="Mark all as read").click()
    expect(laptop.page.get_by_text("Every room is marked as read.")).to_be_visible()

    cory.goto("/rooms/introductions/threads/new")
    cory.page.get_by_label("Title").fill("Who is new this month?")
    cory.page.locator("textarea[name=body]").fill("Say hello below.")
    cory.page.get_by_role("button", name="Start the thread").click()
    expect(cory.page.get_by_role("heading", level=1)).to_have_text("Who is new this month?")
    address = cory.page.url

    # Alice comes back to her phone, which still shows the page of before.
    phone.page.evaluate("window.dispatchEvent(new Event('focus'))")
    expect(phone.page.locator("unread-count")).to_have_text("1 new")
    expect(phone.page.locator("[data-unread-room=introductions]")).to_have_text("1 new")

    # She reads on her laptop; no button is pressed.
    laptop.goto("/rooms/introductions")
    laptop.page.get_by_role("link", name="1 new", exact=True).click()
    expect(laptop.page.get_by_text("New to you")).to_be_visible()
    expect(laptop.page.get_by_role("button", name="Mark as read up to here")).to_be_hidden()
    phone.page.wait_for_timeout(1100)  # a page asks once a second at most
    phone.page.evaluate("window.dispatchEvent(new Event('focus'))")
    expect(phone.page.locator("unread-count")).to_have_text("")
    expect(phone.page.locator("[data-unread-room=introductions]")).to_be_hidden()

    # Without script: unread again, marked with its button, all marked, and that undone.
    plain = someone(script=False, width=320)
    plain.sign_in("alice")
    plain.goto(address)
    plain.page.get_by_role("button", name="Mark unread").click()
    plain.page.get_by_role("link", name="1 new", exact=True).click()
    plain.page.get_by_role("button", name="Mark as read up to here").click()
    expect(plain.page.get_by_role("link", name=re.compile("new$"))).to_have_count(0)
    plain.goto(address)
    plain.page.get_by_role("button", name="Mark unread").click()
    plain.page.get_by_role("button", name="Mark the room as read").click()
    expect(plain.page.get_by_role("link", name="1 new", exact=True)).to_have_count(0)
    plain.page.get_by_role("button", name="Undo").click()
    expect(plain.page.get_by_role("link", name="1 new", exact=True)).to_be_visible()

    # And what she wants to hear of it, without script too.
    plain.goto(address)
    plain.page.get_by_text("You hear when it concerns you").click()
    plain.page.get_by_role("button", name="Hear nothing of it").click()
    expect(plain.page.get_by_text("You hear nothing of it")).to_be_visible()
