"""The coach's library: what stands there, writing it, its files, letting it appear, and how others will see it."""

from __future__ import annotations

import re
from datetime import date, timedelta
from io import BytesIO
from pathlib import Path

import pytest
from sqlalchemy import func, select

from portal.core import found_nothing
from portal.core.audit import Record
from portal.core.clock import now
from portal.core.db import db, transaction
from portal.library import editions, viewing
from portal.library.models import Episode, Item, Upload, Version
from tests.make import PDF, at_once

TOOL = {"title": "Role card", "summary": "One page for one seat.", "body": "Spend longest on the *third* column."}


@pytest.fixture
def cory(browse, people):
    return browse(people.cory)


def begin(browser, kind="tool", **fields) -> int:
    answer = browser.post(f"/desk/library/new/{kind}", data=TOOL | fields)
    assert answer.status_code == 303, answer.text
    return int(answer.location.rsplit("/", 1)[1])


def upload(browser, item_id, *files, script=False):
    sent = [(BytesIO(content), name) for name, content in files]
    headers = {"Accept": "application/json"} if script else {}
    data = {"csrf_token": browser.csrf_token(), "files": sent}
    return browser.post(f"/desk/library/{item_id}/files", data=data, headers=headers, csrf=False)


def put_out(browser, item_id, *, names=None, note=""):
    """Everything that stands on the page, in its order, with other names where they are given."""
    page = browser.get(f"/desk/library/{item_id}/files").text
    data = {"note": note}
    for key, checked in re.findall(r'name="in-([\w-]+)" value="1"( checked)?', page):
        if checked:
            data[f"in-{key}"] = "1"
        for field in ("name", "place"):
            data[f"{field}-{key}"] = re.search(rf'name="{field}-{key}" value="([^"]*)"', page).group(1)
        data[f"name-{key}"] = (names or {}).get(data[f"name-{key}"], data[f"name-{key}"])
    return browser.post(f"/desk/library/{item_id}/editions", data=data)


def row(app, item_id):
    with app.app_context():
        return db.session.get_one(Item, item_id)


def titles(page):
    return re.findall(r'class="item__title"><a href="/desk/library/\d+">([^<]+)</a>', page.text)


# The list


def test_cory_narrows_by_state_kind_topic_and_title(app, cory, make):
    clarity = make.topic("Role clarity")
    make.tool("Role card", topics=[clarity])
    make.tool("Seat map", published=False)
    make.tool("Next week", at=now() + timedelta(days=7))
    make.episode("What a seat is for")
    gone = make.tool("Old card")
    cory.post(f"/desk/library/{gone.id}/withdrawal", data={"because": "Out of date"})
    assert set(titles(cory.get("/desk/library"))) == {
        "Role card", "Seat map", "Next week", "What a seat is for", "Old card",
    }  # fmt: skip
    for query, wanted in {
        "state=draft": ["Seat map"],
        "state=scheduled": ["Next week"],
        "state=published": ["What a seat is for", "Role card"],
        "state=withdrawn": ["Old card"],
        "kind=episode": ["What a seat is for"],
        "topic=role-clarity": ["Role card"],
        "q=CARD": ["Old card", "Role card"],
        "q=card&state=published": ["Role card"],
        "q=100%25": [],
    }.items():
        assert titles(cory.get(f"/desk/library?{query}")) == wanted, query
    for nonsense in ("state=x", "kind=", "topic=%00", "before=nonsense", "q=%F0%9F%92%A9"):
        assert cory.get(f"/desk/library?{nonsense}").status_code == 200


def test_the_list_pages_by_thirty_and_costs_the_same_for_two_as_for_thirty(cory, make, count_queries):
    def fill(many):
        for number in range(many):
            make.tool(f"Tool {number:02}", file=None)

    fill(2)
    cory.get("/desk/library")
    with count_queries() as few:
        cory.get("/desk/library")
    fill(33)
    with count_queries() as many:
        first = cory.get("/desk/library")
    assert len(many) == len(few) <= 8
    older = re.search(r'rel="next" href="([^"]+)"', first.text).group(1)
    second = cory.get(older)
    assert (len(titles(first)), len(titles(second))) == (30, 5)
    assert not set(titles(first)[:3]) & set(titles(second))


