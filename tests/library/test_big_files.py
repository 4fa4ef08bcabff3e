"""Files as large as a day of film: they come and go while the server's memory stays as it was, and none is half kept.

The everyday run is content with less; BIG_DOWNLOAD_MB=2000 BIG_UPLOAD_MB=500 is the promise.
"""

from __future__ import annotations

import hashlib
import http.client
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from io import BytesIO
from pathlib import Path

import pytest

import config
from portal import create_app
from portal.accounts.models import Member, Role
from portal.core import keeping, storage, taking_in
from portal.core.clock import now
from portal.core.db import db, transaction
from portal.library import publishing
from portal.library.models import File, Tool, Upload
from tests.live import Live, live_portal
from tests.make import MP3, browser

pytestmark = pytest.mark.one_database

MB = 1_000_000
DOWNLOAD = int(os.environ.get("BIG_DOWNLOAD_MB", "400")) * MB
UPLOAD = int(os.environ.get("BIG_UPLOAD_MB", "100")) * MB
MOST_GROWTH = 50 * MB
CHUNK = bytes(MB)


@dataclass
class Desk:
    """A live portal, what belongs to it, and Cory signed in."""

    live: Live
    app: object
    tool: Tool
    cookie: str
    csrf: str
    rows: dict[str, object] = field(default_factory=dict)

    @property
    def path(self) -> str:
        return f"/desk/library/{self.tool.id}/files"

    @property
    def store(self) -> Path:
        return Path(self.app.config["STORAGE_DIR"])

    def parts(self) -> list[Path]:
        return list(self.store.rglob("*.part"))

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.live.port, timeout=120)

    def headers(self, **more: str) -> dict[str, str]:
        return {"Host": f"localhost:{self.live.port}", "Cookie": self.cookie, "Accept": "application/json"} | more


@pytest.fixture(scope="module")
def desk(tmp_path_factory) -> Iterator[Desk]:
    with live_portal(tmp_path_factory.mktemp("big"), LARGEST_UPLOAD_MB="3000") as live:
        app = create_app(config.Development(live.env))
        with app.app_context():
            kept = taking_in.keep(BytesIO(MP3), name="Film.mp3")
            with transaction():
                cory = Member(email="cory@example.com", handle="cory", name="Cory", role=Role.COACH, confirmed_at=now())
                tool = Tool(slug="film", title="Film", summary="A day of it.")
                db.session.add_all([cory, tool])
                publishing.add_version(tool, files=[kept])
                publishing.publish(tool, at=now() - timedelta(minutes=1))
        signed_in = browser(app, cory)
        csrf = signed_in.csrf_token()
        cookie = next(c for c in signed_in._cookies.values() if "session" in c.key)
        yield Desk(live, app, tool, f"{cookie.key}={cookie.value}", csrf)
        with app.app_context():
            db.engine.dispose()


@contextmanager
def growth_watched(live: Live) -> Iterator[list[int]]:
    """The memory of the web server's processes (PSS, bytes), measured all the while; the first is from before."""
    seen, over = [_memory(live)], threading.Event()

    def watch() -> None:
        while not over.wait(0.05):
            seen.append(_memory(live))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield seen
    finally:
        over.set()
        watcher.join()
    print(f"memory: {seen[0] / MB:.0f} MB before, {max(seen) / MB:.0f} MB at most, {len(seen)} times looked at")


