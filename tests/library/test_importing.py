"""A public podcast brought in from its feed: with its numbers, dates and notes, once, and then the coaches' own."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from html import escape
from io import BytesIO

import pytest
from sqlalchemy import select, update

from portal.core import search
from portal.core.admission import Audience
from portal.core.db import db, transaction
from portal.library import importing, reading_feeds
from portal.library.feed_models import ImportedEpisode
from portal.library.importing import Fate
from portal.library.models import Episode, Item
from tests.make import again

FIRST = datetime(2021, 9, 1, 10, tzinfo=UTC)
HEAD = (
    '<?xml version="1.0" encoding="UTF-8"?><rss version="2.0" '
    'xmlns:itunes="http://www.itunes.com/dtds/podcast-1.0.dtd" '
    'xmlns:content="http://purl.org/rss/1.0/modules/content/"><channel><title>A podcast</title>'
)
NOTES = """<p>She was <b>promoted</b>, and nobody asked her. It went on for a year. Then she gave it back.
More follows.</p>
<p>Listen on <a href="https://open.spotify.com/episode/4x?si=1&amp;b=2">Spotify</a> or
<a href="http://example.org/elsewhere">elsewhere</a>. <script>alert(1)</script></p>
<p>In this episode you will hear:</p><ul><li>Why a title is no role</li><li>What she asked for</li></ul>
<h3>Transcript</h3>
<p>0:00:05 Cory Whitfield: Welcome back.<br>0:01:10 Ada &amp; co: I gave it back &lt;in March&gt;.</p>"""


def item(number: int, **changed: str | None) -> str:
    """One item as a public feed has it; `title=None` leaves that out."""
    said: dict[str, str | None] = {
        "title": f"PRF {number}: The empty chair {number} | Dr. Ada Marsh",
        "guid": f"prf-{number}",
        "link": f"https://www.practice.example/podcasts/prf{number}",
        "pubDate": format_datetime(FIRST + timedelta(weeks=number)),
        "itunes:duration": "0:31:07",
        "content:encoded": NOTES,
    } | changed
    inside = "".join(f"<{name}>{escape(text)}</{name}>" for name, text in said.items() if text is not None)
    audio = f"https://cdn.example/prf{number}.mp3"
    return f'<item>{inside}<enclosure url="{audio}" length="14920010" type="audio/mpeg"/></item>'


def feed_of(*items: str) -> bytes:
    return f"{HEAD}{''.join(items)}</channel></rss>".encode()


def whole(count: int) -> bytes:
    return feed_of(*(item(number) for number in range(1, count + 1)))


@pytest.fixture
def bring_in(app):
    """`bring_in(content)`: what became of each item."""

    def do(content: bytes, *, publish: bool = False, by=None) -> list[importing.Line]:
        entries = reading_feeds.read(content)
        with app.app_context(), transaction():
            return importing.bring_in(entries, publish=publish, by=again(by) if by else None)

    return do


def everything(app) -> list[tuple]:
    with app.app_context():
        tables = [Item.__table__, Episode.__table__, ImportedEpisode.__table__]
        return [tuple(row) for table in tables for row in db.session.execute(select(table).order_by(table.c.id))]


def fates(lines) -> list[Fate]:
    return [line.fate for line in lines]


def test_a_feed_of_170_episodes_comes_in_once_and_the_second_time_changes_nothing(app, bring_in):
    content = whole(170)
    assert fates(bring_in(content, publish=True)) == [Fate.NEW] * 170
    before = everything(app)
    assert len(before) == 3 * 170
    assert fates(bring_in(content, publish=True)) == [Fate.HERE] * 170
    assert fates(bring_in(content)) == [Fate.HERE] * 170
    assert everything(app) == before


def test_an_episode_keeps_its_number_date_address_notes_guest_and_links(app, bring_in):
    bring_in(feed_of(item(142)), publish=True)
    with app.app_context():
        one = db.session.scalars(select(Episode)).one()
        assert (one.number, one.slug, one.title) == (142, "prf142", "The empty chair 142")
        assert one.published_at == FIRST + timedelta(weeks=142)
        assert one.aired_on == one.published_at.date()
        assert one.seconds == 31 * 60 + 7
        assert [guest.name for guest in one.guests] == ["Dr. Ada Marsh"]
        assert one.hear == ["Why a title is no role", "What she asked for"]
        assert one.summary == ("She was promoted, and nobody asked her. It went on for a year. Then she gave it back.")
        assert "She was **promoted**, and nobody" in one.body
        assert "alert" not in one.body
        assert "you will hear" not in one.body
        assert "Transcript" not in one.body
        assert "<strong>promoted</strong>" in one.body_html
        assert one.transcript == (
            "WEBVTT\n\n00:00:05.000 --> 00:01:10.000\n<v Cory Whitfield>Welcome back.\n\n"
            "00:01:10.000 --> 00:01:40.000\n<v Ada &amp; co>I gave it back &lt;in March&gt;.\n"
        )
        assert {link.platform.name: link.address for link in one.links} == {
            "Spotify": "https://open.spotify.com/episode/4x?si=1&b=2",
            "practice.example": "https://www.practice.example/podcasts/prf142",
        }
        kept = db.session.scalars(select(ImportedEpisode)).one()
        assert (kept.audio_url, kept.audio_size) == ("https://cdn.example/prf142.mp3", 14920010)


@pytest.mark.parametrize(
    ("changed", "number", "slug", "title", "guests"),
    [
        ({"itunes:episode": "7", "link": None, "title": "A talk"}, 7, "a-talk", "A talk", []),
        ({"link": "https://x.example/podcasts/prf31", "title": "Alone"}, 31, "prf31", "Alone", []),
        ({"link": "https://x.example/a/ep-12-the-end", "title": "The end"}, 12, "ep-12-the-end", "The end", []),
        (
            {"link": None, "title": "Episode 9 - Two seats | Ann Lee & Bo Ray"},
            9,
            "two-seats",
            "Two seats",
            ["Ann Lee", "Bo Ray"],
        ),
        ({"link": None, "title": "#15: Numbers | a | Cy Orr"}, 15, "numbers-a", "Numbers | a", ["Cy Orr"]),
        ({"link": "https://x.example/2024/05/01/", "title": "12. May"}, 12, "01", "May", []),
        ({"itunes:episode": "3", "link": None, "title": "3 ways to rest"}, 3, "3-ways-to-rest", "3 ways to rest", []),
    ],
)
def test_number_slug_title_and_guests_are_found_where_feeds_have_them(changed, number, slug, title, guests):
    (entry,) = reading_feeds.read(feed_of(item(1, **changed)))
    assert (entry.number, entry.slug, entry.title, list(entry.guests)) == (number, slug, title, guests)
    assert entry.wrong is None


def test_drafts_are_seen_by_nobody_and_published_ones_have_notes_that_visitors_read(app, people, browse, bring_in):
    bring_in(feed_of(item(1)))
    bring_in(feed_of(item(1), item(2)), publish=True)
    assert browse().get("/library/prf1").status_code == 404
    page = browse().get("/library/prf2").text
    assert "nobody asked her" in page
    assert "Welcome back" not in page
    with app.app_context():
        found = search.search("promoted", audiences={Audience.ANYONE}, kinds=["episode"], most=9)
    assert [hit.path for hit in found] == ["/library/prf2"]


def test_what_coaches_wrote_in_between_stays_whatever_the_feed_says_now(app, bring_in):
    bring_in(feed_of(item(1)), publish=True)
    with app.app_context(), transaction():
        db.session.execute(update(Item).values(title="Our own title", body="Our own notes"))
    before = everything(app)
    lines = bring_in(
        feed_of(item(1, title="PRF 1: Renamed", **{"content:encoded": "Rewritten"}), item(2)), publish=True
    )
    assert fates(lines) == [Fate.HERE, Fate.NEW]
    assert [row for row in everything(app) if row in before] == before


def test_what_cannot_come_in_is_named_and_keeps_nothing_else_from_it(app, make, bring_in):
    make.episode("Ours", number=4)
    make.tool(slug="prf6")
    lines = bring_in(
        feed_of(
            item(1, title=None),
            item(2, pubDate="yesterday"),
            item(3, link=None, title="No number anywhere"),
            item(4),
            item(5),
            item(5, guid="another"),
            item(6),
            item(7, guid="prf-5"),
            item(8, **{"content:encoded": "x" * 60_000}),
        )
    )
    assert fates(lines) == [Fate.WRONG] * 4 + [Fate.NEW, Fate.WRONG, Fate.NEW, Fate.HERE, Fate.NEW]
    why = " ".join(line.why or "" for line in lines)
    for words in ("no title", "pubDate", "No number", "number 4 already", "number 5 already"):
        assert words in why
    with app.app_context():
        assert {"prf5", "prf6-6", "prf8"} <= set(db.session.scalars(select(Episode.slug)))


def test_the_plan_says_what_would_happen_and_changes_nothing(app, bring_in, count_queries):
    content = whole(20)
    before = everything(app)
    with app.app_context(), count_queries() as queries:
        assert fates(importing.plan(reading_feeds.read(content))) == [Fate.NEW] * 20
    assert len(queries) == 3
    assert everything(app) == before == []


@pytest.mark.parametrize(
    "hostile",
    [
        b'<?xml version="1.0"?><!DOCTYPE rss [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]><rss>&b;</rss>',
        b'<!DOCTYPE rss SYSTEM "http://127.0.0.1:1/evil.dtd"><rss/>',
        b'<!DOCTYPE rss [<!ENTITY x SYSTEM "file:///etc/passwd">]><rss><channel><item><title>&x;</title></item></channel></rss>',
        b'<!DOCTYPE rss [<!ENTITY % p SYSTEM "file:///etc/passwd"> %p;]><rss/>',
        b"<rss>" + b"<a>" * 5_000,
        b"<html><body>Not a feed</body></html>",
        b"<feed xmlns='http://www.w3.org/2005/Atom'/>",
        b"",
        b"\x00\x01\x02 nothing",
        b'<?xml version="1.0" encoding="klingon"?><rss/>',
        HEAD.encode() + b"<item><title>It breaks o",
    ],
)
def test_a_file_that_is_no_feed_or_wants_more_is_refused_whole(hostile):
    with pytest.raises(reading_feeds.NotAFeed):
        reading_feeds.read(hostile)


def test_a_feed_that_is_too_large_or_has_too_many_items_is_refused():
    with pytest.raises(reading_feeds.NotAFeed, match="16 MB"):
        reading_feeds.read(b" " * (reading_feeds.LARGEST + 1))
    with pytest.raises(reading_feeds.NotAFeed, match="5,000"):
        reading_feeds.read(feed_of(*["<item/>"] * 5_001))


def test_hostile_words_and_addresses_in_an_item_are_words_and_no_links(app, browse, bring_in):
    hostile = "<img src=x onerror=alert(1)><a href='javascript:alert(1)'>go</a> [x](javascript:alert(2)) &#x202e;"
    bring_in(
        feed_of(item(1, title=f"PRF 1: {hostile}"[:150], link="javascript:alert(3)", **{"content:encoded": hostile})),
        publish=True,
    )
    with app.app_context():
        one = db.session.scalars(select(Episode)).one()
        page = browse().get(f"/library/{one.slug}").text
    assert "href" not in one.body_html
    assert "<img src=x" not in page
    assert 'href="javascript' not in page


def test_alice_finds_on_the_page_of_such_an_episode_where_to_hear_it(people, browse, bring_in):
    bring_in(feed_of(item(1)), publish=True)
    page = browse(people.alice).get("/library/prf1").text
    assert "Listen on" in page
    assert 'href="https://www.practice.example/podcasts/prf1"' in page


def test_a_public_episode_is_in_the_private_feed_with_its_own_audio(app, people, make, browse, bring_in):
    from portal.library import feeds
    from portal.library.feed_showing import FeedAddress

    make.episode("Ours")
    bring_in(feed_of(item(1)), publish=True)
    browse(people.alice).post("/account/feed")
    with app.app_context():
        path = FeedAddress(feeds.token_of(feeds.feed_of(people.alice))).feed.removeprefix("http://localhost")
    phone = app.test_client(use_cookies=False)
    assert '<enclosure url="https://cdn.example/prf1.mp3" length="14920010" type="audio/mpeg"/>' in phone.get(path).text
    assert phone.get(path.replace("podcast.xml", "prf1/audio")).status_code == 404


def test_cory_reads_what_would_happen_then_brings_it_in_and_reads_what_is_there(app, people, browse):
    page = browse(people.cory)
    sent = page.post(
        "/desk/library/import", data={"feed": (BytesIO(feed_of(item(1), item(2), item(3, pubDate=""))), "feed.xml")}
    )
    assert sent.status_code == 303
    plan = page.get(sent.location).text
    assert "2 episodes come in, 0 are here already, 1 is left out." in plan
    assert everything(app) == []
    done = page.post(sent.location, data={"how": "drafts"})
    assert (done.status_code, done.location) == (303, sent.location)
    after = page.get(sent.location).text
    assert "2 episodes are here as drafts." in after
    assert "0 are left out" not in after
    assert page.get("/library/prf1").status_code == 404
    assert "Brought in episodes from a feed" in browse(people.olga).get("/moderation/log").text


@pytest.mark.parametrize("sent", [{}, {"feed": (BytesIO(b"<html/>"), "page.html")}, {"feed": "only words"}])
def test_what_is_no_feed_is_told_beside_the_field(people, browse, sent):
    answer = browse(people.cory).post("/desk/library/import", data=sent)
    assert answer.status_code == 422
    assert 'id="feed-error"' in answer.text


def test_nobody_but_coaches_and_owners_brings_anything_in(people, browse):
    for who in (people.alice, people.mo, people.lena):
        page = browse(who)
        assert page.get("/desk/library/import").status_code == 403
        assert page.post("/desk/library/import", data={"feed": (BytesIO(whole(1)), "feed.xml")}).status_code == 403


def test_the_command_does_the_same_and_says_what_it_would_do(app, tmp_path):
    file = tmp_path / "feed.xml"
    file.write_bytes(feed_of(item(1), item(2, pubDate="")))
    run = app.test_cli_runner()
    tried = run.invoke(args=["library", "import-feed", str(file), "--dry-run"])
    assert (tried.exit_code, everything(app)) == (0, [])
    assert "would come in: 1" in tried.output
    assert "pubDate" in tried.output
    done = run.invoke(args=["library", "import-feed", str(file), "--publish"])
    assert "came in: 1" in done.output
    assert "here already: 1" in run.invoke(args=["library", "import-feed", str(file)]).output
    file.write_bytes(b"no feed")
    broken = run.invoke(args=["library", "import-feed", str(file)])
    assert broken.exit_code == 1
    assert "malformed" in broken.output
