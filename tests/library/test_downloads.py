"""The gated file: whole, in parts, resumed, by whom, and never to anyone else."""

from __future__ import annotations

import hashlib
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from portal.core.db import db
from portal.library import downloads
from portal.library.models import Download, Episode, File, Resource, Tool
from tests.make import MP3, PDF

SECRET = b"%PDF-1.4\n" + b"the whole worksheet " * 500


def downloads_kept(app) -> int:
    with app.app_context():
        return db.session.scalar(select(func.count()).select_from(Download))


def test_alice_downloads_the_tool_byte_by_byte_with_its_name_type_and_length(browse, people, make):
    tool = make.tool(file="Role card.pdf", content=SECRET)
    answer = browse(people.alice).get(f"/library/{tool.slug}/file")
    assert answer.status_code == 200
    assert answer.data == SECRET
    assert answer.headers["Content-Type"] == "application/pdf"
    assert answer.headers["Content-Length"] == str(len(SECRET))
    assert answer.headers["Content-Disposition"] == 'attachment; filename="Role card.pdf"'
    assert answer.headers["ETag"] == f'"{hashlib.sha256(SECRET).hexdigest()}"'
    assert answer.headers["Accept-Ranges"] == "bytes"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.cache_control.private
    assert answer.cache_control.no_cache
    assert not answer.cache_control.public
    assert "Content-Encoding" not in answer.headers


@pytest.mark.parametrize("method", ["get", "head"])
@pytest.mark.parametrize("extra", [{}, {"Range": "bytes=0-99"}, {"Range": "bytes=-5"}, {"Accept-Encoding": "br, gzip"}])
@pytest.mark.parametrize("who", ["nobody", "sam", "lena", "suspended"])
def test_nobody_else_gets_one_byte_of_any_stored_file(browse, people, make, app, who, method, extra):
    suspended = make.member("Suspended", entitled=True)
    with make._saved():
        row = db.session.get_one(type(suspended), suspended.id)
        row.suspended_until = row.created_at + timedelta(days=9999)
    things = [
        make.tool(file="Kept.pdf", content=SECRET),
        make.item(Resource, "An essay", files={"Essay.pdf": SECRET}),
        make.episode(content=MP3),
        make.nugget(files={"Picture.pdf": SECRET}, composite=True),
    ]
    make.edition(things[0], file="Kept.pdf", content=SECRET + b"2")
    visitor = browse({"nobody": None, "suspended": suspended}.get(who, getattr(people, who, None)))
    for thing in things:
        for ending in ("file", "file?version=1", "file?version=2", "file?file=1", "audio", "audio?version=1"):
            answer = getattr(visitor, method)(f"/library/{thing.slug}/{ending}", headers=extra)
            assert answer.status_code == (303 if who == "nobody" else 403), ending
            assert b"%PDF" not in answer.data
            assert b"the whole worksheet" not in answer.data
            assert MP3[:40] not in answer.data
            assert "Content-Range" not in answer.headers
            assert "ETag" not in answer.headers
            assert "Kept.pdf" not in str(answer.headers)
    assert downloads_kept(app) == 0


def test_a_visitor_is_led_to_sign_in_and_back_to_the_file(browse, make):
    tool = make.tool()
    answer = browse().get(f"/library/{tool.slug}/file")
    assert answer.status_code == 303
    assert answer.headers["Location"] == f"/sign-in?next=/library/{tool.slug}/file"


def test_alice_gets_the_part_she_asks_for(browse, people, make):
    tool = make.tool(content=SECRET)
    browser, path = browse(people.alice), f"/library/{tool.slug}/file"
    for asked, expected in {"0-9": SECRET[:10], "100-": SECRET[100:], "-7": SECRET[-7:], "5-5": SECRET[5:6]}.items():
        answer = browser.get(path, headers={"Range": f"bytes={asked}"})
        assert answer.status_code == 206, asked
        assert answer.data == expected
        start = SECRET.index(expected) if asked == "0-9" else len(SECRET) - len(expected)
        if asked != "5-5":
            assert answer.headers["Content-Range"] == f"bytes {start}-{start + len(expected) - 1}/{len(SECRET)}"
        assert answer.headers["Content-Length"] == str(len(expected))


def test_an_interrupted_download_resumes_and_the_bytes_are_equal(browse, people, make):
    tool = make.tool(content=SECRET)
    browser, path = browse(people.alice), f"/library/{tool.slug}/file"
    first = browser.get(path, headers={"Range": "bytes=0-3999"})
    rest = browser.get(path, headers={"Range": "bytes=4000-", "If-Range": first.headers["ETag"]})
    assert rest.status_code == 206
    assert first.data + rest.data == SECRET


