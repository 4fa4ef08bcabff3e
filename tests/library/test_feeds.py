"""A member's private feed: one address, theirs alone, that shows what they may hear at this moment and nothing else."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from email.utils import parsedate_to_datetime
from urllib.parse import quote, urlsplit
from xml.etree import ElementTree

import feedparser
import pytest
import time_machine
from sqlalchemy import select, update

from portal.accounts.models import Member
from portal.billing.models import Grant
from portal.core.clock import now
from portal.core.db import db, transaction
from portal.library import feeds, forgetting, publishing
from portal.library.feed_models import Feed, FeedVisit
from portal.library.models import Download, Episode, Item
from tests.make import MP3, again, at_once

NAMES = {
    "atom": "http://www.w3.org/2005/Atom",
    "content": "http://purl.org/rss/1.0/modules/content/",
    "itunes": "http://www.itunes.com/dtds/podcast-1.0.dtd",
    "podcast": "https://podcastindex.org/namespace/1.0",
}
VTT = "WEBVTT\n\n00:00:01.000 --> 00:00:04.000\n<v Cory>What is a seat for?\n"


@pytest.fixture
def address(app, browse):
    """`address(alice)`: the way to somebody's feed, as their page shows it; made first if they have none."""

    def find(who) -> str:
        page = browse(who)
        page.post("/account/feed")
        shown = re.search(r'id="feed-url" readonly value="([^"]+)"', page.get("/account/feed").text)
        assert shown is not None
        return urlsplit(shown[1]).path

    return find


@pytest.fixture
def change(app):
    """`change(alice, suspended_until=…)`: what happens to somebody in the meantime."""

    def do(who, **values) -> None:
        with app.app_context(), transaction():
            db.session.execute(update(Member).where(Member.id == who.id).values(**values))

    return do


@pytest.fixture
def lapse(app):
    """`lapse(alice)` ends what gave them access, `lapse(alice, back=True)` gives it again."""

    def do(who, *, back: bool = False) -> None:
        until = None if back else now() - timedelta(seconds=1)
        with app.app_context(), transaction():
            db.session.execute(update(Grant).where(Grant.member_id == who.id).values(until=until))

    return do


def feed(app, path: str, **headers: str):
    """As a podcast app asks: without a cookie."""
    return app.test_client(use_cookies=False).get(path, headers={"User-Agent": "AntennaPod/3.4.0", **headers})


def items(answer) -> list[ElementTree.Element]:
    return ElementTree.fromstring(answer.data).findall("channel/item")


def titles(answer) -> list[str]:
    return [item.findtext("title") for item in items(answer)]


def test_alice_hears_every_episode_that_is_out_the_newest_first(app, people, make, address):
    make.episode("An older one", at=now() - timedelta(days=9))
    make.episode("The newest")
    make.episode("Next Wednesday", at=now() + timedelta(days=5))
    make.episode("A draft", published=False)
    make.tool("A tool")
    make.item(Episode, "No audio yet", number=9_001, aired_on=now().date())
    answer = feed(app, address(people.alice))
    assert (answer.status_code, answer.mimetype) == (200, "application/rss+xml")
    assert titles(answer) == ["The newest", "An older one"]


def test_what_is_withdrawn_disappears_and_what_was_scheduled_appears(app, people, make, address, clock):
    one = make.episode("Withdrawn later")
    make.episode("Tomorrow", at=now() + timedelta(days=1))
    path = address(people.alice)
    assert titles(feed(app, path)) == ["Withdrawn later"]
    with app.app_context(), transaction():
        publishing.withdraw(again(one), because="A guest asked", by=again(people.cory))
    assert titles(feed(app, path)) == []
    clock.shift(timedelta(days=1, minutes=1))
    assert titles(feed(app, path)) == ["Tomorrow"]


