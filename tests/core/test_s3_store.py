"""Files in an S3-compatible store, which is asked over real HTTP: what holds for the disk holds there."""

from __future__ import annotations

import hashlib
import http.client
import zipfile
from collections.abc import Iterator
from datetime import timedelta
from io import BytesIO
from urllib.parse import urlsplit

import pytest
from sqlalchemy import select

import config
from portal.core import keeping, storage
from portal.core.db import db, transaction
from portal.core.headers import content_security_policy
from portal.core.s3_store import S3Store, StoreIsAway
from portal.library.models import File
from portal.membership import taking_along
from tests.make import MP3, PDF, picture

BUCKET = "practice-files"


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    """A store of our own on this machine."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    with pytest.MonkeyPatch.context() as env:
        env.setenv("AWS_ACCESS_KEY_ID", "testing")
        env.setenv("AWS_SECRET_ACCESS_KEY", "testing")
        server.start()
        host, port = server.get_host_and_port()
        yield f"http://{host}:{port}"
        server.stop()


@pytest.fixture
def s3(app, endpoint, tmp_path, monkeypatch) -> Iterator[S3Store]:
    """The portal keeps its files there, in an empty bucket, under a prefix."""
    store = S3Store(f"s3://{BUCKET}/portal?endpoint={endpoint}", spool=tmp_path)
    store._client.create_bucket(Bucket=BUCKET)
    monkeypatch.setitem(app.extensions, "store", store)
    yield store
    for name in names(store):
        store._client.delete_object(Bucket=BUCKET, Key=name)
    store._client.delete_bucket(Bucket=BUCKET)


def names(store: S3Store) -> list[str]:
    return [found["Key"] for found in store._client.list_objects_v2(Bucket=BUCKET).get("Contents", ())]


def fetched(link: str, method: str = "GET", **headers: str) -> http.client.HTTPResponse:
    """What a browser gets that follows the link: no cookie of ours goes there."""
    parts = urlsplit(link)
    connection = http.client.HTTPConnection(parts.netloc, timeout=20)
    connection.request(method, f"{parts.path}?{parts.query}", headers=headers)
    answer = connection.getresponse()
    answer.body = answer.read()
    return answer


def test_a_file_comes_back_byte_by_byte_however_large(app, s3):
    content = bytes(range(256)) * 80_000  # 20 MB: three parts
    with app.app_context():
        kept = storage.put(BytesIO(content))
        with storage.opened(kept.key) as file:
            assert file.read() == content
            assert file.seek(7) == 7
    assert (kept.size, kept.sha256) == (len(content), hashlib.sha256(content).hexdigest())
    assert names(s3) == [f"portal/{kept.key}"]
    with app.app_context():
        storage.remove(kept.key)
        storage.remove(kept.key)  # jobs may run twice
        with pytest.raises(FileNotFoundError), storage.opened(kept.key):
            pass


def test_a_broken_upload_leaves_nothing_behind(app, s3):
    class Breaks(BytesIO):
        def read(self, size=-1):
            if self.tell() > 9_000_000:
                raise OSError("connection lost")
            return super().read(size)

    with app.app_context(), pytest.raises(OSError, match="connection lost"):
        storage.put(Breaks(bytes(30_000_000)))
    assert names(s3) == []
    assert "Uploads" not in s3._client.list_multipart_uploads(Bucket=BUCKET)


def test_alice_is_led_to_the_file_with_its_name_and_lena_is_not(app, s3, browse, people, make):
    tool = make.tool(file="Röle card.pdf", content=PDF)
    path = f"/library/{tool.slug}/file"
    for other in (browse(), browse(people.lena), browse(people.sam)):
        for answer in (other.get(path), other.head(path), other.get(path, headers={"Range": "bytes=0-9"})):
            assert answer.status_code in {303, 403}
            assert BUCKET not in str(answer.headers)
    answer = browse(people.alice).get(path)
    assert (answer.status_code, answer.headers["Cache-Control"]) == (302, "private, no-store")
    link = answer.headers["Location"]
    assert f"{urlsplit(link).scheme}://{urlsplit(link).netloc}" == s3.place.origin
    whole = fetched(link)
    assert (whole.status, whole.body) == (200, PDF)
    assert whole.headers["Content-Type"] == "application/pdf"
    assert (
        whole.headers["Content-Disposition"]
        == "attachment; filename=\"Role card.pdf\"; filename*=UTF-8''R%C3%B6le%20card.pdf"
    )
    part = fetched(link, Range="bytes=10-19")
    assert (part.status, part.body) == (206, PDF[10:20])
    head = browse(people.alice).head(path)
    assert fetched(head.headers["Location"], "HEAD").headers["Content-Length"] == str(len(PDF))


def test_a_link_names_its_end_and_that_of_a_player_lasts_while_it_plays(app, s3, browse, people, make):
    episode = make.episode(content=MP3)
    alice = browse(people.alice)
    kept, played = (alice.get(f"/library/{episode.slug}/{way}").headers["Location"] for way in ("file", "audio"))
    assert "X-Amz-Expires=300&" in kept
    assert "X-Amz-Expires=10800&" in played
    assert fetched(played, Range="bytes=4-7").body == MP3[4:8]


def test_photos_paths_and_archives_come_from_there_too(app, s3, browse, people, make, work_off):
    token = make.photo(people.alice, picture())
    make.tool()
    drawn = browse(people.bob).get(f"/photos/{token}/96.webp")
    assert drawn.data[8:12] == b"WEBP"
    assert (
        browse(people.bob).get(f"/photos/{token}/96.webp", headers={"If-None-Match": drawn.headers["ETag"]}).status_code
        == 304
    )
    with app.app_context(), transaction():
        taking_along.ask(db.session.get_one(type(people.alice), people.alice.id))
    work_off()
    with app.app_context():
        export = taking_along.latest(people.alice)
    link = browse(people.alice).get(f"/account/data/exports/{export.id}/file").headers["Location"]
    with zipfile.ZipFile(BytesIO(fetched(link).body)) as archive:
        assert any(name.endswith(".webp") for name in archive.namelist())
    assert all(name.startswith("portal/") for name in names(s3))
    done = app.test_cli_runner().invoke(args=["library", "check"])
    assert done.exit_code == 0, done.output


def test_what_no_row_names_is_swept_there_too_and_so_are_parts_of_dead_uploads(app, s3, make, clock):
    make.tool()
    with app.app_context():
        named = db.session.scalars(select(File.storage_key)).one()
        storage.put(BytesIO(b"in no row"))
    s3._client.put_object(Bucket=BUCKET, Key="portal/notes.txt", Body=b"not ours")
    s3._client.put_object(Bucket=BUCKET, Key="a" * 32, Body=b"beside our prefix")

    def after_a_sweep() -> int:
        with app.app_context():
            keeping.sweep()
        return len(names(s3))

    assert after_a_sweep() == 4  # all of it is young
    clock.shift(timedelta(days=2))
    assert after_a_sweep() == 3
    assert set(names(s3)) == {f"portal/{named}", "portal/notes.txt", "a" * 32}


def test_parts_of_dead_uploads_are_swept_there_and_nobody_elses(app, s3):
    s3._client.create_multipart_upload(Bucket=BUCKET, Key="portal/" + "b" * 32)  # moto dates all of them to 2010
    s3._client.create_multipart_upload(Bucket=BUCKET, Key="of-others")
    with app.app_context():
        keeping.sweep()
    left = s3._client.list_multipart_uploads(Bucket=BUCKET)["Uploads"]
    assert [upload["Key"] for upload in left] == ["of-others"]
    s3._client.abort_multipart_upload(Bucket=BUCKET, Key="of-others", UploadId=left[0]["UploadId"])


def test_a_check_tells_what_is_missing_or_other_there(app, s3, make):
    make.tool()
    with app.app_context():
        key = db.session.scalars(select(File.storage_key)).one()
    s3._client.put_object(Bucket=BUCKET, Key=f"portal/{key}", Body=b"X" + PDF[1:])
    assert "SHA-256" in app.test_cli_runner().invoke(args=["library", "check"]).output
    s3._client.delete_object(Bucket=BUCKET, Key=f"portal/{key}")
    assert "not there" in app.test_cli_runner().invoke(args=["library", "check"]).output


def test_while_the_store_is_away_pages_open_and_what_needs_it_says_so(app, browse, people, make, monkeypatch, tmp_path):
    token = make.photo(people.alice, picture())
    tool = make.tool()
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setitem(app.extensions, "store", S3Store(f"s3://{BUCKET}?endpoint=http://127.0.0.1:1", spool=tmp_path))
    alice = browse(people.alice)
    assert alice.get(f"/library/{tool.slug}").status_code == 200
    answer = alice.get(f"/photos/{token}/96.webp")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "30")
    with app.app_context(), pytest.raises(StoreIsAway):
        storage.put(BytesIO(b"words"))


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("s3://files", "https://files.s3.us-east-1.amazonaws.com"),
        ("s3://files/portal?region=eu-central-1", "https://files.s3.eu-central-1.amazonaws.com"),
        ("s3://files?endpoint=https://store.example.com:9000/", "https://store.example.com:9000"),
    ],
)
def test_pages_may_show_and_play_from_the_store_and_from_no_other_place(monkeypatch, tmp_path, url: str, origin: str):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    link = S3Store(url, spool=tmp_path).link("a" * 32, storage.Wish("audio/mpeg", "inline", 60))
    assert link.startswith(f"{origin}/")
    policy = content_security_policy((), config.storage_hosts({"STORAGE_URL": url}))
    assert f"img-src 'self' data: {origin};" in policy
    assert f"media-src 'self' {origin};" in policy
    assert policy.count(origin) == 2
    assert content_security_policy(()) == policy.replace(f" {origin}", "")


@pytest.mark.parametrize(
    "url", ["files", "https://store.example.com/files", "s3://", "s3://files?endpoint=http://store.example.com",
            "s3://files?endpoint=https://store.example.com/deep", "s3://UPPER"],
)  # fmt: skip
def test_an_address_that_names_no_safe_store_refuses_to_start(url: str):
    with pytest.raises(config.Misconfigured, match="STORAGE_URL"):
        config.chosen({"PORTAL_ENV": "testing", "STORAGE_URL": url})