def test_each_item_says_what_became_of_it(app, cory, browse, people, make):
    tool, thread = make.tool(), make.thread(by=people.alice, posts=3)
    with app.app_context(), transaction():
        db.session.get_one(Item, tool.id).thread_id = thread.id
    alice = browse(people.alice)
    for _ in range(3):
        alice.get(f"/library/{tool.slug}")
    browse().get(f"/library/{tool.slug}")
    cory.get(f"/library/{tool.slug}")  # staff are not counted
    alice.get(f"/library/{tool.slug}/file")
    viewing.write_down(app)
    page = cory.get("/desk/library").text
    figures = dict(re.findall(r"<dt>(\w+)</dt><dd>(?:<a[^>]*>)?(\d+)", page))
    assert figures == {"Views": "4", "Downloads": "1", "Useful": "0", "Replies": "2"}


def test_views_of_many_readers_at_once_are_all_counted_and_none_twice(app, browse, people, make):
    tool = make.tool()
    alice = [browse(people.alice) for _ in range(10)]
    at_once(10, lambda n: [alice[n].get(f"/library/{tool.slug}") for _ in range(3)])
    at_once(4, lambda _: viewing.write_down(app))
    with app.app_context():
        assert db.session.scalar(select(func.sum(viewing.ViewCount.views))) == 30
        viewing.write_down(app)
        assert db.session.scalar(select(func.sum(viewing.ViewCount.views))) == 30


def test_what_was_looked_for_in_vain_stands_in_a_list(app, cory):
    with app.app_context():
        for words in ("pay plan", "pay plan", "locum"):
            found_nothing.note(words)
    page = cory.get("/desk/library/searches").text
    assert re.findall(r'scope="row"><a[^>]*>([^<]+)</a></th><td[^>]*>(\d+)<', page) == [
        ("pay plan", "2"),
        ("locum", "1"),
    ]


def test_before_anything_is_written_the_coach_finds_where_to_begin(cory):
    assert "/desk/library/new/tool" in re.findall(r'class="btn" href="([^"]+)"', cory.get("/desk/library").text)
    assert "Show everything" in cory.get("/desk/library?kind=tool").text


# Writing


@pytest.mark.parametrize(
    ("kind", "more"),
    [
        ("tool", {"minutes": "20"}),
        ("resource", {"link": "https://example.com/talk"}),
        ("nugget", {"situation": "S", "change": "C", "result": "R"}),
        ("episode", {"number": "7", "aired_on": "2026-05-03", "chapters": "0:00 Opening", "guests": "Ines | vet"}),
    ],
)
def test_cory_begins_one_of_each_kind_and_changes_it(app, cory, kind, more):
    item_id = begin(cory, kind, **more)
    page = cory.get(f"/desk/library/{item_id}").text
    for value in (TOOL["title"], TOOL["body"], *more.values()):
        assert value.replace("&", "&amp;") in page
    changed = TOOL | more | {"title": "Another title", "seen": "1"}
    assert cory.post(f"/desk/library/{item_id}", data=changed).status_code == 303
    assert row(app, item_id).title == "Another title"


def test_what_is_wrong_is_said_beside_its_field_and_nothing_typed_is_lost(app, cory):
    answer = cory.post(
        "/desk/library/new/episode",
        data={"title": " ", "body": "My notes", "chapters": "no time", "transcript": "no cues", "number": "0"},
    )
    assert answer.status_code == 422
    for words in ("Give it a title.", "Everybody reads this", "Begin each line with its time", "no WebVTT", "My notes"):
        assert words in answer.text
    for link in ("javascript:alert(1)", "https://", "https://[example.com"):
        answer = cory.post("/desk/library/new/resource", data=TOOL | {"link": link})
        assert (answer.status_code, "beginning with https://" in answer.text) == (422, True)
    guests = cory.post("/desk/library/new/episode", data=TOOL | {"number": "3", "guests": "Ines | vet | ftp://x"})
    assert (guests.status_code, "https://" in guests.text) == (422, True)
    with app.app_context():
        assert db.session.scalar(select(func.count()).select_from(Item)) == 0


