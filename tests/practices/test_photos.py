"""Photos: what is let in, what is kept of it, who is shown it, and what hostile files get."""

from __future__ import annotations

import re
import struct
import zlib
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image
from sqlalchemy import select

from portal.accounts.models import Member
from portal.core import pictures, storage
from portal.core.db import db, transaction
from portal.practices import photos
from portal.practices.models import Field, Photo
from tests.make import at_once, picture

SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
HTML = b"<!doctype html><script>alert(1)</script>"
PNG = b"\x89PNG\r\n\x1a\n"


def _send(window, content: bytes, *, name: str = "me.jpg", declared: str | None = "image/jpeg"):
    data = {"photo": (BytesIO(content), name, declared), "csrf_token": window.csrf_token()}
    return window.post("/account/profile/photo", data=data, content_type="multipart/form-data")


def _photo(app) -> Photo | None:
    with app.app_context():
        return db.session.scalars(select(Photo)).one_or_none()


def _files(app) -> set[Path]:
    return {path for path in Path(app.config["STORAGE_DIR"]).rglob("*") if path.is_file()}


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def _bomb(width: int, height: int) -> bytes:
    """A PNG of a few kilobytes that says it is so large."""
    head = _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return PNG + head + _chunk(b"IDAT", zlib.compress(bytes(1_000_000))) + _chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("kind", "name", "declared", "mode"),
    [
        ("JPEG", "me.jpg", "image/jpeg", "RGB"),
        ("JPEG", "ME.JPEG", "image/pjpeg", "L"),
        ("JPEG", "me.jpg", "image/jpeg", "CMYK"),
        ("PNG", "me.png", "image/png", "RGBA"),
        ("PNG", "me.png", "application/octet-stream", "P"),
        ("WEBP", "me.webp", "image/webp", "RGB"),
    ],
)
def test_a_picture_becomes_two_small_squares_of_webp(app, people, browse, kind, name, declared, mode):
    alice = browse(people.alice)
    answer = _send(alice, picture(kind=kind, mode=mode), name=name, declared=declared)
    assert (answer.status_code, answer.location) == (303, "/account/profile")
    token = _photo(app).token
    for width in photos.WIDTHS:
        shown = alice.get(f"/photos/{token}/{width}.webp")
        assert (shown.status_code, shown.mimetype) == (200, "image/webp")
        drawn = Image.open(BytesIO(shown.data))
        assert (drawn.format, drawn.size) == ("WEBP", (width, width))
        assert shown.headers["X-Content-Type-Options"] == "nosniff"
    assert f"/photos/{token}/320.webp" in alice.get("/account/profile").text


def test_place_and_time_that_the_camera_wrote_are_gone_and_the_picture_stands_upright(app, people, browse):
    exif = Image.Exif()
    exif[0x0112] = 6  # lies on its side
    exif[0x010F] = "Secret Camera"
    exif[0x8825] = {1: "N", 2: (52.0, 31.0, 12.0), 3: "E", 4: (13.0, 24.0, 18.0)}
    lying = Image.new("RGB", (400, 400), "white")
    lying.paste("red", (0, 0, 400, 200))  # the upper half, which is right of an upright picture
    out = BytesIO()
    lying.save(out, "JPEG", exif=exif, comment=b"secret words", quality=95)
    assert b"Secret Camera" in out.getvalue()
    alice = browse(people.alice)
    assert _send(alice, out.getvalue()).status_code == 303
    photo = _photo(app)
    with app.app_context():
        for key in (photo.small_key, photo.large_key):
            kept = storage.path_of(key).read_bytes()
            assert b"Secret" not in kept
            assert b"secret" not in kept
            assert b"EXIF" not in kept
            assert not Image.open(BytesIO(kept)).getexif()
        large = Image.open(storage.path_of(photo.large_key)).convert("RGB")
    assert large.getpixel((300, 160))[1] < 60  # red on the right
    assert large.getpixel((20, 160))[1] > 200


