"""Saying who one is, with a photo, without script and on a small screen; and the first steps by keyboard."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.make import picture


def test_walt_shows_a_photo_and_removes_it_without_script(someone):
    walt = someone(script=False, width=320)
    walt.sign_in("walt")
    walt.goto("/account/profile")
    photo = {"name": "me.jpg", "mimeType": "image/jpeg", "buffer": picture(600, 400)}
    walt.page.get_by_label("Photo (optional)").set_input_files(photo)
    walt.page.get_by_role("button", name="Use this photo").click()
    expect(walt.page.locator("#flash")).to_contain_text("Your photo is saved.")
    shown = walt.page.locator(".own-photo img")
    expect(shown).to_have_js_property("naturalWidth", 320)
    walt.goto("/members")
    assert walt.page.locator("li", has_text="Walt Hennessey").locator("img").count() == 1
    walt.goto("/account/profile")
    walt.page.get_by_role("button", name="Remove the photo").click()
    expect(walt.page.locator("#flash")).to_contain_text("Your photo is removed.")
    assert walt.page.locator(".own-photo img").count() == 0


def test_a_file_that_is_no_picture_comes_back_with_a_sentence_beside_the_field(someone):
    walt = someone(width=320)
    walt.sign_in("walt")
    walt.goto("/account/profile")
    svg = {"name": "me.png", "mimeType": "image/png", "buffer": b"<svg xmlns='http://www.w3.org/2000/svg'/>"}
    walt.page.get_by_label("Photo (optional)").set_input_files(svg)
    walt.page.get_by_role("button", name="Use this photo").click()
    expect(walt.page.locator("#photo-error")).to_contain_text("not a picture that we can read")
    assert walt.axe() == []
    assert walt.sideways() == []


def test_ruth_finds_owners_of_law_firms_by_keyboard(someone):
    ruth = someone()
    ruth.sign_in("ruth")
    ruth.goto("/members")
    ruth.page.get_by_label("Specialty").focus()
    ruth.page.keyboard.type("Law")
    ruth.page.get_by_label("Name or practice").focus()
    ruth.page.keyboard.press("Enter")
    ruth.page.wait_for_url(lambda url: "specialty=law" in url)
    names = ruth.page.locator(".people__name").all_inner_texts()
    left = [name for name in names if name != "Carl Weatherby"]  # he cancelled, and other stories let time pass
    assert left == ["Ruth Castellan", "Tomas Lindqvist"]


def test_ines_goes_on_from_her_first_steps_and_puts_them_away(someone):
    ines = someone(width=320)
    ines.sign_in("ines")
    ines.goto("/")
    steps = ines.page.locator("#first-steps")
    assert "Choose your own numbers" in steps.inner_text()
    steps.get_by_role("link", name="Get “Monday numbers”").press("Enter")
    ines.page.wait_for_url(lambda url: "/library/monday-numbers" in url)
    ines.goto("/")
    ines.page.get_by_role("button", name="Put the list away").press("Enter")
    expect(ines.page.locator("#flash")).to_contain_text("The list is put away.")
    assert ines.page.locator("#first-steps").count() == 0
    ines.goto("/account")
    ines.page.get_by_role("button", name="Show them on your first page").press("Enter")
    ines.page.wait_for_url(lambda url: url.endswith("/#first-steps"))
    expect(ines.page.locator("#first-steps")).to_have_count(1)
