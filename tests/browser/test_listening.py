"""Episodes are heard: with real sound, from page to page and from device to device, by keyboard, and on paper."""

from __future__ import annotations

import time

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Someone

ROOM_ONE = "/library/ten-past-seven-room-one"  # 2:35, with a guest
A_SEAT = "/library/what-a-seat-is-for"
KIND = "/library/kind-and-clear-in-the-same-half-hour"


def second(who: Someone) -> float:
    return float(who._evaluate("document.querySelector('audio').currentTime"))


def is_playing(who: Someone) -> bool:
    return not who._evaluate("document.querySelector('audio').paused")


def hear_until(who: Someone, at: float) -> None:
    """Wait as a listener does, until this second was reached."""
    expect(who.page.locator("listen-player[playing]")).to_have_count(1)
    for _ in range(800):
        if second(who) >= at:
            return
        time.sleep(0.05)
    raise AssertionError(f"still at {second(who)}, and not at {at}")


def play(who: Someone) -> None:
    who.page.get_by_role("button", name="Play", exact=True).click()
    hear_until(who, second(who) + 0.3)


def pause(who: Someone) -> float:
    """Stop, and wait until the server knows."""
    with who.page.expect_event(
        "requestfinished", lambda sent: sent.url.endswith("/position") and sent.method == "POST"
    ):
        who.page.get_by_role("button", name="Pause", exact=True).click()
    assert not is_playing(who)
    return second(who)


def test_alice_listens_reads_along_and_goes_on_from_page_to_page_and_from_device_to_device(someone):
    desk = someone()
    desk.sign_in("alice")
    desk.goto(ROOM_ONE)
    expect(desk.page.locator("audio[controls]")).to_have_count(0)
    play(desk)
    desk.page.get_by_role("button", name="On 30 seconds").click()
    hear_until(desk, 30)
    desk.page.get_by_role("button", name="Back 15 seconds").click()
    assert 14 < second(desk) < 30
    desk.page.get_by_label("Speed").select_option("1.5")

    # A line of the transcript, the words after it, and a chapter
    desk.page.get_by_role("link", name="Listen from 0:01:32").click()
    expect(desk.page.locator(".transcript [aria-current]")).to_contain_text("reach them by noon")
    expect(desk.page.locator("[data-spoken]")).to_contain_text("The technicians asked")
    assert desk.page.url.endswith(ROOM_ONE)
    desk.page.get_by_text("So every Monday someone was wrong.").click()
    expect(desk.page.locator("[data-spoken]")).to_contain_text("So every Monday")
    desk.page.get_by_role("link", name="Three promises").click()
    hear_until(desk, 77)
    expect(desk.page.locator(".chapters [aria-current]")).to_contain_text("Three promises")

    # Words are found without the sound stopping, and the step is ticked
    desk.page.get_by_role("searchbox", name="Search in the transcript").fill("preference card")
    expect(desk.page.locator("[data-found]")).to_contain_text("2 places: “preference card”.")
    expect(desk.page.locator(".transcript li:visible")).to_have_count(2)
    desk.page.get_by_role("link", name="Show all of it").click()
    expect(desk.page.locator(".transcript li[hidden]")).to_have_count(0)
    desk.page.get_by_role("button", name="I have done it").click()
    expect(desk.page.locator("#step-done")).to_contain_text("You did it")
    assert is_playing(desk)
    assert desk.axe() == []

    # The next page offers to go on
    before = second(desk)
    desk.goto("/rooms")
    bar = desk.page.get_by_label("Keep listening")
    expect(bar).to_contain_text("Ten past seven, room one")
    assert before - 1 <= second(desk) <= before + 20  # it played until the page was left
    assert not is_playing(desk)
    assert desk.axe() == []
    play(desk)
    stopped = pause(desk)
    assert before - 1 <= stopped

    # The telephone goes on there, at the speed that is its own; the desk follows when it is looked at again
    telephone = someone(width=390)
    telephone.sign_in("alice")
    telephone.goto("/episodes")
    telephone.page.get_by_role("link", name="Go on at").click()
    assert abs(second(telephone) - stopped) < 2
    expect(telephone.page.get_by_label("Speed")).to_have_value("1")
    telephone.page.get_by_role("link", name="Ten minutes for you").click()
    hear_until(telephone, 129.5)
    further = pause(telephone)
    desk._evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(bar.locator("[data-now]")).to_have_text(telephone.page.locator("[data-now]").inner_text())

    # What was left open does not move her back, and what is dismissed does not come again
    bar.get_by_role("button", name="Not now").click()
    expect(bar).to_have_count(0)
    desk.goto("/library")
    desk.goto(ROOM_ONE)
    assert abs(second(desk) - further) < 2
    expect(desk.page.get_by_label("Speed")).to_have_value("1.5")
    assert desk._evaluate("navigator.mediaSession.metadata") is None
    play(desk)
    assert desk._evaluate("navigator.mediaSession.metadata.title") == "Ten past seven, room one"

    # To its end
    desk._evaluate("document.querySelector('listen-player').goTo(154)")
    expect(desk.page.locator("[role=status]", has_text="heard it to the end")).to_have_count(1)
    desk.goto("/episodes")
    expect(desk.page.locator(".item", has_text="Ten past seven")).to_contain_text("Heard")


