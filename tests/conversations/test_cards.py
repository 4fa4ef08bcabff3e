"""A link to something of ours, alone on its line, says what it leads to: to each reader what they may know of it."""

from __future__ import annotations

import re

import pytest

from portal.conversations.models import RoomKind
from portal.core.db import transaction
from portal.library import publishing
from portal.moderation import ruling
from tests.make import again

SECRET = "Zinnia is the title"


def cards(page: str) -> list[str]:
    """The words of each card, in their order."""
    return [
        " ".join(re.sub("<[^>]+>", " ", card).split()) for card in re.findall(r'<p class="own-card">(.*?)</p>', page)
    ]


@pytest.fixture
def said(browse, people, make):
    """`said(words)`: a thread of Bob's with them, in a room that anyone may read; `said(words)(who)` the page."""

    def say(words):
        thread = make.thread(by=people.bob, room=make.room(kind=RoomKind.PUBLIC), body=words)
        return lambda who=people.alice: browse(who).get(f"/threads/{thread.id}").text

    return say


@pytest.mark.parametrize("link", ["{url}{path}", "<{url}{path}>", "[here]({path})", "{url}{path}?version=1#top"])
def test_a_link_alone_on_its_line_becomes_a_card_with_kind_title_and_access(app, people, make, said, link):
    tool = make.tool("Role card & seats")
    link = link.format(url=app.config["PUBLIC_URL"], path=f"/library/{tool.slug}")
    page = said(f"Look at this:\n\n{link}\n\nIt helped.")
    assert cards(page(people.alice)) == ["Tool Role card &amp; seats Yours to open"]
    assert cards(page(None)) == ["Tool Role card &amp; seats For members"]
    assert "It helped." in page()


@pytest.mark.parametrize(
    "words",
    [
        "See {url}{path} for more.",
        "[here](https://evil.example{path})",
        "[here]({url}.evil.example{path})",
        "`{url}{path}`",
        "{url}/account/data",
        "{url}{path}/file",
        "[x](/library/..%2f..%2fdesk)",
    ],
)
def test_what_stands_among_words_or_leads_elsewhere_stays_a_link(app, make, said, words):
    tool = make.tool()
    page = said(words.format(url=app.config["PUBLIC_URL"], path=f"/library/{tool.slug}"))()
    assert cards(page) == []
    assert tool.title not in page[page.index('class="post__body') : page.index('class="post__actions')]


@pytest.mark.parametrize("kind", [RoomKind.MEMBERS, RoomKind.CIRCLE, RoomKind.COACHES])
def test_of_a_thread_only_those_are_told_who_see_it(browse, people, make, said, kind):
    room = make.circle(people.alice) if kind is RoomKind.CIRCLE else make.room(kind=kind)
    thread = make.thread(by=people.cory, room=room, title=SECRET)
    reply = make.reply(thread, by=people.cory)
    page = said(f"[one](/threads/{thread.id})\n\n[two](/posts/{reply.id})")
    sees = {
        RoomKind.MEMBERS: {"alice", "bob", "mo", "cory"},
        RoomKind.CIRCLE: {"alice", "mo", "cory"},
        RoomKind.COACHES: {"cory"},
    }
    for name in ("visitor", "sam", "lena", "alice", "bob", "mo", "cory"):
        told = [f"Thread {SECRET}", f"Post {SECRET}"] if name in sees[kind] else []
        shown = page(None if name == "visitor" else getattr(people, name))
        assert cards(shown) == told, name
        assert (SECRET in shown) == bool(told), name


def test_what_is_hidden_or_withdrawn_later_is_told_to_nobody_also_not_by_a_page_the_browser_kept(
    app, browse, people, make
):
    tool, other = make.tool(SECRET), make.thread(by=people.cory, title=SECRET)
    thread = make.thread(by=people.bob, body=f"[one](/threads/{other.id})\n\n[two](/library/{tool.slug})")
    alice = browse(people.alice)
    answer = alice.get(f"/threads/{thread.id}")
    assert len(cards(answer.text)) == 2
    assert "ETag" not in answer.headers
    with app.app_context(), transaction():
        ruling.hide_thread(again(other), because="It names a patient.", by=again(people.mo))
        publishing.withdraw(again(tool), because="Old.", by=again(people.cory))
    assert SECRET not in alice.get(f"/threads/{thread.id}").text


def test_a_title_is_words_and_runs_nothing(people, make, said):
    thread = make.thread(by=people.cory, title="<script>alert(1)</script>")
    page = said(f"[x](/threads/{thread.id})")()
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)" in cards(page)[0]


def test_many_cards_cost_what_one_costs_and_none_cost_nothing(browse, people, make, count_queries):
    others = [make.thread(by=people.cory) for _ in range(6)]
    bodies = ["None.", f"[x](/threads/{others[0].id})", "\n\n".join(f"[x](/threads/{each.id})" for each in others)]
    alice, asked = browse(people.alice), []
    for body in bodies:
        thread = make.thread(by=people.bob, body=body)
        with count_queries() as seen:
            page = alice.get(f"/threads/{thread.id}").text
        asked.append((len(cards(page)), len(seen)))
    assert [count for count, _ in asked] == [0, 1, 6]
    assert asked[1][1] == asked[2][1] <= asked[0][1] + 2