def test_a_number_that_is_taken_is_refused_beside_its_field(cory):
    begin(cory, "episode", number="7")
    answer = cory.post("/desk/library/new/episode", data=TOOL | {"title": "Another", "number": "7"})
    assert answer.status_code == 422
    assert "Another episode has this number already." in answer.text


def test_a_preview_without_script_shows_the_words_and_saves_nothing(app, cory):
    answer = cory.post("/desk/library/new/tool", data=TOOL | {"preview": "body"})
    assert answer.status_code == 200
    assert "<em>third</em>" in answer.text
    assert 'value="Role card"' in answer.text
    with app.app_context():
        assert db.session.scalar(select(func.count()).select_from(Item)) == 0


def test_what_saves_itself_is_there_when_the_page_is_opened_again(app, cory, browse, people):
    answer = cory.post("/desk/library/new/tool/draft", data=TOOL | {"mark": "m1", "after": "", "is_free": "y"})
    assert answer.json["mark"] == "m1"
    page = cory.get("/desk/library/new/tool").text
    assert "third* column" in page
    assert re.search(r'id="is_free"[^>]*checked|checked[^>]*id="is_free"', page)
    assert "third* column" not in browse(people.olga).get("/desk/library/new/tool").text, "it is Cory's own"
    begin(cory)
    assert "third* column" not in cory.get("/desk/library/new/tool").text, "it became an item"


def test_an_older_window_s_saving_is_refused_and_says_so(cory):
    cory.post("/desk/library/new/tool/draft", data=TOOL | {"mark": "m1", "after": ""})
    answer = cory.post("/desk/library/new/tool/draft", data=TOOL | {"mark": "m9", "after": "m0"})
    assert answer.status_code == 409


def test_readers_see_what_is_published_until_changes_are(app, cory, browse, people, make):
    tool = make.tool("Role card", body="Old words")
    cory.post(
        f"/desk/library/{tool.id}/draft", data=TOOL | {"seen": "0", "body": "New words", "mark": "m", "after": ""}
    )
    alice = browse(people.alice)
    assert "Old words" in alice.get(tool.path).text
    page = cory.get(f"/desk/library/{tool.id}").text
    assert "New words" in page
    assert "Publish changes" in page
    assert "Changes wait" in cory.get("/desk/library").text
    kept = cory.post(f"/desk/library/{tool.id}", data=TOOL | {"seen": "0", "body": "Newer words", "do": "keep"})
    assert kept.status_code == 303
    assert "Newer words" in cory.get(f"/desk/library/{tool.id}").text
    assert "Old words" in alice.get(tool.path).text
    cory.post(f"/desk/library/{tool.id}", data=TOOL | {"seen": "0", "body": "Newer words", "do": "save"})
    assert "Newer words" in alice.get(tool.path).text
    assert "Changes wait" not in cory.get("/desk/library").text


def test_changes_that_are_thrown_away_leave_what_is_published(cory, make):
    tool = make.tool("Role card", body="Old words")
    cory.post(f"/desk/library/{tool.id}/draft", data=TOOL | {"body": "New words", "mark": "m", "after": ""})
    cory.post(f"/desk/library/{tool.id}/draft/removal")
    page = cory.get(f"/desk/library/{tool.id}").text
    assert "Old words" in page
    assert "New words" not in page


def test_the_second_of_two_coaches_sees_what_the_first_did_with_her_words_still_there(app, cory, browse, people):
    item_id = begin(cory)
    olga = browse(people.olga)
    olga.post(f"/desk/library/{item_id}", data=TOOL | {"seen": "1", "summary": "Half a page."})
    answer = cory.post(f"/desk/library/{item_id}", data=TOOL | {"seen": "1", "body": "Cory's own words"})
    assert answer.status_code == 409
    assert "Olga has changed it since you opened it." in answer.text
    assert "Cory&#39;s own words</textarea>" in answer.text
    assert "Half a page." in re.sub(r"<[^>]+>", "", answer.text)
    assert 'name="seen" type="hidden" value="2"' in answer.text
    assert row(app, item_id).summary == "Half a page."
    again = cory.post(f"/desk/library/{item_id}", data=TOOL | {"seen": "2", "body": "Cory's own words"})
    assert again.status_code == 303