def test_each_item_says_all_that_an_app_wants_to_know(app, people, make, address):
    make.episode(
        "Clear <seats> & “roles”",
        number=142,
        seconds=1834,
        content=MP3,
        guests=[{"name": "Dr. Ada Marsh", "link": "https://example.org/ada?a=1&b=2"}],
        hear=["Why a title is no role"],
        chapters=["0:00 Opening", "1:30 The third column"],
        transcript=VTT,
        body="See [the card](/library/role-card) and [more](https://example.org/a?b=1&c=2).",
    )
    path = address(people.alice)
    answer = feed(app, path)
    (item,) = items(answer)
    token = path.split("/")[2]
    enclosure = item.find("enclosure").attrib
    assert item.findtext("title") == "Clear <seats> & “roles”"
    assert enclosure["url"].startswith(f"http://localhost/feeds/{token}/")
    assert enclosure["url"].endswith("/audio")
    assert (enclosure["length"], enclosure["type"]) == (str(len(MP3)), "audio/mpeg")
    assert item.find("guid").get("isPermaLink") == "false"
    assert item.findtext("guid")
    assert parsedate_to_datetime(item.findtext("pubDate")).tzinfo is not None
    assert item.findtext("itunes:episode", namespaces=NAMES) == "142"
    assert item.findtext("itunes:duration", namespaces=NAMES) == "1834"
    assert item.findtext("podcast:person", namespaces=NAMES) == "Dr. Ada Marsh"
    notes = item.findtext("content:encoded", namespaces=NAMES)
    assert '<a href="http://localhost/library/role-card"' in notes
    assert '<a href="https://example.org/a?b=1&amp;c=2"' in notes
    assert "<li>Why a title is no role</li>" in notes
    chapters = feed(app, urlsplit(item.find("podcast:chapters", NAMES).get("url")).path)
    assert chapters.mimetype == "application/json+chapters"
    assert json.loads(chapters.text)["chapters"][1] == {"startTime": 90, "title": "The third column"}
    transcript = item.find("podcast:transcript", NAMES)
    assert transcript.get("type") == "text/vtt"
    assert feed(app, urlsplit(transcript.get("url")).path).text == VTT


def test_the_channel_says_whose_it_is_that_it_stays_private_and_shows_a_square_picture(app, people, make, address):
    from io import BytesIO

    from PIL import Image

    make.episode()
    path = address(people.alice)
    channel = ElementTree.fromstring(feed(app, path).data).find("channel")
    said = {name: channel.findtext(name, namespaces=NAMES) for name in ("itunes:block", "podcast:locked", "language")}
    assert said == {"itunes:block": "Yes", "podcast:locked": "yes", "language": "en-us"}
    for needed in ("title", "link", "description", "itunes:author", "itunes:explicit", "itunes:type", "podcast:guid"):
        assert channel.findtext(needed, namespaces=NAMES), needed
    assert channel.find("itunes:category", NAMES).get("text") == "Business"
    assert channel.find("atom:link", NAMES).get("href") == f"http://localhost{path}"
    picture = channel.find("itunes:image", NAMES).get("href")
    drawn = Image.open(BytesIO(feed(app, urlsplit(picture).path).data))
    assert drawn.format == "JPEG"
    assert drawn.mode == "RGB"
    assert drawn.width == drawn.height
    assert 1400 <= drawn.width <= 3000


def test_the_name_of_an_episode_for_apps_stays_when_its_title_address_and_the_feeds_address_change(
    app, people, make, address, browse
):
    one = make.episode("Before")
    path = address(people.alice)
    before = items(feed(app, path))[0].findtext("guid")
    with app.app_context(), transaction():
        db.session.execute(update(Item).where(Item.id == one.id).values(title="After", slug="after"))
    browse(people.alice).post("/account/feed/rotation")
    moved = items(feed(app, address(people.alice)))[0]
    assert (moved.findtext("title"), moved.findtext("guid")) == ("After", before)
    assert address(people.bob) != path


def test_hostile_words_make_no_other_document(app, people, make, address):
    hostile = "]]><script>&lt;\x0b\x08\ufffe“ ' \" <!DOCTYPE x> \u202e"
    make.episode(hostile, summary=hostile, body=hostile, guests=[hostile], hear=[hostile], chapters=["0:00 " + hostile])
    (item,) = items(feed(app, address(people.alice)))
    assert item.findtext("title").startswith("]]><script>&lt;“")
    assert "<script>" not in item.findtext("content:encoded", namespaces=NAMES)


def test_when_alice_lapses_one_notice_stands_in_place_of_the_episodes_and_no_audio_but_its_own_is_served(
    app, people, make, address, lapse
):
    one = make.episode("For members")
    path = address(people.alice)
    base = path.removesuffix("/podcast.xml")
    lapse(people.alice)
    answer = feed(app, path)
    (notice,) = items(answer)
    assert notice.findtext("title") == "Your private feed is paused"
    assert "this same address" in notice.findtext("content:encoded", namespaces=NAMES)
    enclosure = notice.find("enclosure").attrib
    heard = feed(app, urlsplit(enclosure["url"]).path)
    assert (heard.status_code, len(heard.data)) == (200, int(enclosure["length"]))
    for what in ("audio", "chapters.json", "transcript.vtt"):
        refused = feed(app, f"{base}/{one.slug}/{what}")
        assert (refused.status_code, refused.mimetype) == (403, "text/plain")
    assert feed(app, path).data == answer.data


