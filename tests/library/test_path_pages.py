"""Paths as Alice walks them: step by step, on from where she was, and all files at once."""

from __future__ import annotations

import io
import re
import tracemalloc
import zipfile
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import func, select

from portal.core import storage
from portal.core.clock import now
from portal.core.db import db
from portal.library import packing, paths, ticking
from portal.library.models import Download, File, Resource, Tool
from tests.library.test_views import titles
from tests.make import PDF, again


def inside(answer) -> zipfile.ZipFile:
    assert answer.status_code == 200
    return zipfile.ZipFile(io.BytesIO(answer.data))


def remembered(app) -> int:
    with app.app_context():
        return db.session.scalar(select(func.count()).select_from(Download))


def goes_on_at(page: str) -> str | None:
    found = re.search(r'<a class="btn" href="/library/([^"]+)"', page)
    return found.group(1) if found else None


# Walking


def test_alice_walks_a_path_and_goes_on_at_the_first_thing_undone(browse, people, make):
    tools = [make.tool(f"Tool {number}") for number in (1, 2, 3)]
    path, alice = make.path("After the promotion", items=tools), browse(people.alice)
    page = alice.get(path.path)
    assert titles(page) == ["Tool 1", "Tool 2", "Tool 3"]
    assert goes_on_at(page.text) == tools[0].slug
    done = alice.post(f"/library/{tools[1].slug}/done", data={"next": f"{path.path}#step-2"})
    assert done.location == f"{path.path}#step-2"
    page = alice.get(path.path).text
    assert "1 of 3" in page
    assert goes_on_at(page) == tools[0].slug
    alice.post(f"/library/{tools[0].slug}/done")
    assert goes_on_at(alice.get(path.path).text) == tools[2].slug
    assert "2 of 3" in alice.get("/paths").text
    alice.post(f"/library/{tools[2].slug}/done")
    page = alice.get(path.path).text
    assert "All of it is done" in page
    assert goes_on_at(page) is None
    alice.post(f"/library/{tools[0].slug}/done/removal")
    assert goes_on_at(alice.get(path.path).text) == tools[0].slug
    assert "of 3" not in browse(people.bob).get("/paths").text


def test_a_download_ticks_nothing(browse, people, make):
    tool = make.tool()
    path, alice = make.path(items=[tool]), browse(people.alice)
    alice.get(f"/library/{tool.slug}/file")
    assert "0 of 1" in alice.get(path.path).text


def test_what_is_done_on_one_path_is_done_on_the_other(browse, people, make):
    tool, other = make.tool("Role card"), make.tool("Seat map")
    first, second = make.path("First", items=[tool, other]), make.path("Second", items=[other, tool])
    alice = browse(people.alice)
    alice.post(f"/library/{tool.slug}/done")
    for path in (first, second):
        page = alice.get(path.path).text
        assert "1 of 2" in page
        assert goes_on_at(page) == other.slug


def test_an_items_page_leads_to_the_next_thing_on_the_path_alice_is_farthest_on(browse, people, make):
    one, two, three, four = (make.tool(f"Tool {number}") for number in (1, 2, 3, 4))
    make.path("Begun by nobody", items=[one, two])
    make.path("Begun by Alice", items=[three, one, four])
    alice = browse(people.alice)
    assert next_of(alice, one) == (two.slug, "Step 1 of 2, 0 done")
    alice.post(f"/library/{three.slug}/done")
    assert next_of(alice, one) == (four.slug, "Step 2 of 3, 1 done")
    alice.post(f"/library/{four.slug}/done")
    alice.post(f"/library/{one.slug}/done")
    page = alice.get(f"/library/{one.slug}").text
    assert "Tell others how it went" in page
    assert "Done: untick it" in page


def next_of(browser, item) -> tuple[str, str]:
    page = browser.get(f"/library/{item.slug}").text
    way = re.search(r'work__next-way" href="/library/([^"]+)"', page)
    return way.group(1), re.search(r"Step \d+ of \d+, \d+ done", page).group()