def test_a_coach_is_told_that_another_has_words_there_before_either_publishes(cory, browse, people, make):
    tool = make.tool()
    browse(people.olga).post(f"/desk/library/{tool.id}/draft", data=TOOL | {"mark": "m", "after": ""})
    assert "Olga has words here that are not published" in cory.get(f"/desk/library/{tool.id}").text


def test_history_shows_each_change_word_by_word_and_puts_an_old_one_back(app, cory):
    item_id = begin(cory)
    cory.post(f"/desk/library/{item_id}", data=TOOL | {"seen": "1", "body": "Spend longest on the *second* column."})
    page = cory.get(f"/desk/library/{item_id}/history").text
    assert '<del><span class="visually-hidden">Taken out: </span>third</del>' in page
    assert '<ins><span class="visually-hidden">Put in: </span>second</ins>' in page
    for number in ("1", "99", "x"):
        assert cory.get(f"/desk/library/{item_id}/history?number={number}").status_code == 200
    assert cory.post(f"/desk/library/{item_id}/history/1/restoration", data={"seen": "2"}).status_code == 303
    assert "*third*" in row(app, item_id).body
    assert cory.post(f"/desk/library/{item_id}/history/9/restoration", data={"seen": "3"}).status_code == 404
    assert cory.post(f"/desk/library/{item_id}/history/2/restoration", data={"seen": "1"}).status_code == 409


# Files


def test_two_files_become_an_edition_under_their_names_and_in_their_order(app, cory, browse, people):
    item_id = begin(cory)
    upload(cory, item_id, ("../rôle card.pdf", PDF), ("Other.pdf", PDF + b"x"))
    assert put_out(cory, item_id, names={"Other.pdf": "Worked example"}).status_code == 303
    with app.app_context():
        files = db.session.scalars(select(Version)).one().files
        assert [(file.position, file.name) for file in files] == [(1, "rôle card.pdf"), (2, "Worked example.pdf")]
        assert db.session.scalar(select(func.count()).select_from(Upload)) == 0
    cory.post(f"/desk/library/{item_id}/release", data={"do": "now"})
    assert browse(people.alice).get(f"/library/{row(app, item_id).slug}/file").data == PDF


def test_a_replaced_file_is_the_next_edition_and_tells_who_has_the_last(app, cory, browse, people, make):
    tool, alice = make.tool(file="Role card.pdf"), browse(people.alice)
    alice.get(f"{tool.path}/file")
    answer = upload(cory, tool.id, ("Role card.pdf", PDF + b"new"), script=True)
    assert (answer.status_code, answer.json["name"]) == (200, "Role card.pdf")
    put_out(cory, tool.id, note="The third column is wider.")
    page = alice.get(tool.path).text
    assert "Changed since you downloaded it" in page
    assert "The third column is wider." in page
    with app.app_context():
        newest = db.session.scalar(select(Version).where(Version.number == 2))
        assert [file.name for file in newest.files] == ["Role card.pdf"], "the file of that name gave way"
    assert alice.get(f"{tool.path}/file").data == PDF + b"new"
    assert alice.get(f"{tool.path}/file?version=1").data == PDF


def test_a_file_that_stays_is_in_the_next_edition_too(app, cory, browse, people, make):
    tool = make.tool(file="Role card.pdf")
    upload(cory, tool.id, ("Example.pdf", PDF + b"e"))
    put_out(cory, tool.id)
    alice = browse(people.alice)
    assert [alice.get(f"{tool.path}/file?file={n}").data for n in (1, 2)] == [PDF, PDF + b"e"]