def test_when_she_returns_the_same_address_opens_everything_again_and_the_notice_is_gone(
    app, people, make, address, lapse
):
    one = make.episode("For members")
    path = address(people.alice)
    lapse(people.alice)
    assert titles(feed(app, path)) == ["Your private feed is paused"]
    lapse(people.alice, back=True)
    assert titles(feed(app, path)) == ["For members"]
    base = path.removesuffix("/podcast.xml")
    assert feed(app, f"{base}/{one.slug}/audio").data == MP3
    assert feed(app, f"{base}/membership-paused/audio").status_code == 404


def test_a_second_lapse_is_told_by_a_new_notice_that_an_app_shows_again(app, people, make, address, lapse, clock):
    path = address(people.alice)
    heard = set()
    for _ in range(2):
        lapse(people.alice)
        heard |= {items(feed(app, path))[0].findtext("guid") for _ in range(2)}
        clock.shift(timedelta(days=3))
        heard |= {items(feed(app, path))[0].findtext("guid")}
        lapse(people.alice, back=True)
        feed(app, path)
    assert len(heard) == 2


def test_whoever_is_suspended_or_on_the_way_out_hears_the_notice_with_honest_words(app, people, make, address, change):
    make.episode()
    path = address(people.alice)
    change(people.alice, suspended_until=now() + timedelta(days=2))
    assert "suspended until" in items(feed(app, path))[0].findtext("content:encoded", namespaces=NAMES)
    change(people.alice, suspended_until=None, leaving_since=now())
    assert "account to be deleted" in items(feed(app, path))[0].findtext("content:encoded", namespaces=NAMES)
    change(people.alice, leaving_since=None)
    assert titles(feed(app, path)) == ["What a seat is for"]


def test_the_address_of_a_deleted_member_is_dead(app, people, make, address):
    one = make.episode()
    path = address(people.alice)
    with app.app_context(), transaction():
        forgetting.forget(again(people.alice))
    for tried in (path, path.replace("podcast.xml", f"{one.slug}/audio"), path.replace("podcast.xml", "artwork.jpg")):
        assert feed(app, tried).status_code == 410
    with app.app_context():
        assert db.session.scalars(select(Feed)).all() == []


def test_the_address_of_a_closed_account_is_dead_whatever_is_left_of_it(app, people, make, address, change):
    path = address(people.alice)
    change(people.alice, closed_at=now())
    assert feed(app, path).status_code == 410


def test_a_new_address_kills_the_one_before_at_once(app, people, make, address, browse):
    one = make.episode()
    before = address(people.alice)
    browse(people.alice).post("/account/feed/rotation")
    after = address(people.alice)
    assert (feed(app, before).status_code, feed(app, after).status_code) == (410, 200)
    assert feed(app, before.replace("podcast.xml", f"{one.slug}/audio")).status_code == 410


def test_what_was_never_an_address_is_refused_before_the_database_is_asked(app, people, make, address, count_queries):
    path = address(people.alice)
    token = path.split("/")[2]
    forged = token[:-1] + ("A" if token[-1] != "A" else "B")
    with count_queries() as queries:
        for wrong in (forged, token[:-1], token + "A", "pff_", "x" * 5000, "pff_" + "A" * 46, token.upper()):
            answer = feed(app, f"/feeds/{wrong}/podcast.xml")
            assert (answer.status_code, answer.text) == (404, "Nothing here.\n")
    assert queries == []


def test_nothing_that_opens_a_feed_stands_in_the_database(app, people, address):
    token = address(people.alice).split("/")[2]
    with app.app_context():
        row = db.session.scalars(select(Feed)).one()
        assert feeds.token_of(row) == token
        kept = repr([tuple(r) for r in db.session.execute(select(Feed.__table__))])
    mark = token.removeprefix("pff_" + row.nonce)
    assert len(mark) == 24
    assert mark not in kept
    assert token not in kept


def test_a_key_of_another_site_makes_other_addresses(app, people, address, monkeypatch):
    path = address(people.alice)
    monkeypatch.setitem(app.config, "SECRET_KEY", "another-another-another-another-key")
    assert feed(app, path).status_code == 404


