"""A post is flagged, hidden, appealed against and given back, by everybody with the keyboard alone."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from tests.browser.test_by_keyboard import go_to

TITLE = "How few people can carry a second place?"
WORDS = "The clinic on the hill does it with two."


def test_from_a_flag_to_a_ruling_to_an_appeal_that_a_second_person_grants(someone):
    alice, walt, grace, cory, mo, olga = (someone(width=width) for width in (390, 1280, 1280, 1280, 390, 1280))
    names = ("alice", "walt", "grace", "cory", "mo", "olga")
    for who, name in zip((alice, walt, grace, cory, mo, olga), names, strict=True):
        who.sign_in(name)

    alice.goto("/rooms/introductions/threads/new")
    _write(alice, "Title", TITLE)
    _write(alice, "What is it about?", WORDS)
    _press(alice, "Start the thread")
    expect(alice.page.get_by_role("heading", level=1)).to_have_text(TITLE)
    thread = alice.page.url

    # Two members flag it, each for a reason of their own.
    _flag(walt, thread, "It does not belong in this room")
    _flag(grace, thread, "A patient, client or employee could be recognised")

    # Before anybody has looked it is out of sight, and Alice reads that it waits.
    walt.goto(thread)
    expect(walt.page.get_by_text("Waits for a moderator.")).to_be_visible()
    expect(walt.page.get_by_text(WORDS)).to_have_count(0)
    waits = alice.live.letter("alice@example.com", "your post waits for a moderator").get_body(("plain",)).get_content()
    assert "Nothing is decided yet" in waits
    assert "Grace" not in waits

    # Cory opens the case from the queue, sees both flags, and hides it.
    cory.goto("/moderation?reason=off_topic")
    go_to(cory, TITLE)
    cory.page.keyboard.press("o")
    expect(cory.page.get_by_role("heading", name="One case")).to_be_visible()
    flags = cory.page.get_by_role("list", name="Flags")
    expect(flags).to_contain_text("A patient, client or employee could be recognised.")
    expect(flags).to_contain_text("It does not belong in this room.")
    _write(cory, "Your reason", "One can tell which clinic it is.")
    _press(cory, "Hide the post")
    expect(cory.page.locator("#flash")).to_contain_text("Hidden. Its author is told why.")
    walt.goto(thread)
    expect(walt.page.get_by_text(WORDS)).to_have_count(0)

    # Whoever flagged it hears what became of it, and not why.
    for who, name in ((walt, "walt"), (grace, "grace")):
        who.live.letter(f"{name}@example.com", "what became of what you flagged")
        who.goto("/notifications")
        entry = who.page.locator(".inbox__entry", has_text=TITLE).filter(has_text="looked at what you flagged in")
        expect(entry).to_contain_text("Members do not read it any more.")
        expect(entry).not_to_contain_text("One can tell")

    # Alice's letter says why and for which rule, and leads to the page on which she appeals.
    letter = alice.live.letter("alice@example.com", "your post was hidden").get_body(("plain",)).get_content()
    assert "One can tell which clinic it is." in letter
    assert "No patients, clients or employees that anyone could recognise" in letter
    alice.goto(re.search(r"http\S+/rulings/\d+", letter).group())
    assert alice.axe() == []
    assert alice.sideways() == []
    _write(alice, "Why should somebody look at it again?", "There are nine clinics on that hill.")
    _press(alice, "Send the appeal")
    expect(alice.page.get_by_text("It waits for somebody who did not take the decision")).to_be_visible()

    # Whoever ruled leaves it to somebody else, who takes the decision back.
    cory.goto("/moderation/appeals")
    expect(cory.page.locator(".case", has_text=TITLE)).to_contain_text("Waits for somebody else")
    assert cory.axe() == []
    mo.goto("/moderation/appeals")
    expect(mo.page.locator(".case", has_text=TITLE)).to_contain_text("There are nine clinics on that hill.")
    assert mo.axe() == []
    assert mo.sideways() == []
    _write(mo, "Your reason", "Nine clinics name none of them.")
    _press(mo, "Take the decision back")
    expect(mo.page.locator("#flash")).to_contain_text("The decision is taken back.")

    # Everybody reads it again; Alice is told, and the log shows who did what.
    walt.goto(thread)
    expect(walt.page.get_by_text(WORDS)).to_be_visible()
    granted = alice.live.letter("alice@example.com", "your appeal was granted").get_body(("plain",)).get_content()
    assert "Nine clinics name none of them." in granted
    alice.page.reload()
    expect(alice.page.get_by_text("The decision was taken back")).to_be_visible()
    olga.goto("/moderation/log")
    for line, by in (
        ("Took a decision back after an appeal", "Mo"),
        ("Restored a post", "Mo"),
        ("Hid a post", "Cory"),
    ):
        expect(olga.page.get_by_role("row", name=re.compile(f"^{line}")).first).to_contain_text(by)


def _flag(who, thread: str, reason: str) -> None:
    """With j to the post, to its flag, and with the arrow to the reason."""
    who.goto(thread)
    who.page.keyboard.press("j")
    expect(who.page.locator(".post:focus-within")).to_be_visible()  # the keys come with the first press
    _press(who, "Flag")
    choices = who.page.get_by_role("radio")
    go_to(who, choices.first.locator("xpath=..").inner_text())
    who.page.keyboard.press("Space")
    for _ in range(choices.count()):
        if who.page.get_by_role("radio", name=reason).is_checked():
            break
        who.page.keyboard.press("ArrowDown")
    _press(who, "Send the flag")
    expect(who.page.locator("#flash")).to_contain_text("Thank you.")


def _write(who, label: str, words: str) -> None:
    go_to(who, label)
    who.page.keyboard.type(words)


def _press(who, words: str) -> None:
    go_to(who, words)
    who.page.keyboard.press("Enter")
