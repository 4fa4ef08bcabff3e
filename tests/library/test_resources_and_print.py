"""A resource is a text, a link, a video or a file; and each item can be printed."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import func, select

from portal.core.db import db
from portal.library.models import Download, Resource
from tests.make import PDF

MP4 = b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom" + b"\x00\x00\x20\x00mdat" + bytes(range(256)) * 32
LINK = "https://www.example.org/guides/teams?part=2"


def main_of(answer) -> str:
    assert answer.status_code == 200
    return answer.text.split("<main")[1].split("</main>")[0]


def test_alice_watches_a_video_in_place_in_parts_and_keeps_it_if_she_likes(browse, people, make, app):
    video = make.item(Resource, "A morning in room one", files={"Morning.mp4": MP4}, body="")
    alice, path = browse(people.alice), f"/library/{video.slug}"
    page = main_of(alice.get(path))
    assert "<video" in page
    assert f'src="{path}/video?version=1&amp;file=1"' in page
    assert "min read" not in main_of(alice.get("/library"))
    answer = alice.get(f"{path}/video?version=1&file=1", headers={"Range": "bytes=0-9"})
    assert (answer.status_code, answer.data) == (206, MP4[:10])
    assert answer.headers["Content-Type"] == "video/mp4"
    assert answer.headers["Content-Disposition"].startswith("inline")
    assert answer.cache_control.private
    with app.app_context():
        assert db.session.scalar(select(func.count()).select_from(Download)) == 0
    assert alice.get(f"{path}/file").data == MP4


@pytest.mark.parametrize("who", ["nobody", "sam", "lena"])
def test_the_gate_of_a_video_is_that_of_every_file(browse, people, make, who):
    video = make.item(Resource, "A morning in room one", files={"Morning.mp4": MP4})
    browser = browse(None if who == "nobody" else getattr(people, who))
    for extra in ({}, {"Range": "bytes=0-9"}):
        answer = browser.get(f"/library/{video.slug}/video", headers=extra)
        assert answer.status_code == (303 if who == "nobody" else 403)
        assert MP4[:20] not in answer.data
    page = main_of(browser.get(f"/library/{video.slug}"))
    assert "<video" not in page
    assert "Morning.mp4 (Video" in page
    assert "Join to watch" in page


def test_a_worksheet_is_not_played_and_an_episode_is_no_video(browse, people, make):
    alice = browse(people.alice)
    assert alice.get(f"/library/{make.tool().slug}/video").status_code == 404
    assert alice.get(f"/library/{make.episode().slug}/video").status_code == 404
    video = make.item(Resource, "Video", files={"Morning.mp4": MP4})
    assert alice.get(f"/library/{video.slug}/audio").status_code == 404


def test_a_link_names_the_host_it_leads_to_and_is_for_members(browse, people, make):
    link = make.item(Resource, "A guide elsewhere", link=LINK)
    page = main_of(browse(people.alice).get(f"/library/{link.slug}"))
    assert "Open it on example.org" in page
    assert LINK in page
    assert "On example.org" in main_of(browse().get("/library"))
    for who in (None, people.sam, people.lena):
        page = main_of(browse(who).get(f"/library/{link.slug}"))
        assert "A page on example.org" in page
        assert "guides/teams" not in page


def test_a_link_that_leads_nowhere_costs_nobody_the_library(browse, people, make):
    link = make.item(Resource, "A guide elsewhere", link="https://[example.org")
    for path in ("/library", "/library?kind=resource", f"/library/{link.slug}"):
        assert "A guide elsewhere" in main_of(browse(people.alice).get(path))


def test_every_file_says_what_it_is_how_large_and_of_which_day(app, browse, people, make):
    from portal.library.models import Tool

    tool = make.item(Tool, "Seat map", files={"Seat map.pdf": PDF, "Notes.txt": b"plain"})
    page = " ".join(main_of(browse(people.alice).get(f"/library/{tool.slug}")).split())
    published = tool.published_at.astimezone(ZoneInfo(app.config["SITE_TIME_ZONE"]))  # late in Chicago, early elsewhere
    day = f"{published.day} {published:%B %Y}"
    assert f"PDF, 10 kB, {day}" in page
    assert f"File, 5 bytes, {day}" in page


# On paper


def test_alice_prints_the_words_and_nothing_around_them(browse, people, make):
    tool = make.tool(
        "Role card", body="Spend longest on the [third column](https://example.org/third).", problem="Whose?"
    )
    answer = browse(people.alice).get(f"/library/{tool.slug}/print")
    page = main_of(answer)
    for words in ("Role card", "Whose?", "third column", "Role card.pdf"):
        assert words in page
    for around in ("masthead", "footer", "Was it useful", "Save for later"):
        assert around not in answer.text.split("<body")[1]
    assert f'href="/library/{tool.slug}/print"' in main_of(browse(people.alice).get(f"/library/{tool.slug}"))


def test_a_nugget_is_printed_in_its_parts_and_an_episode_with_its_step(browse, people, make):
    story = main_of(browse(people.alice).get(f"/library/{make.nugget().slug}/print"))
    assert story.index("The situation of it.") < story.index("The change of it.") < story.index("The result of it.")
    episode = make.episode(step="Write one name down.")
    assert "Write one name down." in main_of(browse(people.alice).get(f"/library/{episode.slug}/print"))


@pytest.mark.parametrize("who", ["nobody", "sam", "lena"])
def test_paper_opens_no_door(browse, people, make, who):
    browser = browse(None if who == "nobody" else getattr(people, who))
    tool = make.tool(body="The secret inside.")
    answer = browser.get(f"/library/{tool.slug}/print")
    assert (answer.status_code, answer.location) == (303, f"/library/{tool.slug}")
    assert "Print view" not in browser.get(f"/library/{tool.slug}").text
    episode = make.episode(body="Notes for all.", step="For members alone.", public_notes=True)
    page = main_of(browser.get(f"/library/{episode.slug}/print"))
    assert "Notes for all." in page
    assert "For members alone." not in page
    assert ".mp3" not in page
    assert browser.get("/library/nowhere/print").status_code == 404
    assert browser.get(f"/library/{make.tool(published=False).slug}/print").status_code == 404
