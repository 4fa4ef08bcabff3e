"""Two members and a coach talk at once: a mention is told and answered, words are taken back, drafts survive."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from playwright.sync_api import expect

from portal.seeds.people import PASSWORD


def _begin(who, title: str) -> str:
    who.goto("/rooms/introductions/threads/new")
    who.page.get_by_label("Title").fill(title)
    who.page.locator("textarea[name=body]").fill("Say hello below.")
    who.page.get_by_role("button", name="Start the thread").click()
    expect(who.page.get_by_role("heading", level=1)).to_have_text(title)
    return who.page.url


def test_a_mention_leads_to_a_letter_an_answer_and_right_counts_on_both_sides(someone):
    alice, cory, walt = someone(), someone(width=390), someone()
    for who, name in ((alice, "alice"), (cory, "cory"), (walt, "walt")):
        who.sign_in(name)
    thread = _begin(alice, "Who asks the coach?")

    # She types part of his name, and takes him with the keyboard.
    field = alice.page.locator("#reply textarea")
    field.press_sequentially("Would you, @cor")
    option = alice.page.get_by_role("option", name="Cory Whitfield")
    expect(option).to_be_visible()
    assert alice.axe() == []
    field.press("Enter")
    expect(field).to_have_value("Would you, @cory ")
    field.press_sequentially("say more?")
    alice.page.get_by_role("button", name="Post the reply").click()
    expect(alice.page.get_by_role("link", name="@cory")).to_be_visible()

    # He has a letter and a line in his inbox, which leads to her very words.
    letter = cory.live.letter("cory@example.com", "speaks to you in “Who asks the coach?”")
    assert "say more?" in letter.get_body(("plain",)).get_content()
    cory.goto("/notifications")
    cory.page.evaluate("dispatchEvent(new Event('focus'))")  # he comes back: what he asked for is younger than 20 s
    beside_the_bell = cory.page.locator("[data-unread-inbox]")
    expect(beside_the_bell).to_be_visible()
    assert beside_the_bell.bounding_box()["width"] < 24, "on a phone it lay over his photo"
    cory.page.get_by_role("button", name="mentioned you in “Who asks the coach?”").click()
    expect(cory.page.locator(".post", has_text="say more?")).to_be_in_viewport()
    cory.page.locator(".post", has_text="say more?").get_by_role("link", name="Quote").click()
    reply = cory.page.locator("#reply textarea")
    number = cory.page.locator(".post", has_text="say more?").get_attribute("id").removeprefix("post-")
    quoted = f"> [Alice Okafor wrote](/posts/{number}):\n>\n> Would you, @cory say more?\n\n"
    expect(reply).to_have_value(quoted)
    reply.press_sequentially("I would.")
    cory.page.get_by_role("button", name="Post the reply").click()
    expect(cory.page.locator(".post blockquote")).to_contain_text("Alice Okafor wrote")

    # On her side one reply is new; on Walt's, who only looks, nothing waits for him.
    alice.goto("/")
    expect(alice.page.locator("section", has_text="Waiting for you").first).to_contain_text("1 new reply to you")
    walt.goto("/")
    expect(walt.page.locator("section", has_text="Waiting for you").first).not_to_contain_text("Who asks the coach?")
    alice.goto(thread)
    expect(alice.page.locator(".post", has_text="I would.")).to_be_visible()

    # Cory takes it back; a line stays; he thinks again.
    cory.page.locator(".post", has_text="I would.").get_by_text("Delete", exact=True).click()
    cory.page.get_by_role("button", name="Delete the post").click()
    expect(cory.page.get_by_text("You took this back.")).to_be_visible()
    assert cory.axe() == []
    assert cory.sideways() == []
    alice.goto(thread)
    expect(alice.page.get_by_text("Taken back by its author.")).to_be_visible()
    cory.page.get_by_role("button", name="Undo").click()
    expect(cory.page.locator(".post", has_text="I would.")).to_be_visible()


def test_words_survive_a_closed_tab_and_a_session_that_ended(someone):
    alice = someone()
    alice.sign_in("alice")
    thread = _begin(alice, "What was I saying?")
    alice.page.locator("#reply textarea").fill("Half a thought")
    expect(alice.page.locator("#reply [data-save-state]")).to_contain_text("Saved")
    alice.page.close()
    alice.page = alice.context.new_page()
    alice.goto(thread)
    expect(alice.page.locator("#reply textarea")).to_have_value("Half a thought")

    alice.page.locator("#reply textarea").fill("Half a thought, and the rest of it")
    alice.context.clear_cookies()
    alice.page.get_by_role("button", name="Post the reply").click()
    alice.page.wait_for_url("**/sign-in**")
    alice.page.get_by_label("E-mail").fill("alice@example.com")
    alice.page.locator("input[name=password]").fill(PASSWORD)
    alice.page.get_by_role("button", name="Sign in").click()
    expect(alice.page.locator("#reply textarea")).to_have_value("Half a thought, and the rest of it")


def test_without_script_alice_mentions_quotes_takes_back_and_undoes(someone):
    alice = someone(script=False, width=320)
    alice.sign_in("alice")
    _begin(alice, "Without any script")
    alice.page.get_by_role("link", name="Quote").click()
    field = alice.page.locator("#reply textarea")
    assert "[Alice Okafor wrote](/posts/" in field.input_value()
    field.fill(field.input_value() + "And @cory?")
    alice.page.get_by_role("button", name="Post the reply").click()
    expect(alice.page.get_by_role("link", name="@cory")).to_be_visible()
    answer = alice.page.locator(".post").nth(1)
    answer.get_by_role("link", name="Edit").click()
    alice.page.locator("textarea[name=body]").fill("And what do you say, @cory?")
    alice.page.get_by_role("button", name="Save the post").click()
    assert re.search(r"edited \d", answer.locator(".post__when").last.inner_text()), (
        "the word and the time ran together"
    )
    answer.get_by_text("Delete", exact=True).click()
    answer.get_by_role("button", name="Delete the post").click()
    alice.page.get_by_role("button", name="Undo").click()
    expect(alice.page.get_by_role("link", name="@cory")).to_be_visible()
    assert alice.sideways() == []


def test_by_keys_alone_cory_goes_through_a_thread_answers_and_goes_up_again(someone):
    cory = someone()
    cory.sign_in("cory")
    cory.goto("/rooms/introductions")
    keys, page = cory.page.keyboard, cory.page
    keys.press("j")
    expect(page.locator(".item").first.get_by_role("link").first).to_be_focused()
    keys.press("j")
    keys.press("k")
    expect(page.locator(".item").first.get_by_role("link").first).to_be_focused()
    keys.press("Enter")
    page.wait_for_url("**/threads/**")
    keys.press("j")
    expect(page.locator(".post").first).to_be_focused()
    keys.press("?")
    listed = page.get_by_role("dialog", name="Keys")
    expect(listed).to_contain_text("Up: from a thread to its room")
    assert cory.axe() == []
    keys.press("Escape")
    expect(listed).to_have_count(0)
    keys.press("r")
    field = page.locator("#reply textarea")
    expect(field).to_be_focused()
    keys.type("just a word?")
    expect(field).to_have_value("just a word?")  # in a field, a key is a letter
    page.evaluate("document.activeElement.blur()")
    keys.press("u")
    page.wait_for_url("**/rooms/introductions")
    keys.press("?")
    page.get_by_role("button", name="Switch them off").click()
    page.reload()
    for key in "u/?":
        keys.press(key)
    expect(page.get_by_role("dialog")).to_have_count(0)
    keys.press("Control+k")  # held keys go on working, and lead to the list as well
    page.get_by_role("button", name="All keys").click()
    expect(listed.get_by_role("button", name="Switch them on")).to_be_visible()
    keys.press("Escape")
    assert page.url.endswith("/rooms/introductions")


def test_words_are_with_us_two_seconds_after_the_last_key(someone):
    alice = someone()
    alice.sign_in("alice")
    alice.page.clock.install()
    _begin(alice, "Is it kept already?")
    field = alice.page.locator("#reply textarea")
    field.press_sequentially("Half ")
    said = alice.page.locator("#reply [data-save-state]")
    expect(said).to_contain_text("Saved")  # the script is there
    alice.page.clock.pause_at(datetime.now(UTC) + timedelta(minutes=1))
    with alice.page.expect_request(lambda sent: sent.url.endswith("/draft")) as saving:
        field.press_sequentially("a thought")
        alice.page.clock.run_for(2_000)
    assert "Half+a+thought" in (saving.value.post_data or "")
    full = {"message": "You have 200 texts here."}  # as test_drafts.py has the portal answer
    alice.page.route("**/draft", lambda route: route.fulfill(status=422, json=full))
    field.press_sequentially(" more")
    alice.page.clock.resume()  # the answer to the first may still be on its way: then it is sent a while after that
    expect(said).to_have_text(full["message"])


def test_an_open_page_asks_ever_less_often_and_never_while_nobody_looks_at_it(someone):
    alice = someone()
    alice.sign_in("alice")
    page, talk, asked = alice.page, alice.page.locator("live-thread"), []
    page.clock.install()
    _begin(alice, "Is it quiet?")
    page.on("request", lambda sent: asked.append(sent) if _looks(sent) or sent.url.endswith("/unread") else None)
    page.clock.pause_at(datetime.now(UTC) + timedelta(minutes=1))
    expect(talk).to_have_js_property("pause", 20_000)  # it has asked once, and nothing was new
    _turn(page, "hidden")
    asked.clear()
    page.clock.run_for(3_600_000)
    assert asked == []

    _turn(page, "visible")
    for pause in (40_000, 80_000, 120_000):
        expect(talk).to_have_js_property("pause", pause)
        asked.clear()
        page.clock.run_for(pause - 1_000)
        assert [sent for sent in asked if _looks(sent)] == []
        with page.expect_request(_looks):
            page.clock.run_for(2_000)


def _looks(sent) -> bool:
    return "portal-look" in sent.headers


def _turn(page, state: str) -> None:
    """The window is put behind others, or comes back to the front."""
    page.evaluate(
        "state => { Object.defineProperty(document, 'visibilityState', { value: state, configurable: true });"
        " Object.defineProperty(document, 'hidden', { value: state === 'hidden', configurable: true });"
        " document.dispatchEvent(new Event('visibilitychange')); }",
        state,
    )


def test_what_others_say_meanwhile_comes_by_itself_and_leaves_alone_what_is_typed(someone):
    alice, cory = someone(), someone()
    alice.sign_in("alice")
    cory.sign_in("cory")
    thread = _begin(alice, "Is anybody there?")
    alice.page.locator("#reply textarea").fill("I go on typing")
    cory.goto(thread)
    cory.page.locator("#reply textarea").fill("Here I am.")
    cory.page.get_by_role("button", name="Post the reply").click()
    expect(cory.page.locator(".post", has_text="Here I am.")).to_be_visible()

    alice.page.wait_for_timeout(1100)  # a page asks once a second at most
    alice.page.evaluate("window.dispatchEvent(new Event('focus'))")
    expect(alice.page.locator(".post", has_text="Here I am.")).to_be_visible()
    expect(alice.page.get_by_text("A new reply has come above.")).to_be_visible()
    expect(alice.page.locator("#reply textarea")).to_have_value("I go on typing")
    assert alice.axe() == []

    cory.page.locator(".post", has_text="Here I am.").get_by_text("Delete", exact=True).click()
    cory.page.get_by_role("button", name="Delete the post").click()
    expect(cory.page.get_by_text("You took this back.")).to_be_visible()
    alice.page.wait_for_timeout(1100)
    alice.page.evaluate("window.dispatchEvent(new Event('focus'))")
    expect(alice.page.get_by_text("Taken back by its author.")).to_be_visible()
    expect(alice.page.locator("#reply textarea")).to_have_value("I go on typing")