def test_other_names_and_another_order_are_no_new_edition(app, cory, make):
    item_id = begin(cory)
    upload(cory, item_id, ("A.pdf", PDF), ("B.pdf", PDF + b"b"))
    put_out(cory, item_id)
    with app.app_context():
        first, second = db.session.scalars(select(Version)).one().files
    cory.post(
        f"/desk/library/{item_id}/editions",
        data={f"in-file-{first.id}": "1", f"place-file-{first.id}": "2", f"name-file-{first.id}": "A2",
              f"in-file-{second.id}": "1", f"place-file-{second.id}": "1", f"name-file-{second.id}": "../B2.pdf"},
    )  # fmt: skip
    with app.app_context():
        assert [file.name for file in db.session.scalars(select(Version)).one().files] == ["B2.pdf", "A2.pdf"]


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("page.html", b"<script>alert(1)</script>", "not a kind of file"),
        ("drawing.svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not a kind of file"),
        ("card.pdf", b"MZ\x90\x00 a program", "not a kind of file"),
        ("card.pdf", b"", "is empty"),
    ],
)
def test_what_the_library_does_not_offer_is_refused_with_all_that_came_with_it(app, cory, name, content, words):
    item_id = begin(cory)
    answer = upload(cory, item_id, ("Good.pdf", PDF), (name, content))
    assert (answer.status_code, words in answer.text) == (422, True)
    script = upload(cory, item_id, (name, content), script=True)
    assert (script.status_code, words in script.json["message"]) == (422, True)
    assert stored(app) == []
    with app.app_context():
        assert db.session.scalar(select(func.count()).select_from(Upload)) == 0


def stored(app) -> list[str]:
    folder = Path(app.config["STORAGE_DIR"])
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def test_what_is_larger_than_allowed_is_refused_with_a_sentence_before_it_is_read(app, cory, monkeypatch):
    item_id = begin(cory)
    monkeypatch.setitem(app.config, "LARGEST_UPLOAD_MB", 1)
    answer = upload(cory, item_id, ("Big.pdf", PDF + b"x" * 2_500_000), script=True)
    assert answer.status_code == 413
    assert "at most 1.0 MB can be sent at once" in answer.text
    assert stored(app) == []


def test_an_upload_that_breaks_off_leaves_no_record_and_no_bytes(app, cory):
    item_id = begin(cory)
    body = (
        b"--b\r\nContent-Disposition: form-data; name=\"csrf_token\"\r\n\r\n" + cory.csrf_token().encode()
        + b"\r\n--b\r\nContent-Disposition: form-data; name=\"files\"; filename=\"A.pdf\"\r\n\r\n" + PDF
    )  # fmt: skip
    answer = cory.post(
        f"/desk/library/{item_id}/files",
        data=body,
        content_type="multipart/form-data; boundary=b",
        headers={"Content-Length": str(len(body) + 4000)},
        csrf=False,
    )
    assert answer.status_code in {400, 422}
    assert stored(app) == []
    with app.app_context():
        assert db.session.scalar(select(func.count()).select_from(Upload)) == 0


def test_what_is_removed_before_it_is_put_out_goes_with_its_bytes(app, cory, work_off):
    item_id = begin(cory)
    upload(cory, item_id, ("A.pdf", PDF))
    with app.app_context():
        upload_id = db.session.scalar(select(Upload.id))
    assert cory.post(f"/desk/library/{item_id + 1}/uploads/{upload_id}/removal").status_code == 404
    assert cory.post(f"/desk/library/{item_id}/uploads/{upload_id}/removal").status_code == 303
    work_off()
    assert stored(app) == []


def test_what_is_removed_while_it_is_put_out_keeps_its_bytes(app, cory, work_off):
    item_id = begin(cory)
    upload(cory, item_id, ("A.pdf", PDF))
    with app.app_context():
        seen = db.session.scalars(select(Upload)).one()  # as the slower of two coaches still sees it
    put_out(cory, item_id)
    with app.app_context(), transaction(), pytest.raises(editions.UsedMeanwhile):
        editions.discard(seen)
    work_off()
    assert len(stored(app)) == 1


def test_a_button_pressed_ten_times_puts_out_one_edition(app, cory, browse, people):
    item_id = begin(cory)
    upload(cory, item_id, ("A.pdf", PDF))
    browsers = [browse(people.cory) for _ in range(10)]
    answers = at_once(10, lambda n: put_out(browsers[n], item_id).status_code)
    assert answers.count(303) >= 1
    with app.app_context():
        assert db.session.scalar(select(func.count()).select_from(Version)) == 1


