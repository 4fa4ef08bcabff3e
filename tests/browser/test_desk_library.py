"""A coach's short day: write a tool, upload, see it as a visitor, schedule, publish, revise, withdraw; and a tab that
dies while somebody types."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

from playwright.sync_api import expect

from portal.core.clock import now

FILES = Path(__file__).resolve().parents[2] / "portal" / "seeds" / "content" / "files"
BODY = "At the end of *every* shift.\n\n- First the counts\n- Then who is tired"


def test_cory_s_day_from_the_first_word_to_the_withdrawal(someone, tmp_path):
    cory, page = _cory(someone)
    _writes(cory)
    _uploads_two_and_cancels_one(cory, tmp_path)
    _looks_as_a_visitor(cory)
    _schedules_then_publishes(cory)
    _revises_and_sees_what_changed(cory)
    page.get_by_role("link", name="Publish").click()
    page.get_by_label("Why").fill("The second column is wrong.")
    page.get_by_role("button", name="Withdraw it").click()
    expect(page.locator("#flash")).to_contain_text("is withdrawn")
    assert cory.axe() == []
    visitor = someone()
    visitor.goto("/library/hand-over-card")
    expect(visitor.page.get_by_role("heading", level=1)).to_have_text("Nothing here")


def _cory(someone, **window):
    cory = someone(**window)
    cory.sign_in("cory")
    return cory, cory.page


def _writes(cory):
    page = cory.page
    cory.goto("/desk/library")
    page.get_by_text("Write something new").click()
    page.get_by_role("link", name="A tool").click()
    page.get_by_label("Title").fill("Hand-over card")
    page.get_by_label("Summary").fill("One page between two shifts.")
    body = page.get_by_label("How to use it", exact=True)
    body.fill(BODY)
    body.press("Control+Home")
    for _ in "At the end":
        body.press("Shift+ArrowRight")
    body.press("Control+b")
    expect(body).to_have_value(f"**At the end**{BODY.removeprefix('At the end')}")
    page.get_by_role("button", name="Preview").click()
    shown = page.get_by_role("region", name="Preview of how to use it")
    expect(shown.locator("strong")).to_have_text("At the end")
    expect(shown.locator("li")).to_have_count(2)
    expect(page.get_by_text(re.compile(r"^Saved \d"))).to_be_visible()
    assert cory.axe() == []
    page.get_by_role("button", name="Save the draft").click()
    expect(page.locator("#flash")).to_contain_text("saved as a draft")


def _uploads_two_and_cancels_one(cory, tmp_path):
    page = cory.page
    page.get_by_role("link", name="Files").click()
    large = tmp_path / "Recording.pdf"
    large.write_bytes(b"%PDF-1.4\n" + bytes(12_000_000) + b"\n%%EOF\n")
    slow = cory.context.new_cdp_session(page)
    slow.send("Network.enable")
    slow.send(
        "Network.emulateNetworkConditions",
        {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": 1_500_000},
    )
    page.get_by_label("Files", exact=True).set_input_files([FILES / "role-card.pdf", large, FILES / "role-card.docx"])
    page.get_by_role("button", name="Upload").click()
    expect(page.get_by_text(re.compile(r"Recording\.pdf: \d+ % of 12\.0 MB"))).to_be_visible()
    page.get_by_role("button", name="Cancel Recording.pdf").click()
    expect(page.get_by_text("Recording.pdf: cancelled, nothing of it was kept").first).to_be_visible()
    expect(page.get_by_text("role-card.docx: arrived, Word").first).to_be_visible()
    slow.detach()
    expect(page.locator("#waiting .edition__file")).to_have_count(2)
    page.get_by_label("Name of role-card.pdf").fill("Hand-over card")
    assert cory.axe() == []
    page.get_by_role("button", name="Put out edition 1").click()
    expect(page.locator("#flash")).to_contain_text("Edition 1 is there")
    expect(page.get_by_label("Name of Hand-over card.pdf")).to_be_visible()


def _looks_as_a_visitor(cory):
    page = cory.page
    page.get_by_text("See it as", exact=True).click()
    page.get_by_role("link", name="A visitor").click()
    expect(page.get_by_role("link", name="Join to download")).to_be_visible()
    assert "First the counts" not in page.content()
    page.get_by_role("link", name="Back to writing").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Hand-over card")


def _schedules_then_publishes(cory):
    page = cory.page
    page.get_by_role("link", name="Publish").click()
    page.get_by_label("Day").fill(f"{now() + timedelta(days=9):%Y-%m-%d}")
    page.get_by_label("Time").fill("07:30")
    page.get_by_label("Tell those who follow its topics, by letter").check()
    page.get_by_role("button", name="Schedule it").click()
    expect(page.locator("#flash")).to_contain_text("7:30")
    assert cory.axe() == []
    page.get_by_role("button", name="Publish now").click()
    expect(page.locator("#flash")).to_contain_text("is published")


def _revises_and_sees_what_changed(cory):
    page = cory.page
    page.get_by_role("link", name="Files").click()
    page.get_by_label("Files", exact=True).set_input_files(FILES / "seat-map.pdf")
    page.get_by_role("button", name="Upload").click()
    page.get_by_label("What changed").fill("A map of the seats came with it.")
    page.get_by_role("button", name="Put out edition 2").click()
    expect(page.locator("#flash")).to_contain_text("Edition 2 is there")
    page.get_by_role("link", name="Words").click()
    page.get_by_label("Summary").fill("One page between three shifts.")
    page.get_by_role("button", name="Publish changes").click()
    expect(page.locator("#flash")).to_contain_text("Your changes are published")
    page.get_by_role("link", name="History").click()
    expect(page.locator("del")).to_contain_text("two")
    expect(page.locator("ins")).to_contain_text("three")
    assert cory.axe() == []


def test_words_survive_a_tab_that_dies_and_a_server_that_does_not_answer(someone):
    cory, page = _cory(someone)
    cory.goto("/desk/library/new/resource")
    page.get_by_label("Title").fill("What a locum needs")
    expect(page.get_by_text(re.compile(r"^Saved \d"))).to_be_visible()
    page.close()
    page = cory.page = cory.context.new_page()
    cory.goto("/desk/library/new/resource")
    expect(page.get_by_label("Title")).to_have_value("What a locum needs")

    cory.context.set_offline(True)
    page.get_by_label("Summary").fill("Typed while the portal was away.")
    expect(page.get_by_text("Kept in this browser for now")).to_be_visible()
    page.close(run_before_unload=False)
    cory.context.set_offline(False)
    page = cory.page = cory.context.new_page()
    cory.goto("/desk/library/new/resource")
    expect(page.get_by_label("Summary")).to_have_value("Typed while the portal was away.")
    expect(page.locator("[data-save-state]")).to_contain_text("Restored what you typed")
    page.get_by_role("button", name="Save the draft").click()
    expect(page.locator("#flash")).to_contain_text("saved as a draft")
    cory.goto("/desk/library/new/resource")
    expect(page.get_by_label("Title")).to_have_value("")
    page.get_by_label("Title").fill("Signed out meanwhile")
    cory.context.clear_cookies()
    page.get_by_label("Summary").fill("And went on typing.")
    expect(page.get_by_text("You are signed out.")).to_be_visible()
    page.close(run_before_unload=False)
    page = cory.page = cory.context.new_page()
    cory.sign_in("cory")
    cory.goto("/desk/library/new/resource")
    expect(page.get_by_label("Summary")).to_have_value("And went on typing.")
    expect(page.locator("[data-save-state]")).to_contain_text("Saved")
    page.locator(".masthead .menu summary").click()
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url(lambda url: "/desk" not in url)
    assert page.evaluate("Object.keys(localStorage).filter((key) => key.startsWith('draft:'))") == []


def test_without_script_a_tool_is_written_uploaded_and_published(someone):
    cory, page = _cory(someone, script=False, width=320)
    cory.goto("/desk/library/new/tool")
    page.get_by_label("Title").fill("Night card")
    page.get_by_label("Summary").fill("For the night.")
    page.get_by_label("How to use it", exact=True).fill("By **lamp** light.")
    page.get_by_role("button", name="Preview").click()
    expect(page.locator(".editor__preview strong")).to_have_text("lamp")
    page.get_by_role("button", name="Save the draft").click()
    page.get_by_role("link", name="Files").click()
    page.get_by_label("Files", exact=True).set_input_files([FILES / "role-card.pdf", FILES / "role-card.docx"])
    page.get_by_role("button", name="Upload").click()
    page.get_by_role("button", name="Put out edition 1").click()
    page.get_by_role("link", name="Publish").click()
    page.get_by_role("button", name="Publish now").click()
    expect(page.locator("#flash")).to_contain_text("is published")
    assert cory.sideways() == []
