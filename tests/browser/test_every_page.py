"""Every page, as each kind of person who may open it: nothing axe minds, nothing sticks out, no complaint."""

from __future__ import annotations

from typing import Any

import pytest

from tests.browser.conftest import Someone

VISITOR = [
    "/",
    "/join",
    "/join?plan=monthly",
    "/sign-in",
    "/sign-in/link/used-up",
    "/password/forgot",
    "/library",
    "/library?kind=tool&topic=role-clarity",
    "/library?q=seat",
    "/library/role-card",
    "/library/the-best-hands-and-the-empty-chair",
    "/library?problem=A+star+clinician+was+promoted.+Now+what%3F",
    "/problems",
    "/paths",
    "/paths/after-the-promotion",
    "/topics/role-clarity",
    "/episodes",
    "/library/ten-past-seven-room-one",
    "/nuggets",
    "/nuggets?specialty=law",
    "/library/the-half-hour-before-the-doors",
    "/consent/yours/used-up",
    "/about",
    "/rules",
    "/privacy",
    "/terms",
    "/search",
    "/search?q=seat",
    "/no-such-page",
    "/outbox",
]
ALICE = [
    "/account/feed",
    "/",
    "/episodes",
    "/library/ten-past-seven-room-one?t=77",
    "/library/ten-past-seven-room-one?find=preference",
    "/library/ten-past-seven-room-one/player",
    "/library",
    "/library/role-card",
    "/library/the-best-hands-and-the-empty-chair",
    "/library/the-seat-with-four-masters",
    "/library/seat-map/thread",
    "/library/role-card/print",
    "/topics/role-clarity",
    "/problems",
    "/paths",
    "/paths/after-the-promotion",
    "/account/saved",
    "/account/downloads",
    "/nuggets?like=mine",
    "/rooms",
    "/rooms/owners-table",
    "/rooms/owners-table/threads/new",
    "/threads/1",
    "/posts/2/flag",
    "/threads/2/flag",
    "/members/cory/flag",
    "/library/the-seat-with-four-masters/flag",
    "/posts/1/history",
    "/search?q=seat&in=rooms&unanswered=1",
    "/search?q=seat",
    "/search?q=zzzz",
    "/account",
    "/account/profile",
    "/account/security",
    "/account/two-step",
    "/account/email",
    "/account/data",
    "/account/data/deletion",
    "/account/mail",
    "/notifications",
    "/account/posts",
    "/account/billing",
    "/account/billing/invoices",
    "/account/billing/plan",
    "/account/billing/cancellation",
    "/members",
    "/members?role=owner&specialty=dental",
    "/members?q=zzzz",
    "/members/cory",
    "/members/cory/following",
    "/rooms?undo=2026-05-12T18:00:00%2B00:00",
    "/members/carl",
    "/rules/summary",
    "/desk",
    "/desk/library/paths",
    "/desk/library/paths/1",
]
SAM = [
    "/",
    "/join",
    "/join/annual",
    "/library/role-card",
    "/library/two-ladders-one-roof",
    "/rooms",
    "/account",
    "/account/billing",
]
OLGA = [
    "/desk",
    "/desk/unanswered",
    "/desk/consents",
    "/desk/consents/ledger",
    "/desk/consents/21",
    "/desk/library/feeds",
    "/desk/library/import",
    "/desk/people",
    "/desk/rooms",
    "/desk/rules",
    "/desk/rooms/new",
    "/desk/rooms/owners-table",
    "/desk/threads/1",
    "/desk/seeing-as",
    "/desk/health",
    "/desk/billing",
    "/desk/billing/failing",
    "/desk/billing/ending",
    "/desk/billing/left",
    "/desk/billing/paying",
    "/desk/billing/grants",
    "/desk/billing/grants/new?q=a",
    "/desk/billing/grants/1/end",
    "/desk/billing/events",
    "/desk/billing/events?show=ignored",
    "/desk/billing/events?show=latest",
    "/desk/billing/comparison",
    "/desk/members",
    "/desk/members?state=grace",
    "/desk/members/alice",
    "/desk/members/sam",
    "/desk/members/sam/grants/new",
    "/desk/components",
    "/desk/library",
    "/desk/library?state=published&kind=tool&q=card",
    "/desk/library/searches",
    "/desk/library/new/tool",
    "/desk/library/new/nugget",
    "/desk/library/new/episode",
    "/desk/library/1",
    "/desk/library/1/files",
    "/desk/library/1/release",
    "/desk/library/1/history",
    "/moderation",
    "/moderation/appeals",
    "/moderation?kind=post&late=1&whose=nobody",
    "/moderation?whose=mine",
    "/moderation/cases/post/2",
    "/moderation/cases/member/3",
    "/posts/2/removal-for-good",
    "/posts/2/editing-out",
    "/threads/1/moving",
    "/moderation/members/bob",
    "/moderation/replies",
    "/moderation/words",
    "/moderation/log",
    "/threads/1",
    "/",
]
WHO = {"": VISITOR, "alice": ALICE, "sam": SAM, "olga": OLGA}
EVERYBODY = pytest.mark.parametrize("who", list(WHO), ids=[w or "visitor" for w in WHO])