def test_alices_address_opens_the_feed_and_nothing_else(app, people, make, address):
    tool = make.tool()
    token = address(people.alice).split("/")[2]
    base = f"/feeds/{token}"
    assert feed(app, f"{base}/{tool.slug}/audio").status_code == 404
    assert feed(app, f"{base}/{tool.slug}/file").status_code == 404
    for page in ("/account", "/account/feed", f"/library/{tool.slug}/file"):
        assert feed(app, f"{page}?token={token}", Authorization=f"Bearer {token}").status_code == 303


def test_an_unchanged_feed_is_answered_304_by_its_tag_and_by_its_day(app, people, make, address, lapse):
    one = make.episode("First")
    path = address(people.alice)
    first = feed(app, path)
    tag, day = first.headers["ETag"], first.headers["Last-Modified"]
    for asked in ({"If-None-Match": tag}, {"If-Modified-Since": day}, {"If-None-Match": tag, "If-Modified-Since": "x"}):
        answer = feed(app, path, **asked)
        assert (answer.status_code, answer.data, answer.headers["ETag"]) == (304, b"", tag)
    with app.app_context(), transaction():
        db.session.execute(update(Item).where(Item.id == one.id).values(summary="Another"))
    for asked in ({"If-None-Match": tag}, {"If-Modified-Since": day}, {"If-None-Match": tag, "If-Modified-Since": day}):
        assert feed(app, path, **asked).status_code == 200
    changed = feed(app, path)
    assert changed.headers["Last-Modified"] != day
    lapse(people.alice)
    assert feed(app, path, **{"If-None-Match": changed.headers["ETag"]}).status_code == 200


def test_a_compressed_feed_is_answered_304_too(app, people, make, address):
    make.episode()
    path = address(people.alice)
    first = feed(app, path, **{"Accept-Encoding": "gzip"})
    assert first.headers["Content-Encoding"] == "gzip"
    again_ = feed(app, path, **{"Accept-Encoding": "gzip", "If-None-Match": first.headers["ETag"]})
    assert again_.status_code == 304


def test_head_and_parts_of_the_audio_are_answered_as_a_player_needs(app, people, make, address):
    one = make.episode(content=MP3)
    path = address(people.alice)
    audio = path.replace("podcast.xml", f"{one.slug}/audio")
    phone = app.test_client(use_cookies=False)
    head = phone.head(audio)
    assert (head.status_code, head.data, head.content_length) == (200, b"", len(MP3))
    assert head.headers["Accept-Ranges"] == "bytes"
    part = feed(app, audio, Range="bytes=100-199")
    assert (part.status_code, part.data) == (206, MP3[100:200])
    assert part.headers["Content-Range"] == f"bytes 100-199/{len(MP3)}"
    etag = head.headers["ETag"]
    assert feed(app, audio, Range="bytes=100-199", **{"If-Range": etag}).status_code == 206
    assert feed(app, audio, Range="bytes=100-199", **{"If-Range": '"other"'}).data == MP3
    assert feed(app, audio, Range=f"bytes={len(MP3)}-").status_code == 416
    assert feed(app, audio, **{"If-None-Match": etag}).status_code == 304
    feed_head = phone.head(path)
    assert (feed_head.status_code, feed_head.data) == (200, b"")
    assert feed_head.headers["ETag"]


def test_no_answer_is_kept_by_others_names_its_address_or_is_listed(app, people, make, address, lapse):
    one = make.episode(chapters=["0:00 Opening"], transcript=VTT)
    path = address(people.alice)
    base = path.removesuffix("podcast.xml")
    tried = [
        path,
        *(base + end for end in (f"{one.slug}/audio", f"{one.slug}/chapters.json", "artwork.jpg", "x/audio")),
    ]
    tried += [path.replace("pff_", "pff_x"), f"{base}{one.slug}/transcript.vtt"]
    for each in tried:
        headers = feed(app, each).headers
        assert headers["Cache-Control"].startswith("private"), each
        assert headers["Referrer-Policy"] == "no-referrer", each
        assert headers["X-Robots-Tag"] == "noindex", each
        assert "Set-Cookie" not in headers, each


def test_links_are_made_of_the_public_address_whatever_the_request_says(app, people, make, address, monkeypatch):
    make.episode()
    path = address(people.alice)
    monkeypatch.setitem(app.config, "PUBLIC_URL", "https://members.example.com")
    text = feed(app, path, **{"X-Forwarded-Host": "evil.example"}).text
    assert "https://members.example.com/feeds/" in text
    assert "http://localhost" not in text
    assert "evil" not in text