def test_a_file_that_changed_meanwhile_is_sent_whole_instead_of_glued_together(browse, people, make):
    tool = make.tool(content=SECRET)
    browser, path = browse(people.alice), f"/library/{tool.slug}/file"
    etag = browser.get(path, headers={"Range": "bytes=0-10"}).headers["ETag"]
    make.edition(tool, content=PDF)
    answer = browser.get(path, headers={"Range": "bytes=11-", "If-Range": etag})
    assert answer.status_code == 200
    assert answer.data == PDF


def test_a_part_beyond_the_end_is_416_and_nonsense_is_the_whole_file(browse, people, make):
    tool = make.tool(content=SECRET)
    browser, path = browse(people.alice), f"/library/{tool.slug}/file"
    beyond = browser.get(path, headers={"Range": f"bytes={len(SECRET)}-"})
    assert beyond.status_code == 416
    assert beyond.headers["Content-Range"] == f"bytes */{len(SECRET)}"
    for nonsense in ("bytes=9-2", "bytes=a-b", "lines=0-5", "bytes=0-1,5-6", "bytes=", "x" * 500):
        answer = browser.get(path, headers={"Range": nonsense})
        assert answer.status_code == 200, nonsense
        assert answer.data == SECRET


def test_head_tells_everything_and_sends_nothing(browse, people, make, app):
    tool = make.tool(content=SECRET)
    answer = browse(people.alice).head(f"/library/{tool.slug}/file")
    assert answer.status_code == 200
    assert answer.data == b""
    assert answer.headers["Content-Length"] == str(len(SECRET))
    assert downloads_kept(app) == 0


def test_what_alice_has_already_is_not_sent_again_but_is_checked_again(browse, people, make):
    tool = make.tool(content=SECRET)
    etag = browse(people.alice).get(f"/library/{tool.slug}/file").headers["ETag"]
    again = browse(people.alice).get(f"/library/{tool.slug}/file", headers={"If-None-Match": etag})
    assert again.status_code == 304
    assert browse(people.sam).get(f"/library/{tool.slug}/file", headers={"If-None-Match": etag}).status_code == 403


def test_names_survive_in_every_script(browse, people, make):
    tool = make.tool(file="Größe & Rôle 役割.pdf")
    said = browse(people.alice).get(f"/library/{tool.slug}/file").headers["Content-Disposition"]
    assert said.startswith("attachment;")
    assert "filename*=UTF-8''Gr%C3%B6%C3%9Fe%20&%20R%C3%B4le%20%E5%BD%B9%E5%89%B2.pdf" in said
    assert said.isascii()


@pytest.mark.parametrize(
    "name", ['a"; filename=evil.exe.pdf', "a\r\nSet-Cookie: x=1.pdf", "../../etc/passwd.pdf", "\u202efdp.exe.pdf"]
)
def test_a_hostile_name_stays_one_harmless_name(browse, people, make, name):
    tool = make.tool(file=name)
    answer = browse(people.alice).get(f"/library/{tool.slug}/file")
    assert answer.status_code == 200
    assert "x=1" not in answer.headers.get("Set-Cookie", "")
    said = answer.headers["Content-Disposition"]
    assert "/" not in said
    assert "\u202e" not in said


def test_a_script_dressed_as_a_pdf_is_only_bytes(browse, people, make):
    tool = make.tool(file="Role card.pdf", content=b"<html><script>alert(1)</script>")
    answer = browse(people.alice).get(f"/library/{tool.slug}/file")
    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert browse(people.alice).get(f"/library/{tool.slug}/audio").status_code == 404


def test_an_older_edition_and_a_second_file_are_reachable_and_nonsense_falls_back(browse, people, make):
    tool = make.item(Tool, "Seat map", files={"One.pdf": PDF + b"1", "Two.pdf": PDF + b"2"})
    make.edition(tool, file="One.pdf", content=PDF + b"3")
    browser = browse(people.alice)
    assert browser.get(f"/library/{tool.slug}/file").data == PDF + b"3"
    assert browser.get(f"/library/{tool.slug}/file?version=1").data == PDF + b"1"
    assert browser.get(f"/library/{tool.slug}/file?version=1&file=2").data == PDF + b"2"
    for nonsense in ("version=99", "version=-1", "version=abc", "file=9", "version=1%00", "version=" + "9" * 50):
        assert browser.get(f"/library/{tool.slug}/file?{nonsense}").status_code == 200, nonsense