def test_a_small_window_plays_on_while_priya_reads_and_only_one_sound_is_heard(someone):
    priya = someone()
    priya.sign_in("priya")
    priya.goto(A_SEAT)
    play(priya)
    with priya.page.expect_popup() as opened:
        priya.page.get_by_role("link", name="Small window").click()
    window = Someone(priya.context, opened.value, priya.live)
    try:  # it begins by itself where the browser lets it
        expect(window.page.locator("listen-player[playing]")).to_have_count(1, timeout=5_000)
    except AssertionError:
        play(window)
    hear_until(window, 0.5)
    assert not is_playing(priya)
    assert window.axe() == []
    assert window.sideways() == []
    priya.goto("/rooms")
    priya.goto("/library")
    expect(priya.page.get_by_label("Keep listening")).to_have_count(0)
    assert is_playing(window)
    priya.goto(KIND)
    play(priya)
    expect(window.page.locator("listen-player[playing]")).to_have_count(0)


def test_keys_play_and_skip_until_they_are_switched_off_and_never_while_somebody_writes(someone):
    henry = someone(width=320)
    henry.sign_in("henry")
    henry.goto(KIND)
    keyboard = henry.page.keyboard
    line = henry.page.get_by_role("slider", name="Place in the episode")
    expect(line).to_be_visible()  # the player is there; before that a key is nobody's
    keyboard.press("k")
    hear_until(henry, 0.5)
    keyboard.press("l")
    hear_until(henry, 30)
    keyboard.press("j")
    assert second(henry) < 30
    henry.page.get_by_role("searchbox", name="Search in the transcript").focus()
    keyboard.type("klj")
    assert is_playing(henry)
    assert second(henry) < 30
    line.focus()
    keyboard.press("End")
    expect(line).to_have_attribute("aria-valuetext", "0:02:56 of 0:02:56")
    keyboard.press("Home")
    henry.page.get_by_text("Keys", exact=True).click()
    henry.page.get_by_label("These single keys do something").uncheck()
    keyboard.press("k")
    assert is_playing(henry)
    henry.page.reload()
    expect(line).to_be_visible()
    keyboard.press("k")
    assert not is_playing(henry)
    assert henry.sideways() == []


@pytest.mark.parametrize("width", [320, 1280])
def test_without_script_the_browsers_own_player_and_plain_links_do_it(someone, width: int):
    ruth = someone(script=False, width=width)
    ruth.sign_in("ruth")
    ruth.goto(A_SEAT)
    expect(ruth.page.locator("audio[controls]")).to_have_count(1)
    for needs_script in ("Play", "Small window", "Keys"):
        expect(ruth.page.get_by_text(needs_script, exact=True)).to_be_hidden()
    ruth.page.get_by_role("link", name="One sentence").click()
    assert ruth.page.url.endswith("?t=54#listen")
    expect(ruth.page.locator("audio source")).to_have_attribute("src", f"{A_SEAT}/audio#t=54")
    ruth.page.get_by_role("link", name="Listen from 0:00:19").click()
    expect(ruth.page.locator(".transcript [aria-current]")).to_contain_text("A veterinary hospital")
    expect(ruth.page.locator(".transcript [aria-current]")).to_be_in_viewport()
    ruth.page.get_by_role("searchbox", name="Search in the transcript").fill("referral")
    ruth.page.get_by_role("searchbox", name="Search in the transcript").press("Enter")
    expect(ruth.page.locator("[data-found]")).to_contain_text("2 places: “referral”.")
    expect(ruth.page.locator(".transcript li")).to_have_count(2)
    ruth.goto(f"{A_SEAT}?t=90")  # as a search hit or a colleague gives it
    expect(ruth.page.locator(".transcript [aria-current]")).to_be_in_viewport()
    ruth.page.get_by_role("button", name="I have done it").click()
    expect(ruth.page.locator("#step-done")).to_contain_text("You did it")
    ruth.page.get_by_role("button", name="Take the tick back").click()
    expect(ruth.page.get_by_role("button", name="I have done it")).to_be_visible()
    assert ruth.sideways() == []


def test_on_paper_there_are_the_words_and_nothing_to_press(someone):
    mei = someone()
    mei.sign_in("mei")
    mei.goto(ROOM_ONE)
    mei.page.emulate_media(media="print")
    expect(mei.page.get_by_text("So every Monday someone was wrong.")).to_be_visible()
    for pressed in (".player", ".search-box", ".after__tick", ".masthead", "#step-done"):
        for each in mei.page.locator(pressed).all():
            expect(each).to_be_hidden()
