"""From how many networks a feed is fetched: enough to notice that it was passed on, too little to follow anybody."""

from __future__ import annotations

import re
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from sqlalchemy import select

from portal.core.clock import now
from portal.core.db import db
from portal.core.jobs import Job
from portal.library import feed_visits, feeds
from portal.library.feed_models import Feed, FeedVisit
from tests.make import again

PODCAST_APP = {"User-Agent": "Overcast/3.0 (+http://overcast.fm/; iOS podcast app)"}


@pytest.fixture
def path(app, people, browse) -> str:
    """Alice's feed."""
    page = browse(people.alice)
    page.post("/account/feed")
    shown = re.search(r'id="feed-url" readonly value="([^"]+)"', page.get("/account/feed").text)
    return urlsplit(shown[1]).path


@pytest.fixture
def fetch(app):
    """`fetch(path, "203.0.113.7")`: an app asks from that address."""

    def do(path: str, address: str = "203.0.113.7", **headers: str):
        phone = app.test_client(use_cookies=False)
        return phone.get(path, headers=PODCAST_APP | headers, environ_base={"REMOTE_ADDR": address})

    return do


def networks(count: int) -> list[str]:
    return [f"198.51.{n}.9" for n in range(count)]


def visits(app) -> list[FeedVisit]:
    with app.app_context():
        return list(db.session.scalars(select(FeedVisit)))


def test_one_network_counts_once_a_day_however_often_and_with_whatever_address(app, path, fetch):
    for address in ("203.0.113.7", "203.0.113.200", "203.0.113.7", "::ffff:203.0.113.9"):
        fetch(path, address)
    for address in ("2001:db8:1:1::1", "2001:db8:1:ffff::2"):
        fetch(path, address)
    assert len(visits(app)) == 2


def test_nothing_kept_names_a_network_or_joins_one_day_to_the_next(app, path, fetch, clock):
    fetch(path)
    clock.shift(timedelta(days=1))
    fetch(path)
    first, second = (visit.network for visit in visits(app))
    assert first != second
    assert re.fullmatch(r"[0-9a-f]{32}", first)


def test_alice_reads_when_and_by_which_app_her_feed_was_fetched_and_nothing_that_was_sent(
    app, people, browse, path, fetch
):
    assert "No app has fetched it yet" in browse(people.alice).get("/account/feed").text
    fetch(path, **{"User-Agent": "AntennaPod/3.4 <script>alert(1)</script>"})
    page = browse(people.alice).get("/account/feed").text
    assert "by AntennaPod." in page
    assert "alert(1)" not in page


def test_a_fetch_that_tells_nothing_new_writes_nothing(app, path, fetch, count_queries):
    fetch(path)
    with count_queries() as queries:
        fetch(path)
    assert not [q for q in queries if q.split()[0] in {"INSERT", "UPDATE", "DELETE"}]


def test_coaches_are_told_once_when_a_feed_is_fetched_from_many_networks_and_nothing_is_closed(
    app, people, browse, path, fetch, work_off, outbox
):
    for address in networks(feed_visits.MANY):
        fetch(path, address)
    work_off()
    assert outbox == []
    assert "No feed looks shared" in browse(people.cory).get("/desk/library/feeds").text
    for address in networks(feed_visits.MANY + 6):
        assert fetch(path, address).status_code == 200
    work_off()
    work_off()
    assert sorted(letter.recipients[0] for letter in outbox) == ["cory@example.com", "olga@example.com"]
    assert "Alice" in outbox[0].subject
    assert "/desk/library/feeds" in outbox[0].body
    page = browse(people.cory).get("/desk/library/feeds").text
    assert 'href="/members/alice"' in page
    assert f">{feed_visits.MANY + 6}</td>" in page
    assert "Did you pass it on?" in browse(people.alice).get("/account/feed").text
    assert "Did you pass it on?" not in browse(people.bob).get("/account/feed").text


def test_a_new_address_ends_the_matter(app, people, browse, path, fetch, work_off, outbox):
    for address in networks(12):
        fetch(path, address)
    browse(people.alice).post("/account/feed/rotation")
    work_off()
    assert outbox == []
    assert "No feed looks shared" in browse(people.cory).get("/desk/library/feeds").text
    assert "this new address" in browse(people.alice).get("/account/feed").text


def test_the_list_costs_the_same_queries_for_two_feeds_as_for_twenty(app, people, make, browse, count_queries):
    def share(count: int) -> None:
        for _ in range(count):
            member = make.member(entitled=True)
            with make._saved():
                feed = feeds.begin(again(member))
                for network in range(12):
                    db.session.add(FeedVisit(feed_id=feed.id, day=now().date(), network=f"{network}"))

    page = browse(people.cory)
    share(2)
    page.get("/desk/library/feeds")
    with count_queries() as two:
        page.get("/desk/library/feeds")
    share(18)
    with count_queries() as twenty:
        assert page.get("/desk/library/feeds").text.count("</tr>") == 21
    assert len(two) == len(twenty) <= 8


def test_after_two_weeks_it_is_forgotten(app, path, fetch, clock):
    fetch(path)
    clock.shift(timedelta(days=15))
    fetch(path)
    with app.app_context():
        feed_visits.sweep()
    assert [visit.day for visit in visits(app)] == [now().date()]


def test_a_database_that_takes_no_note_costs_nobody_their_feed(app, path, fetch, monkeypatch):
    from sqlalchemy.exc import OperationalError

    def full(*_args, **_more):
        raise OperationalError("INSERT", {}, Exception("disk full"))

    monkeypatch.setattr(feed_visits, "_count", full)
    assert fetch(path).status_code == 200
    assert visits(app) == []


def test_the_letter_is_asked_for_once_a_week_for_each_address(app, path, fetch):
    for address in networks(20):
        fetch(path, address)
    with app.app_context():
        keys = db.session.scalars(select(Job.key).where(Job.work == "library.tell_of_sharing")).all()
        feed = db.session.scalars(select(Feed)).one()
    assert len(keys) == 1
    assert feed.once in keys[0]


@pytest.mark.parametrize(
    ("said", "app_name"),
    [
        ("Overcast/3.0 (+http://overcast.fm/; iOS podcast app)", "Overcast"),
        ("AntennaPod/3.4.1", "AntennaPod"),
        ("PocketCasts/1.0 (Pocket Casts Feed Parser; +http://pocketcasts.com/)", "Pocket Casts"),
        ("Podcasts/1575.1.2 CFNetwork/1410.0.3 Darwin/22.6.0", "Apple Podcasts"),
        ("Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0", "a web browser"),
        ("", "another app"),
        ("x" * 10_000, "another app"),
    ],
)
def test_an_app_is_told_by_a_name_people_know(said, app_name):
    assert feed_visits.app_in(said) == app_name
