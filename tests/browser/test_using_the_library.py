"""Alice finds what helps by her problem, keeps it, uses it, and prints it: with script and without, large and small."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser import doing

QUESTION = "The room runs on mood. How do we set expectations nobody has to guess?"
# Each run has a person of its own, since all of them share one portal: script, width, who.
RUNS = [(True, 1280, "alice"), (False, 320, "ines")]


@pytest.mark.parametrize(("script", "width", "who"), RUNS, ids=["with-script", "without-script-at-320"])
def test_find_by_problem_save_download_walk_and_print(someone, script: bool, width: int, who: str):
    person = someone(script=script, width=width)
    person.sign_in(who)
    page = person.page
    person.goto("/problems")
    page.get_by_role("link", name=QUESTION).click()
    expect(page.get_by_role("heading", level=1)).to_have_text(QUESTION)
    page.get_by_role("link", name="Tools", exact=True).click()
    page.locator(".item__title").get_by_role("link").first.click()
    title = page.get_by_role("heading", level=1).inner_text()

    page.get_by_role("button", name="Save for later").click()
    expect(page.get_by_role("button", name="Saved: take it off my list")).to_be_visible()
    files = page.locator(".work__file-name")
    doing.download(person, files.first.inner_text())
    page.get_by_role("button", name="Useful", exact=True).click()
    page.get_by_label("A sentence for the coaches").fill("We read it aloud on Monday.")
    page.get_by_role("button", name="Send it to the coaches").click()
    expect(page.get_by_text("We read it aloud on Monday.")).to_be_visible()

    for address in ("/account/saved", "/account/downloads"):
        person.goto(address)
        expect(page.get_by_role("link", name=title, exact=True)).to_be_visible()
        assert person.sideways() == []
        if script:  # axe is a script itself
            assert person.axe() == []

    person.goto("/paths")
    page.get_by_role("link", name="Hours of your own").click()
    page.get_by_role("link", name="Begin with").click()
    expect(page.get_by_role("heading", name="On a path")).to_be_visible()
    page.get_by_role("button", name="I have done this").click()
    expect(page.get_by_text("Step 1 of 5, 1 done")).to_be_visible()
    page.get_by_role("link", name="Hours of your own").click()
    expect(page.get_by_text("1 of 5")).to_be_visible()
    page.get_by_role("link", name="Go on with").click()
    expect(page.get_by_text("Step 2 of 5, 1 done")).to_be_visible()
    person.goto("/paths/hours-of-your-own")
    if script:  # axe is a script itself
        assert person.axe() == []
    assert person.sideways() == []
    with page.expect_download() as coming:
        page.get_by_role("link", name="Download all").click()
    assert coming.value.suggested_filename == "Hours of your own.zip"

    person.goto("/library/role-card")
    page.get_by_role("link", name="Print view").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Role card")
    expect(page.locator(".masthead, .footer")).to_have_count(0)
    assert page.locator("print-button button").is_visible() is script
    if script:  # axe is a script itself
        assert person.axe() == []
    assert person.sideways() == []


def test_by_keyboard_alone_from_the_question_to_the_tick(someone):
    person = someone()
    person.sign_in("joel")
    page = person.page
    person.goto("/library")
    _press_on(page, page.locator(".asked a").first)
    expect(page.get_by_role("heading", level=1)).not_to_have_text("Library")
    person.goto("/paths/hours-of-your-own")
    _press_on(page, page.get_by_role("button", name="I have done this").first)
    expect(page.get_by_text("1 of 5")).to_be_visible()
    _press_on(page, page.get_by_role("link", name="Go on with"))
    expect(page.get_by_role("heading", name="On a path")).to_be_visible()
    _press_on(page, page.get_by_role("button", name="Save for later"))
    expect(page.get_by_role("button", name="Saved: take it off my list")).to_be_visible()


def _press_on(page, wanted) -> None:
    """Tab until it has the focus, as somebody without a mouse does, and press Enter."""
    for _ in range(80):
        page.keyboard.press("Tab")
        if wanted.evaluate("element => element === document.activeElement"):
            page.keyboard.press("Enter")
            page.wait_for_load_state()
            return
    raise AssertionError(f"{wanted} is out of reach of the Tab key")


def test_on_paper_stand_the_words_with_their_addresses_on_as_few_pages_as_they_need(someone, tmp_path):
    """What the browser really prints, of the page for paper and of the item's own page."""
    from pypdf import PdfReader

    person = someone()
    person.sign_in("alice")
    for address, most in (("/library/role-card/print", 2), ("/library/role-card", 2), ("/library/the-way-back", 2)):
        person.goto(address)
        paper = tmp_path / "paper.pdf"
        person.page.pdf(path=str(paper), format="A4")
        sheets = [sheet.extract_text() for sheet in PdfReader(paper).pages]
        assert 1 <= len(sheets) <= most, address
        assert all(sheet.strip() for sheet in sheets), address
        words = " ".join(" ".join(sheets).split())
        for around in ("House rules", "Save for later", "Was it useful", "Download"):
            assert around not in words, (address, around)