def test_a_podcast_app_never_meets_the_limit_and_many_at_one_address_do_not_share_it(app, people, make, address):
    one = make.episode()
    alices, bobs = address(people.alice), address(people.bob)
    audio = alices.replace("podcast.xml", f"{one.slug}/audio")
    assert {feed(app, audio, Range="bytes=0-1").status_code for _ in range(200)} == {206}
    with time_machine.travel(now(), tick=False):  # a slow machine must not open the window again meanwhile
        answers = [feed(app, alices).status_code for _ in range(130)]
        slow = feed(app, alices)
    assert answers.count(200) == 120
    assert answers[-1] == 429
    assert slow.mimetype == "text/plain"
    assert int(slow.headers["Retry-After"]) > 0
    assert feed(app, bobs).status_code == 200


def test_a_download_in_the_app_stands_in_alices_downloads_once_however_many_parts_it_has(app, people, make, address):
    one = make.episode()
    audio = address(people.alice).replace("podcast.xml", f"{one.slug}/audio")
    for part in ("bytes=0-99", "bytes=100-199", "bytes=0-"):
        feed(app, audio, Range=part)
    with app.app_context():
        assert [row.member_id for row in db.session.scalars(select(Download))] == [people.alice.id]


def test_a_feed_costs_the_same_queries_for_two_episodes_as_for_twenty(app, people, make, address, count_queries):
    make.episode()
    make.episode()
    path = address(people.alice)
    feed(app, path)
    with count_queries() as two:
        feed(app, path)
    for _ in range(18):
        make.episode()
    feed(app, path)
    with count_queries() as twenty:
        assert len(items(feed(app, path))) == 20
    assert len(twenty) == len(two) <= 4


def test_lena_cannot_begin_a_feed_and_reads_why(people, browse):
    page = browse(people.lena)
    assert page.post("/account/feed").status_code == 403
    assert "It comes with a membership" in page.get("/account/feed").text


def test_twenty_clicks_at_once_make_one_feed(app, people, browse):
    pages = [browse(people.alice) for _ in range(20)]
    answers = at_once(20, lambda n: pages[n].post("/account/feed").status_code)
    assert set(answers) == {303}
    with app.app_context():
        assert len(db.session.scalars(select(Feed)).all()) == 1
        assert db.session.scalars(select(FeedVisit)).all() == []


def test_the_page_opens_the_common_apps_without_a_website_in_between_and_shows_a_code(people, browse, address):
    path = address(people.alice)
    page = browse(people.alice).get("/account/feed").text
    for link in (
        f"podcast://localhost{path}",
        f"overcast://x-callback-url/add?url=http%3A%2F%2Flocalhost{quote(path, safe='')}",
        f"pktc://subscribe/localhost{path}",
        f"antennapod-subscribe://localhost{path}",
    ):
        assert f'href="{link}"' in page
    assert 'role="img" aria-label="QR code of your private address"' in page
    links = page.partition("feed-apps")[2].partition("</ul>")[0]
    assert not re.search(r'href="https?:', links)


def test_who_is_paused_reads_it_on_their_page_and_keeps_their_address(people, browse, address, lapse):
    path = address(people.alice)
    lapse(people.alice)
    page = browse(people.alice).get("/account/feed").text
    assert "Paused, not gone" in page
    assert path in page


@pytest.mark.one_database
def test_feedparser_reads_the_feed_without_a_complaint(app, people, make, address):
    for number in range(3):
        make.episode(f"Episode & “{number}”", seconds=60, guests=["Ada"], chapters=["0:00 Opening"], transcript=VTT)
    answer = feed(app, address(people.alice))
    read = feedparser.parse(answer.data, response_headers={"content-type": answer.headers["Content-Type"]})
    assert (read.bozo, read.version, read.encoding) == (False, "rss20", "utf-8")
    assert read.feed.itunes_block == 1
    assert [entry.title for entry in read.entries] == [f"Episode & “{number}”" for number in (2, 1, 0)]
    for entry in read.entries:
        (enclosure,) = entry.enclosures
        assert int(enclosure.length) > 0
        assert enclosure.type == "audio/mpeg"
        assert entry.published_parsed is not None
        assert entry.guidislink is False
        assert entry.itunes_duration == "60"
        assert "You will hear" not in entry.content[0].value
