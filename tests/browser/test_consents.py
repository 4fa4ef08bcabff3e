"""A client reads their story on a phone, without an account: wishes, agrees, chooses anew, takes it back."""

from __future__ import annotations

import re
from email.message import EmailMessage

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Someone

LOOKS = [(False, "light"), (True, "dark")]


@pytest.mark.parametrize(("script", "scheme"), LOOKS, ids=["without-script-light", "with-script-dark"])
def test_a_client_reads_agrees_chooses_anew_and_takes_it_back_on_a_phone(someone, live, script: bool, scheme: str):
    email = f"client-{scheme}@example.com"
    cory = someone(script=script)
    cory.sign_in("cory")
    _begin_story(cory, f"What we measured, {scheme}")
    cory.page.get_by_label("The client’s name").fill("Jo Okafor")
    cory.page.get_by_label("Their e-mail address").fill(email)
    cory.page.get_by_label("What they are, without a name").fill("the owner of a dental practice")
    cory.page.get_by_role("button", name="Send this text to the client").click()
    _looks_right(cory, script)

    jo = someone(script=script, width=320, scheme=scheme)
    jo.goto(_link(live.letter(email, "for you to read")))
    _looks_right(jo, script)
    jo.page.get_by_role("button", name="I agree to these words").click()  # nothing was chosen yet
    expect(jo.page.get_by_text("Choose how you would like to be named").first).to_be_visible()
    _looks_right(jo, script)
    jo.page.get_by_label("With your first name").check()
    jo.page.get_by_label("In letters to members").press("Space")  # by keyboard
    jo.page.get_by_label("To members. Visitors").check()
    jo.page.get_by_role("button", name="I agree to these words").click()
    expect(jo.page.get_by_role("heading", name="Thank you")).to_be_visible()
    expect(jo.page.get_by_text("Told with the consent of Jo.")).to_be_visible()
    _looks_right(jo, script)

    jo.goto(_link(live.letter(email, "how to take it back")))
    _looks_right(jo, script)
    jo.page.get_by_text("Choose another name or other places").click()
    jo.page.get_by_label("Without any name").check()
    jo.page.get_by_role("button", name="Keep this choice").click()
    expect(jo.page.get_by_text("Details are changed so that nobody can be recognised.").first).to_be_visible()
    jo.page.get_by_text("Take my story back").click()
    jo.page.get_by_role("button", name="Yes, take it back").click()
    expect(jo.page.get_by_role("heading", name="Your story was taken back")).to_be_visible()
    _looks_right(jo, script)
    live.letter(email, "has been taken back")
    cory.goto("/desk/consents")
    expect(cory.page.get_by_text(f"What we measured, {scheme}")).to_have_count(0)
    expect(cory.page.get_by_text("Taken back by the client").first).to_be_visible()


def _begin_story(cory: Someone, title: str) -> None:
    """Written at the desk, and open on the page of its consent."""
    cory.goto("/desk/library/new/nugget")
    for label, words in (
        ("Title", title),
        ("Summary", "They asked the people who do the work."),
        ("The situation", "Nobody believed the numbers."),
        ("What they changed", "The people who do the work chose one."),
        ("What came of it", "They believe it."),
    ):
        cory.page.get_by_label(label, exact=True).fill(words)
    cory.page.get_by_role("button", name=re.compile("Save")).first.click()
    cory.page.get_by_role("link", name="Consent", exact=True).click()


def _link(letter: EmailMessage) -> str:
    body = letter.get_body(("plain",))
    found = re.search(r"https?://\S+/consent/\S+", body.get_content() if body else "")
    assert found, letter["Subject"]
    return found[0]


def _looks_right(who: Someone, script: bool) -> None:
    """What axe and the page's width say; without script neither can be asked."""
    if script:
        assert who.axe() + who.sideways() == []