def _memory(live: Live) -> int:
    total = 0
    for folder in Path("/proc").iterdir():
        with suppress(OSError, ValueError, IndexError):
            if folder.name.isdigit() and os.getpgid(int(folder.name)) == live.processes["web"].pid:
                rollup = (folder / "smaps_rollup").read_text()
                total += next(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:")) * 1024
    return total


def film(size: int) -> Iterator[bytes]:
    """A PDF of that many bytes, most of it nothing."""
    yield b"%PDF-1.4\n"
    left = size - 9 - 6
    while left:
        yield CHUNK[:left]
        left -= min(left, MB)
    yield b"%%EOF\n"


def sent(desk: Desk, size: int) -> tuple[dict[str, str], Iterator[bytes]]:
    """The desk's own form with a file in it, as a browser sends it."""
    head = (
        f'--line\r\nContent-Disposition: form-data; name="csrf_token"\r\n\r\n{desk.csrf}\r\n--line\r\n'
        'Content-Disposition: form-data; name="files"; filename="Big film.pdf"\r\nContent-Type: application/pdf\r\n\r\n'
    ).encode()
    tail = b"\r\n--line--\r\n"

    def body() -> Iterator[bytes]:
        yield head
        yield from film(size)
        yield tail

    length = str(len(head) + size + len(tail))
    return desk.headers(**{"Content-Type": "multipart/form-data; boundary=line", "Content-Length": length}), body()


def test_a_huge_file_is_downloaded_whole_and_in_parts_while_memory_stays_flat(desk: Desk):
    with desk.app.app_context(), transaction():
        file = db.session.query(File).one()
        file.size = DOWNLOAD
        os.truncate(storage.path_of(file.storage_key), DOWNLOAD)  # nothing but a length: it takes no room
    connection = desk.connect()
    connection.request("GET", "/library/film/file", headers=desk.headers())
    connection.getresponse().read(1000)
    connection.close()
    with growth_watched(desk.live) as seen:
        connection = desk.connect()
        connection.request("GET", "/library/film/file", headers=desk.headers())
        answer, length = connection.getresponse(), 0
        assert (answer.status, answer.headers["Content-Length"]) == (200, str(DOWNLOAD))
        while chunk := answer.read(MB):
            length += len(chunk)
        half = DOWNLOAD // 2
        connection.request("GET", "/library/film/file", headers=desk.headers(Range=f"bytes={half}-"))
        answer, rest = connection.getresponse(), 0
        assert (answer.status, answer.headers["Content-Range"]) == (206, f"bytes {half}-{DOWNLOAD - 1}/{DOWNLOAD}")
        while chunk := answer.read(MB):
            rest += len(chunk)
    assert (length, rest) == (DOWNLOAD, DOWNLOAD - half)
    assert max(seen) - seen[0] < MOST_GROWTH


def test_a_huge_file_is_uploaded_at_the_desk_while_memory_stays_flat(desk: Desk):
    small, body = sent(desk, 200_000)
    connection = desk.connect()
    connection.request("POST", desk.path, body=body, headers=small)
    assert connection.getresponse().read()  # what is loaded at the first upload is loaded
    with growth_watched(desk.live) as seen:
        headers, body = sent(desk, UPLOAD)
        connection = desk.connect()
        connection.request("POST", desk.path, body=body, headers=headers)
        answer = connection.getresponse()
        assert answer.status == 200, answer.read()
    assert max(seen) - seen[0] < MOST_GROWTH
    digest = hashlib.sha256()
    for chunk in film(UPLOAD):
        digest.update(chunk)
    with desk.app.app_context():
        upload = db.session.query(Upload).order_by(Upload.id.desc()).first()
        assert (upload.name, upload.size, upload.sha256) == ("Big film.pdf", UPLOAD, digest.hexdigest())
        assert storage.path_of(upload.storage_key).stat().st_size == UPLOAD
    assert desk.parts() == []


def test_an_upload_whose_server_is_killed_leaves_no_record_and_its_part_is_swept(desk: Desk):
    with desk.app.app_context():
        before = db.session.query(Upload).count()
    kept = set(desk.store.rglob("*"))
    headers, body = sent(desk, UPLOAD)
    killed = threading.Event()

    def half() -> Iterator[bytes]:
        for number, chunk in enumerate(body):
            yield chunk
            if number == 30:
                desk.live.kill("web")
                killed.set()

    with suppress(OSError, http.client.HTTPException):
        desk.connect().request("POST", desk.path, body=half(), headers=headers)
    assert killed.is_set()
    assert set(desk.store.rglob("*")) == kept  # while it arrives it has no name, and is gone with its process
    desk.live.start_web()
    _kill_while_it_is_put_into_its_place(desk)
    dead = desk.parts()
    assert len(dead) == 1
    with desk.app.app_context():
        assert db.session.query(Upload).count() == before
        keeping.sweep()
        assert desk.parts() == dead  # young ones may be at work
    long_ago = (now() - timedelta(days=2)).timestamp()
    os.utime(dead[0], (long_ago, long_ago))
    with desk.app.app_context():
        keeping.sweep()
    assert desk.parts() == []


def _kill_while_it_is_put_into_its_place(desk: Desk) -> None:
    over = threading.Event()

    def kill_at_the_first_part() -> None:
        while not over.is_set():
            if desk.parts():
                desk.live.kill("web")
                return

    killer = threading.Thread(target=kill_at_the_first_part)
    killer.start()
    headers, body = sent(desk, UPLOAD)
    with suppress(OSError, http.client.HTTPException):
        connection = desk.connect()
        connection.request("POST", desk.path, body=body, headers=headers)
        connection.getresponse()
    over.set()
    killer.join()
