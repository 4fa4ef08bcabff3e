"""A picture and a document on their way into a thread: chosen, pasted, dropped, stopped; and all without script."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.make import PDF, picture

PASTE = """(form, [kind, name, bytes]) => {
  const data = new DataTransfer();
  data.items.add(new File([Uint8Array.from(atob(bytes), (c) => c.charCodeAt(0))], name, { type: "image/jpeg" }));
  form.dispatchEvent(kind === "paste"
    ? new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true })
    : new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true }));
}"""


def test_alice_chooses_pastes_drops_and_stops_files_and_cory_sees_what_she_sent(someone, tmp_path):
    alice = someone()
    alice.sign_in("alice")
    page = alice.page
    alice.goto("/threads/1")
    last = page.get_by_role("link", name="Go to the newest")
    if last.count():
        last.click()
    page.locator("textarea[name=body]").fill("Our board, and the plan beside it.")
    _chooses_two_and_stops_one(alice, tmp_path)
    _hands_over(page, "paste", "board.jpg", picture(900, 500))
    expect(page.get_by_label("What does it show? (board.jpg)")).to_be_visible()
    page.get_by_label("What does it show? (board.jpg)").fill("Five seats on a wall")
    _hands_over(page, "drop", "wrong.jpg", picture(300, 300))
    expect(page.locator(".attach__file")).to_have_count(3)
    expect(page.get_by_label("What does it show? (board.jpg)")).to_have_value("Five seats on a wall")
    expect(page.locator("[data-save-state]")).to_contain_text("Saved")
    assert alice.axe() == []
    page.reload()
    expect(page.get_by_label("What does it show? (board.jpg)")).to_have_value("Five seats on a wall")
    expect(page.locator("textarea[name=body]")).to_have_value("Our board, and the plan beside it.")
    page.get_by_role("button", name="Take it out (wrong.jpg)").click()
    expect(page.locator(".attach__file")).to_have_count(2)
    expect(page.locator("textarea[name=body]")).to_have_value("Our board, and the plan beside it.")
    page.get_by_role("button", name="Post the reply").click()
    expect(page.get_by_role("img", name="Five seats on a wall")).to_be_visible()
    expect(page.locator(".attach__file")).to_have_count(0)
    page.locator(".post", has=page.get_by_role("img", name="Five seats on a wall")).get_by_role(
        "link", name="Edit"
    ).click()
    _hands_over(page, "paste", "rota.jpg", picture(400, 300))
    page.get_by_label("What does it show? (rota.jpg)").fill("The rota")
    assert alice.axe() == []
    page.get_by_role("button", name="Save the post").click()
    expect(page.get_by_role("img", name="The rota")).to_be_visible()

    cory = someone(width=320, scheme="dark")
    cory.sign_in("cory")
    cory.page.route("**/files/*", lambda asked: asked.fulfill(status=204))
    cory.goto(page.url)
    drawn = cory.page.get_by_role("img", name="Five seats on a wall")
    before = drawn.bounding_box()
    assert before["height"] == pytest.approx(before["width"] * 500 / 900, abs=3), "it holds its place before it comes"
    assert cory.axe() == []
    cory.page.unroute("**/files/*")
    cory.page.reload()
    drawn.scroll_into_view_if_needed()
    expect(drawn).to_have_js_property("naturalWidth", 900)
    assert drawn.bounding_box()["height"] == pytest.approx(before["height"], abs=1)
    assert cory.sideways() == []
    assert cory.axe() == []
    with cory.page.expect_download() as begun:
        cory.page.get_by_role("link", name=re.compile(r"Plan\.pdf")).click()
    assert begun.value.path().read_bytes() == PDF


def test_without_script_alice_adds_files_before_her_words_are_ready(someone):
    alice = someone(script=False, width=320)
    alice.sign_in("alice")
    alice.goto("/rooms/introductions/threads/new")
    page = alice.page
    page.get_by_label("Pictures and files").set_input_files(
        [{"name": "seat.jpg", "mimeType": "image/jpeg", "buffer": picture(500, 400)}]
    )
    page.get_by_label("Title").fill("A chart")
    page.get_by_role("button", name="Add these files").click()
    expect(page.get_by_label("Title")).to_have_value("A chart")
    page.get_by_label("What does it show? (seat.jpg)").fill("A chart of seats")
    assert alice.sideways() == []
    page.locator("textarea[name=body]").fill("See beside.")
    page.get_by_label("Pictures and files").set_input_files(
        [{"name": "Plan.pdf", "mimeType": "application/pdf", "buffer": PDF}]
    )
    page.get_by_role("button", name="Start the thread").click()
    expect(page.get_by_role("img", name="A chart of seats")).to_be_visible()
    expect(page.get_by_role("link", name=re.compile(r"Plan\.pdf"))).to_be_visible()
    page.get_by_role("link", name="Edit").click()
    page.get_by_label("Pictures and files").set_input_files(
        [{"name": "desk.jpg", "mimeType": "image/jpeg", "buffer": picture(300, 200)}]
    )
    page.get_by_role("button", name="Add these files").click()
    page.get_by_label("What does it show? (desk.jpg)").fill("The front desk")
    assert alice.sideways() == []
    page.get_by_role("button", name="Save the post").click()
    expect(page.get_by_role("img", name="The front desk")).to_be_visible()
    expect(page.get_by_role("img", name="A chart of seats")).to_be_visible()


def _chooses_two_and_stops_one(alice, tmp_path):
    page = alice.page
    large = tmp_path / "Recording.pdf"
    large.write_bytes(b"%PDF-1.4\n" + bytes(12_000_000) + b"\n%%EOF\n")
    plan = tmp_path / "Plan.pdf"
    plan.write_bytes(PDF)
    slow = alice.context.new_cdp_session(page)
    slow.send("Network.enable")
    slow.send(
        "Network.emulateNetworkConditions",
        {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": 1_500_000},
    )
    page.get_by_label("Pictures and files").set_input_files([plan, large])
    expect(page.get_by_text(re.compile(r"Recording\.pdf: \d+ % of 12\.0 MB"))).to_be_visible()
    page.get_by_role("button", name="Cancel Recording.pdf").click()
    expect(page.get_by_text("Recording.pdf: cancelled, nothing of it was kept").first).to_be_visible()
    slow.detach()
    expect(page.locator(".attach__file")).to_have_count(1)


def _hands_over(page, how, name, content):
    from base64 import b64encode

    page.locator("form.writing").evaluate(PASTE, [how, name, b64encode(content).decode()])
    expect(page.locator(".attach__name", has_text=name)).to_be_visible()