def test_an_episode_leads_to_its_tool_and_a_thing_that_is_talked_about_to_the_thread(browse, people, make, app):
    tool = make.tool("Path guide")
    episode = make.episode(tool_id=tool.id)
    alice = browse(people.alice)
    assert f'work__next-way" href="/library/{tool.slug}"' in alice.get(f"/library/{episode.slug}").text
    assert f'work__next-way" href="/library/{tool.slug}/thread"' in alice.get(f"/library/{tool.slug}").text
    thread = make.thread(by=people.bob, title="How we used it")
    with make._saved():
        again(tool).thread_id = thread.id
    assert f'work__next-way" href="/threads/{thread.id}"' in alice.get(f"/library/{tool.slug}").text


def test_what_is_not_out_stands_on_no_path_and_an_empty_one_says_so(browse, people, make):
    make.path("Unfinished path", items=[make.tool()], published=False)
    ahead, draft = make.tool("Ahead", at=now() + timedelta(days=1)), make.tool("Draft", published=False)
    shown = make.path("Open path", items=[ahead, draft])
    gone = make.path("Withdrawn path", items=[make.tool()])
    with make._saved():
        paths.withdraw(again(gone), because="Old", by=again(people.cory))
    for who in (None, people.alice, people.cory):
        browser = browse(who)
        assert "Unfinished path" not in browser.get("/paths").text
        assert browser.get("/paths/unfinished-path").status_code == 404
        assert browser.get(gone.path).status_code == 404
        page = browser.get(shown.path)
        assert titles(page) == []
        assert "Nothing stands on this path now" in page.text
    assert browse(people.alice).get(f"{shown.path}/files").status_code == 404
    assert browse(people.alice).get("/paths/nowhere/files").status_code == 404


def test_without_a_path_the_list_says_what_to_do_instead(browse):
    assert "No path yet" in browse().get("/paths").text


@pytest.mark.parametrize("who", ["nobody", "sam", "lena"])
def test_others_read_what_stands_on_a_path_and_get_nothing_of_it(browse, people, make, who):
    tool = make.tool("Role card", body="The secret inside.")
    path = make.path(items=[tool])
    browser = browse(None if who == "nobody" else getattr(people, who))
    page = browser.get(path.path).text
    assert "Role card" in page
    assert "Join to walk it" in page
    for words in ("The secret inside", "I have done this", f"{path.path}/files"):
        assert words not in page
    answer = browser.get(f"{path.path}/files")
    assert answer.status_code == (303 if who == "nobody" else 403)
    assert b"PK" not in answer.data


def test_lena_sees_how_far_she_had_come(browse, people, make):
    tool, other = make.tool("Role card"), make.tool("Seat map")
    path = make.path(items=[tool, other])
    with make._saved():
        ticking.tick(again(tool), by=again(people.lena))
    page = browse(people.lena).get(path.path).text
    assert "1 of 2" in page
    assert "Untick" not in page


@pytest.mark.parametrize("path", ["/paths", "/paths/long"])
def test_paths_cost_the_same_for_two_as_for_twenty(browse, people, make, count_queries, path):
    make.topic()
    items = [make.tool(f"Tool {number}") for number in range(20)]
    with make._saved():
        long = paths.create(title="Long", summary="All of it.")
        paths.put_in_order(long, [again(item) for item in items[:2]])
        paths.publish(long)
    alice = browse(people.alice)
    alice.get(path)
    with count_queries() as few:
        alice.get(path)
    with make._saved():
        paths.put_in_order(again(long), [again(item) for item in items])
    for number in range(18):
        make.path(f"Another {number}", items=items[:3])
    with count_queries() as many:
        alice.get(path)
    assert len(few) == len(many) <= 8, many


def test_an_item_page_on_twenty_paths_costs_what_it_costs_on_one(browse, people, make, count_queries):
    tool, others = make.tool(topics=[make.topic()]), [make.tool(f"Tool {number}") for number in range(5)]
    make.path("First", items=[tool])
    alice, path = browse(people.alice), f"/library/{tool.slug}"
    alice.get(path)
    with count_queries() as few:
        alice.get(path)
    for number in range(19):
        make.path(f"Path {number}", items=[*others, tool])
    with count_queries() as many:
        alice.get(path)
    assert len(few) == len(many) <= 8, many