@EVERYBODY
def test_wide_pages_are_accessible_and_fit_in_light_and_in_dark(someone, who: str):
    person = _at_a_browser(someone, who, width=1280)
    found = {}
    for path in WHO[who]:
        person.goto(path)
        found.update(_problems(person, path))
    assert found == {}


@EVERYBODY
def test_pages_at_320_px_are_accessible_fit_and_say_the_same_without_script(someone, who: str):
    person = _at_a_browser(someone, who, width=320)
    without = _at_a_browser(someone, who, width=320, script=False)
    found = {}
    for path in WHO[who]:
        person.goto(path)
        found.update(_problems(person, path))
        without.goto(path)
        if _heading(without) != _heading(person):
            found[path, "without script"] = [_heading(without)]
    assert found == {}


def _at_a_browser(someone, who: str, **how: Any) -> Someone:
    person: Someone = someone(**how)
    if who:
        person.sign_in(who)
    return person


def _problems(person: Someone, path: str) -> dict[tuple[str, str], list[str]]:
    """Of an open page, in both colours: what differs between them the style sheet chooses."""
    found = {}
    for scheme in ("light", "dark"):
        # Colours change at once where motion is reduced; axe would find those in between.
        person.page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        if problems := person.axe() + [f"sticks out: {e}" for e in person.sideways()]:
            found[path, scheme] = problems
    return found


def _heading(person: Someone) -> str:
    return person.page.get_by_role("heading", level=1).inner_text()


def test_a_page_costs_few_requests_and_little_weight(someone, live):
    """First view: at most eight requests and 100 kB on the wire, fonts included (ux.md 1). Photos weigh like the rest,
    but are counted apart: as many as there are people on the page, lazily, and kept by the browser from then on."""
    for who, paths in {"": ["/", "/library", "/join"], "alice": ["/threads/1", "/library/role-card", "/rooms"]}.items():
        for path in paths:
            person = someone()
            if who:
                person.sign_in(who)
            page = person.context.new_page()  # its own, so that nothing of the page before is counted
            session = person.context.new_cdp_session(page)
            session.send("Network.enable")
            session.send("Network.setCacheDisabled", {"cacheDisabled": True})
            asked: list[str] = []
            sizes: list[float] = []
            session.on("Network.requestWillBeSent", lambda event, asked=asked: asked.append(event["request"]["url"]))
            session.on("Network.loadingFinished", lambda event, sizes=sizes: sizes.append(event["encodedDataLength"]))
            page.goto(live.url + path, wait_until="networkidle")
            photos = [url for url in asked if "/photos/" in url]
            assert len(asked) - len(photos) <= 8, path
            assert len(photos) == len(set(photos)) <= page.locator(".avatar").count(), path
            assert sum(sizes) <= 100_000, path