@pytest.mark.parametrize(
    ("content", "name", "declared"),
    [
        (SVG, "me.svg", "image/svg+xml"),
        (SVG, "me.png", "image/png"),
        (HTML, "me.png", "image/png"),
        (HTML, "me.html", "text/html"),
        (picture(kind="PNG"), "me.jpg", "image/jpeg"),
        (picture(kind="PNG"), "me.png", "image/jpeg"),
        (picture(kind="PNG"), "me.png", "text/html"),
        (picture(kind="PNG"), "me.html", "image/png"),
        (picture(kind="PNG"), "me", "image/png"),
        (picture(kind="GIF"), "me.gif", "image/gif"),
        (picture(kind="TIFF"), "me.jpg", "image/jpeg"),
        (picture(kind="BMP"), "me.png", "image/png"),
        (picture()[:300], "me.jpg", "image/jpeg"),
        (picture(800, 800, kind="PNG")[:-200], "me.png", "image/png"),
        (picture(kind="WEBP")[:40], "me.webp", "image/webp"),
        (PNG, "me.png", "image/png"),
        (PNG + _chunk(b"IHDR", b"") + _chunk(b"IEND", b""), "me.png", "image/png"),
        (b"", "me.png", "image/png"),
        (b"\xff\xd8\xff\xe0" + bytes(5000), "me.jpg", "image/jpeg"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "me.jpg", "image/jpeg"),
        (b"RIFF\x10\x00\x00\x00WEBPVP8 " + bytes(40), "me.webp", "image/webp"),
    ],
)
def test_what_is_no_picture_is_refused_with_a_sentence_and_not_kept(app, people, browse, content, name, declared):
    before = _files(app)
    answer = _send(browse(people.alice), content, name=name, declared=declared)
    assert answer.status_code == 422
    assert "not a picture that we can read" in answer.text
    assert "<title>Error: Profile" in answer.text
    assert _photo(app) is None
    assert _files(app) == before


def test_what_hides_behind_a_picture_is_not_kept(app, people, browse):
    polyglot = picture() + HTML + b"PK\x03\x04" + b"<?php system($_GET['x']); ?>"
    assert _send(browse(people.alice), polyglot).status_code == 303
    photo = _photo(app)
    with app.app_context():
        for key in (photo.small_key, photo.large_key):
            kept = storage.path_of(key).read_bytes()
            assert not any(hidden in kept for hidden in (b"script", b"PK\x03\x04", b"php"))


@pytest.mark.parametrize("size", [(30_000, 30_000), (5_001, 5_000), (2**31 - 1, 1), (65_000, 65_000)])
def test_a_picture_that_claims_to_be_huge_is_refused_before_it_is_decoded(app, people, browse, size):
    answer = _send(browse(people.alice), _bomb(*size), name="me.png", declared="image/png")
    assert answer.status_code == 422
    assert "too large" in answer.text or "not a picture" in answer.text
    assert _photo(app) is None


def test_a_sound_picture_of_too_many_pixels_is_refused_however_small_its_file(app, people, browse):
    content = picture(5_001, 5_000, kind="PNG", mode="1")
    assert len(content) < 100_000
    answer = _send(browse(people.alice), content, name="me.png", declared="image/png")
    assert answer.status_code == 422
    assert "This picture is too large" in answer.text
    assert _photo(app) is None


def test_a_picture_that_is_drawn_over_and_over_is_refused_before_it_is_decoded(app, people, browse):
    """A scan of a JPEG may be forty bytes long and go over all of a large picture: hours of work in eight megabytes."""
    progressive = picture(400, 300, progressive=True)
    last = progressive[progressive.rindex(b"\xff\xda") : -2]
    endless = progressive[:-2] + last * 100 + progressive[-2:]
    hidden = progressive[:-2] + b"\xff\x01" + last * 100 + progressive[-2:]  # behind a marker that has no length
    for content in (endless, hidden):
        answer = _send(browse(people.alice), content)
        assert answer.status_code == 422
        assert "not a picture" in answer.text
        assert _photo(app) is None
    assert _send(browse(people.alice), progressive).status_code == 303, "what a camera or program makes is taken"