def test_drafts_withdrawn_and_unknown_items_have_no_file_even_for_staff(browse, people, make):
    draft = make.tool("A draft", published=False)
    ahead = make.tool("Next week", at=make_future())
    for who in (people.alice, people.cory):
        for slug in (draft.slug, ahead.slug, "no-such-thing"):
            assert browse(who).get(f"/library/{slug}/file").status_code == 404
            assert browse(who).get(f"/library/{slug}").status_code == 404


def make_future():
    from portal.core.clock import now

    return now() + timedelta(days=7)


def test_a_free_item_is_for_everyone_with_an_account_and_nobody_else(browse, people, make):
    tool = make.tool(content=SECRET, is_free=True)
    assert browse(people.sam).get(f"/library/{tool.slug}/file").data == SECRET
    assert browse(people.lena).get(f"/library/{tool.slug}/file").data == SECRET
    assert browse().get(f"/library/{tool.slug}/file").status_code == 303


def test_the_player_gets_the_audio_in_place_and_in_parts(browse, people, make):
    episode = make.episode(content=MP3)
    answer = browse(people.alice).get(f"/library/{episode.slug}/audio", headers={"Range": "bytes=0-"})
    assert answer.status_code == 206
    assert answer.data == MP3
    assert answer.headers["Content-Type"] == "audio/mpeg"
    assert answer.headers["Content-Disposition"].startswith("inline")
    assert "private" in answer.headers["Cache-Control"]


def test_a_begun_download_is_remembered_once_an_hour_and_its_parts_never(browse, people, make, app, clock):
    tool = make.tool(content=SECRET)
    browser, path = browse(people.alice), f"/library/{tool.slug}/file"
    browser.get(path, headers={"Range": "bytes=100-"})
    assert downloads_kept(app) == 0
    browser.get(path)
    browser.get(path)
    browser.get(path, headers={"Range": "bytes=0-"})
    assert downloads_kept(app) == 1
    clock.shift(timedelta(minutes=61))
    browser.get(path)
    assert downloads_kept(app) == 2


def test_a_download_that_cannot_be_remembered_is_sent_all_the_same(browse, people, make, app, monkeypatch):
    tool = make.tool(content=SECRET)

    def broken(*_args, **_values):
        from sqlalchemy.exc import OperationalError

        raise OperationalError("INSERT", {}, Exception("database is locked"))

    monkeypatch.setattr(downloads, "transaction", broken)
    assert browse(people.alice).get(f"/library/{tool.slug}/file").data == SECRET
    assert downloads_kept(app) == 0


def test_behind_nginx_the_bytes_are_left_to_it_after_our_check(browse, people, make, app):
    tool = make.tool(file="Rôle.pdf", content=SECRET)
    with app.app_context():
        key = db.session.scalar(select(File.storage_key))
    app.config["SENDFILE"] = "x-accel"
    try:
        answer = browse(people.alice).get(f"/library/{tool.slug}/file")
        refused = browse(people.sam).get(f"/library/{tool.slug}/file")
    finally:
        app.config["SENDFILE"] = ""
    assert answer.data == b""
    assert answer.headers["X-Accel-Redirect"] == f"/stored/{key[:2]}/{key}"
    assert answer.headers["Content-Type"] == "application/pdf"
    assert "filename*=UTF-8''R%C3%B4le.pdf" in answer.headers["Content-Disposition"]
    assert answer.cache_control.private
    assert "X-Accel-Redirect" not in refused.headers


def test_a_file_missing_on_disk_is_a_503_and_no_traceback(browse, people, make, app):
    from portal.core import storage

    tool = make.tool()
    with app.app_context():
        storage.path_of(db.session.scalar(select(File.storage_key))).unlink()
    answer = browse(people.alice).get(f"/library/{tool.slug}/file")
    assert answer.status_code == 503
    assert "Retry-After" in answer.headers


def test_no_page_names_a_storage_key(browse, people, make, app):
    episode = make.episode()
    with app.app_context():
        keys = db.session.scalars(select(File.storage_key)).all()
        assert db.session.get_one(Episode, episode.id)
    for who in (None, people.alice, people.cory):
        for path in ("/library", "/episodes", f"/library/{episode.slug}"):
            page = browse(who).get(path).text
            assert not any(key in page for key in keys)