# All files at once


def test_alice_gets_the_newest_files_of_every_step_under_names_that_say_which(browse, people, make, app):
    one = make.item(Tool, "Seat map", files={"Seat map.pdf": PDF + b"1", "Größe & 役割.xlsx": b"PK-not-really"})
    two = make.tool("Role card", content=PDF + b"2")
    make.edition(two, content=PDF + b"3")
    essay = make.item(Resource, "An essay", files={})
    path = make.path("Über alles", items=[one, essay, two])
    alice = browse(people.alice)
    answer = alice.get(f"{path.path}/files")
    packed = inside(answer)
    assert packed.testzip() is None
    assert packed.namelist() == ["1 Seat map.pdf", "1 Größe & 役割.xlsx", "3 Role card.pdf"]
    assert packed.read("1 Seat map.pdf") == PDF + b"1"
    assert packed.read("3 Role card.pdf") == PDF + b"3"
    assert answer.mimetype == "application/zip"
    assert "filename*=UTF-8''%C3%9Cber%20alles.zip" in answer.headers["Content-Disposition"]
    assert answer.cache_control.private
    assert answer.cache_control.no_store
    assert "Content-Encoding" not in answer.headers
    assert remembered(app) == 3
    alice.get(f"{path.path}/files")
    assert remembered(app) == 3
    assert set(titles(alice.get("/account/downloads"))) == {"Seat map", "Role card"}
    assert "3 files" in alice.get(path.path).text


def test_the_same_bytes_go_in_once_and_no_two_names_are_one_on_any_disk(browse, people, make):
    tool = make.item(Tool, "Seat map", files={"A.pdf": PDF + b"1", "a.PDF": PDF + b"2", "A (2).pdf": PDF + b"3"})
    copy = make.tool("The same again", content=PDF + b"1")
    names = inside(browse(people.alice).get(f"{make.path(items=[tool, copy]).path}/files")).namelist()
    assert names == ["1 A.pdf", "1 a (2).PDF", "1 A (2) (2).pdf"]


def test_a_look_at_the_headers_packs_and_remembers_nothing(browse, people, make, app):
    path = make.path(items=[make.tool()])
    answer = browse(people.alice).head(f"{path.path}/files")
    assert answer.status_code == 200
    assert answer.data == b""
    assert remembered(app) == 0


def test_each_item_is_asked_on_its_own_who_may_have_it(browse, people, make, monkeypatch):
    """Members may have all of it today; a rule that closes one item closes it in the zip as well."""
    open_tool, closed = make.tool("Open", content=PDF + b"1", is_free=True), make.tool("Closed", content=PDF + b"2")
    path = make.path(items=[open_tool, closed])
    monkeypatch.setattr("portal.library.policy.may_read", lambda _audiences, item: item.is_free)
    packed = inside(browse(people.alice).get(f"{path.path}/files"))
    assert packed.namelist() == ["1 Role card.pdf"]
    assert packed.read("1 Role card.pdf") == PDF + b"1"


def test_a_zip_of_two_hundred_megabytes_is_put_together_in_a_few(app, make):
    """The files are holes on the disk: long, and no work to write."""
    tool = make.item(Tool, "Long", files={f"{number}.pdf": PDF + bytes([number]) for number in range(4)})
    with app.app_context():
        files = db.session.scalars(select(File).order_by(File.position)).all()
        assert len(files) == 4
        for file in files:
            with storage.path_of(file.storage_key).open("r+b") as hole:
                hole.truncate(50_000_000)
        packed = [packing.Entry(file.name, _Long(file)) for file in files]
        tracemalloc.start()
        length = sum(len(piece) for piece in packing.zipped(packed, zone=ZoneInfo("UTC")))
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert tool.title == "Long"
    assert length > 200_000_000
    assert most < 8_000_000


class _Long:
    """A stored file that has grown."""

    size = 50_000_000

    def __init__(self, file: File) -> None:
        self.storage_key, self.created_at = file.storage_key, file.created_at