def test_a_picture_with_a_film_behind_it_is_taken(app, people, browse):
    """Phones append the seconds before the picture; whatever bytes are in there are no scans."""
    assert _send(browse(people.alice), picture() + b"\xff\xda\x00\x02" * 5_000).status_code == 303


def test_a_file_of_more_than_eight_megabytes_is_refused(app, people, browse):
    just_above = picture() + bytes(pictures.LARGEST)
    answer = _send(browse(people.alice), just_above)
    assert answer.status_code == 422
    assert "too large" in answer.text
    assert _send(browse(people.alice), bytes(pictures.LARGEST + 200_000)).status_code == 413
    assert _send(browse(people.alice), picture() + bytes(3_000_000)).status_code == 303


def test_only_the_photos_own_form_may_be_large(people, browse):
    window = browse(people.alice)
    data = {"photo": (BytesIO(bytes(2_000_000)), "me.jpg"), "csrf_token": window.csrf_token()}
    assert window.post("/account/profile", data=data, content_type="multipart/form-data").status_code == 413


def test_a_picture_too_small_to_be_seen_is_refused(people, browse):
    answer = _send(browse(people.alice), picture(90, 400))
    assert answer.status_code == 422
    assert "too small" in answer.text


@pytest.mark.parametrize("data", [{}, {"photo": "words"}, {"photo": (BytesIO(b""), "")}])
def test_no_file_is_a_sentence(people, browse, data):
    window = browse(people.alice)
    sent = data | {"csrf_token": window.csrf_token()}
    answer = window.post("/account/profile/photo", data=sent, content_type="multipart/form-data")
    assert answer.status_code == 422
    assert "Choose a picture first" in answer.text


def test_hostile_file_names_reach_nothing(app, people, browse):
    for name in ("../../etc/passwd.jpg", "a\r\nSet-Cookie: x.jpg", "\u202egpj.jpg", "x" * 3000 + ".jpg", "<b>.jpg"):
        answer = _send(browse(people.alice), picture(), name=name)
        assert answer.status_code in {303, 422}, name
        assert "Set-Cookie: x" not in str(answer.headers)


def test_a_new_photo_has_a_new_address_and_the_files_of_the_old_are_thrown_away(app, people, browse, make, work_off):
    work_off()
    before = _files(app)
    first = make.photo(people.alice)
    kept = _files(app) - before
    assert len(kept) == 2
    second = make.photo(people.alice, picture(500, 500))
    assert first != second
    assert browse(people.alice).get(f"/photos/{first}/96.webp").status_code == 404
    work_off()
    assert not kept & _files(app)
    assert len(_files(app) - before) == 2


def test_alice_removes_her_photo_and_all_of_it_is_gone(app, people, browse, make, work_off):
    work_off()
    before = _files(app)
    token = make.photo(people.alice)
    alice = browse(people.alice)
    assert alice.post("/account/profile/photo/removal").status_code == 303
    assert alice.get(f"/photos/{token}/96.webp").status_code == 404
    assert "/photos/" not in alice.get("/account/profile").text
    work_off()
    assert _files(app) == before
    assert alice.post("/account/profile/photo/removal").status_code == 303


def test_of_ten_photos_at_once_one_is_kept(app, people, browse, work_off):
    work_off()
    before = _files(app)
    windows = [browse(people.alice) for _ in range(10)]
    answers = at_once(10, lambda n: _send(windows[n], picture(300 + n, 300)))
    assert {getattr(answer, "status_code", answer) for answer in answers} == {303}
    work_off()
    assert _photo(app) is not None
    assert len(_files(app) - before) == 2