def test_an_episode_begins_with_the_day_that_it_is_at_home_and_not_in_london(app, browse, people, clock):
    clock.move_to("2027-01-02T03:00:00+00:00")  # nine in the evening in Chicago
    cory = browse(people.cory)
    assert 'value="2027-01-01"' in cory.get("/desk/library/new/episode").text
    item_id = begin(cory, "episode", number="7", aired_on="")
    with app.app_context():
        assert db.session.get_one(Episode, item_id).aired_on == date(2027, 1, 1)


# Letting it appear


def test_cory_schedules_by_the_clock_on_her_own_wall(app, browse, people, clock):
    clock.move_to("2027-03-10T12:00:00+00:00")
    cory = browse(people.cory)
    with app.app_context(), transaction():
        db.session.merge(people.cory).time_zone = "Europe/Berlin"
    item_id = begin(cory, "resource")
    at = {"do": "later", "clock": "09:00"}
    assert cory.post(f"/desk/library/{item_id}/release", data=at | {"day": "2027-03-28"}).status_code == 303
    assert f"{row(app, item_id).published_at:%Y-%m-%d %H:%M}" == "2027-03-28 07:00", "clocks went forward that night"
    page = cory.get(f"/desk/library/{item_id}/release").text
    assert "Europe/Berlin" in page
    assert 'value="09:00"' in page


def test_a_time_that_does_not_exist_is_refused_and_one_that_comes_twice_is_said(app, browse, people, clock):
    clock.move_to("2027-03-01T12:00:00+00:00")
    cory = browse(people.cory)
    item_id = begin(cory, "resource")
    skipped = cory.post(f"/desk/library/{item_id}/release", data={"do": "later", "day": "2027-03-14", "clock": "02:30"})
    assert skipped.status_code == 422
    assert "is skipped. Choose 3:00" in skipped.text
    twice = cory.post(
        f"/desk/library/{item_id}/release",
        data={"do": "later", "day": "2027-11-07", "clock": "01:30"},
        follow_redirects=True,
    )
    assert "comes twice on this day; the first is meant" in twice.text
    assert f"{row(app, item_id).published_at:%Y-%m-%d %H:%M}" == "2027-11-07 06:30"


@pytest.mark.parametrize("at", [{"day": "", "clock": ""}, {"day": "2020-01-01", "clock": "09:00"}, {"day": "soon"}])
def test_a_moment_that_is_none_or_over_is_refused_in_words(app, cory, at):
    item_id = begin(cory, "resource")
    assert cory.post(f"/desk/library/{item_id}/release", data={"do": "later"} | at).status_code == 422
    assert row(app, item_id).published_at is None


def test_a_tool_without_a_file_does_not_appear(app, cory):
    item_id = begin(cory)
    answer = cory.post(f"/desk/library/{item_id}/release", data={"do": "now"})
    assert (answer.status_code, "needs a file" in answer.text) == (409, True)
    assert row(app, item_id).published_at is None


def test_withdrawn_with_a_reason_and_brought_back_it_stands_where_it_stood(app, cory, browse, people, make):
    tool, alice = make.tool(), browse(people.alice)
    assert cory.post(f"/desk/library/{tool.id}/withdrawal", data={"because": " "}).status_code == 422
    cory.post(f"/desk/library/{tool.id}/withdrawal", data={"because": "The columns are wrong."})
    assert [alice.get(tool.path + end).status_code for end in ("", "/file")] == [404, 404]
    with app.app_context():
        record = db.session.scalars(select(Record).where(Record.action == "item.withdrawn")).one()
        assert (record.because, record.by_id) == ("The columns are wrong.", people.cory.id)
    cory.post(f"/desk/library/{tool.id}/return")
    assert alice.get(tool.path).status_code == 200
    assert cory.post(f"/desk/library/{tool.id}/return").status_code == 409


def test_an_older_page_neither_pulls_back_what_is_out_nor_puts_out_what_is_not_to_be(app, cory, browse, people, make):
    tool, draft, alice = make.tool(), make.tool("Not yet", published=False), browse(people.alice)
    later = {"do": "later", "day": "2099-01-01", "clock": "09:00"}
    answer = cory.post(f"/desk/library/{tool.id}/release", data=later)
    assert (answer.status_code, "It is out already" in answer.text) == (409, True)
    assert alice.get(tool.path).status_code == 200
    cory.post(f"/desk/library/{tool.id}/withdrawal", data={"because": "A patient is in the picture."})
    assert cory.post(f"/desk/library/{tool.id}/release", data={"do": "now"}).status_code == 409
    assert alice.get(tool.path).status_code == 404
    assert cory.post(f"/desk/library/{draft.id}/withdrawal", data={"because": "A slip."}).status_code == 409
    assert cory.post(f"/desk/library/{draft.id}/return").status_code == 409
    assert alice.get(draft.path).status_code == 404