def test_members_see_alices_photo_where_they_see_her(people, browse, make):
    token = make.photo(people.alice)
    thread = make.thread(by=people.alice)
    bob = browse(people.bob)
    for path in (f"/threads/{thread.id}", "/members", "/members/alice"):
        assert f"/photos/{token}/" in bob.get(path).text, path
    shown = bob.get(f"/photos/{token}/96.webp")
    assert shown.status_code == 200
    assert shown.headers["Cache-Control"] == "private, max-age=86400"
    assert "Cookie" in shown.headers["Vary"]
    again = bob.get(f"/photos/{token}/96.webp", headers={"If-None-Match": shown.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")


def test_who_may_fetch_a_photo_that_members_see(people, browse, make):
    path = f"/photos/{make.photo(people.alice)}/96.webp"
    for who, status in [
        (people.alice, 200),
        (people.bob, 200),
        (people.mo, 200),
        (people.sam, 404),
        (people.lena, 404),
        (None, 303),
    ]:
        assert browse(who).get(path).status_code == status, who


def test_a_hidden_photo_is_shown_to_alice_and_staff_alone_by_whatever_address(people, browse, make):
    token = make.photo(people.alice)
    thread = make.thread(by=people.alice)
    bob = browse(people.bob)
    make.profile(people.alice, shown=set(Field) - {Field.PHOTO})
    for path in (f"/threads/{thread.id}", "/members", "/members/alice"):
        assert "/photos/" not in bob.get(path).text, path
    assert bob.get(f"/photos/{token}/96.webp").status_code == 404
    assert browse(people.alice).get(f"/photos/{token}/96.webp").status_code == 200
    assert browse(people.cory).get(f"/photos/{token}/320.webp").status_code == 200
    assert f"/photos/{token}/" in browse(people.cory).get("/members/alice").text
    make.profile(people.alice)
    assert bob.get(f"/photos/{token}/96.webp").status_code == 200


def test_sam_who_never_paid_sees_his_own_photo(people, browse, make):
    token = make.photo(people.sam)
    sam = browse(people.sam)
    assert sam.get(f"/photos/{token}/96.webp").status_code == 200
    assert f"/photos/{token}/" in sam.get("/account/profile").text


def test_a_thread_that_bobs_browser_kept_shows_no_photo_that_is_gone(app, people, browse, make):
    make.photo(people.alice)
    thread = make.thread(by=people.alice)
    bob = browse(people.bob)
    tag = bob.get(f"/threads/{thread.id}").headers["ETag"]
    browse(people.alice).post("/account/profile/photo/removal")
    answer = bob.get(f"/threads/{thread.id}", headers={"If-None-Match": tag})
    assert answer.status_code == 200
    assert "/photos/" not in answer.text


@pytest.mark.parametrize("address", ["x/96.webp", "{token}/97.webp", "{token}/0.webp", "{token}/96.png", "%00/96.webp"])
def test_other_addresses_lead_nowhere(people, browse, make, address):
    token = make.photo(people.alice)
    assert browse(people.alice).get("/photos/" + address.format(token=token)).status_code == 404


def test_a_refused_photo_leaves_the_rest_of_the_profile_as_it_is(people, browse, make):
    make.profile(people.alice, shown=[Field.PRACTICE, Field.PHOTO])
    alice = browse(people.alice)
    as_it_is = re.findall(r"<input[^>]* checked[^>]*>", alice.get("/account/profile").text)
    answer = _send(alice, b"", name="")
    assert answer.status_code == 422
    assert len(as_it_is) == 3  # the two, and being listed
    assert re.findall(r"<input[^>]* checked[^>]*>", answer.text) == as_it_is


def test_photos_add_no_query_to_a_thread(people, browse, make, count_queries):
    thread = make.thread(by=people.alice)
    for number in range(8):
        make.reply(thread, by=make.member(f"Nora {number}", entitled=True))
    bob = browse(people.bob)
    bob.get(f"/threads/{thread.id}")
    with count_queries() as without:
        bob.get(f"/threads/{thread.id}")
    for who in (people.alice, people.bob):
        make.photo(who)
    with count_queries() as seen:
        bob.get(f"/threads/{thread.id}")
    assert len(seen) == len(without)


def test_a_closed_account_shows_no_photo(app, people, browse, make):
    token = make.photo(people.alice)
    with app.app_context(), transaction():
        alice = db.session.get_one(Member, people.alice.id)
        alice.closed_at = alice.created_at
    assert browse(people.bob).get(f"/photos/{token}/96.webp").status_code == 404