def test_a_button_pressed_ten_times_lets_it_appear_once(app, make, browse, people):
    draft = make.tool(published=False)
    browsers = [browse(people.cory) for _ in range(10)]
    answers = at_once(10, lambda n: browsers[n].post(f"/desk/library/{draft.id}/release", data={"do": "now"}))
    assert sorted(answer.status_code for answer in answers) == [303] + [409] * 9
    with app.app_context():
        assert db.session.scalar(select(func.count()).where(Record.action == "item.published")) == 1


def test_followers_are_told_afterwards_once_and_only_of_what_is_out(app, cory, make):
    tool, draft = make.tool(), make.tool(published=False)
    assert cory.post(f"/desk/library/{tool.id}/announcement").status_code == 303
    assert cory.post(f"/desk/library/{tool.id}/announcement").status_code == 409
    assert cory.post(f"/desk/library/{draft.id}/announcement").status_code == 409


# A look at it as others see it


def test_cory_sees_a_draft_as_a_visitor_a_member_and_somebody_who_lapsed(app, cory):
    item_id = begin(cory)
    upload(cory, item_id, ("Role card.pdf", PDF))
    put_out(cory, item_id)
    path = row(app, item_id).path
    inside, teaser = "<em>third</em>", "Join to download"
    for who, sees in {"visitor": teaser, "lapsed": teaser, "member": inside}.items():
        page = cory.get(f"{path}?as={who}")
        assert sees in page.text, who
        assert (inside in page.text) == (who == "member")
        assert "Back to writing" in page.text
        assert page.headers["Cache-Control"] == "private, no-store"
    assert cory.get("/desk").status_code == 200, "it was for that one page"


def test_she_sees_her_words_that_are_not_published_and_nobody_else_does(cory, browse, people, make):
    tool = make.tool("Role card", body="Old words")
    cory.post(f"/desk/library/{tool.id}/draft", data=TOOL | {"body": "New words", "mark": "m", "after": ""})
    assert "New words" in cory.get(f"{tool.path}?as=member").text
    assert "New words" not in cory.get(f"{tool.path}?as=visitor").text
    for who in (people.olga, people.alice, None):
        assert "New words" not in browse(who).get(f"{tool.path}?as=member").text


def test_nobody_but_coaches_can_look_at_what_is_not_out(browse, people, make):
    draft = make.tool(published=False)
    for who in (None, people.sam, people.alice, people.lena, people.mo):
        for kind in ("member", "visitor", "owner", ""):
            assert browse(who).get(f"{draft.path}?as={kind}").status_code == 404
    assert browse(people.cory).get(draft.path).status_code == 404
    assert browse(people.cory).get(f"{draft.path}?as=owner").status_code == 404


def test_a_look_notes_nothing_and_counts_no_view(app, cory, make):
    tool = make.tool()
    cory.get(f"{tool.path}?as=member")
    viewing.write_down(app)
    with app.app_context():
        assert db.session.scalar(select(func.count()).select_from(viewing.ViewCount)) == 0


def test_drafts_carry_no_word_into_the_public_lists(browse, people, cory):
    begin(cory, title="A secret plan")
    for path in ("/library", "/search?q=secret", "/episodes", "/"):
        assert "secret plan" not in browse(people.alice).get(path).text


def test_every_page_of_an_item_keeps_its_budget(cory, make, count_queries):
    tool = make.tool(topics=[make.topic()])
    make.edition(tool, note="Wider")
    for end in ("", "/files", "/release", "/history"):
        cory.get(f"/desk/library/{tool.id}{end}")
        with count_queries() as queries:
            assert cory.get(f"/desk/library/{tool.id}{end}").status_code == 200
        assert len(queries) <= 12, end
