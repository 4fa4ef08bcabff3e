"""A private feed over real HTTP: a podcast program of Debian's fetches all of it, and no log of the server names it."""

from __future__ import annotations

import http.client
import socket
import subprocess
from collections.abc import Iterator
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from urllib.parse import urlsplit

import pytest

import config
from portal import create_app
from portal.accounts.models import Member
from portal.billing.models import Grant
from portal.core import taking_in
from portal.core.clock import now
from portal.core.db import db, transaction
from portal.library import feeds, publishing
from portal.library.feed_showing import FeedAddress
from portal.library.models import Episode
from tests.live import ROOT, Live, live_portal
from tests.make import MP3

pytestmark = pytest.mark.one_database

EPISODES = 5


@pytest.fixture(scope="module")
def live(tmp_path_factory) -> Iterator[Live]:
    """A web server that writes down every request, as an operator's might, and stumbles over nothing in silence."""
    loud = {"GUNICORN_CMD_ARGS": "--access-logfile - --log-level debug --capture-output"}
    with live_portal(tmp_path_factory.mktemp("feed"), **loud) as portal:
        yield portal


@pytest.fixture(scope="module")
def address(live) -> str:
    """Alice's feed, with five episodes in it."""
    app = create_app(config.Development(live.env))
    with app.app_context():
        kept = [taking_in.keep(BytesIO(MP3 + bytes([n])), name=f"Episode {n}.mp3") for n in range(EPISODES)]
        with transaction():
            alice = Member(email="alice@example.com", handle="alice", name="Alice", confirmed_at=now())
            db.session.add(alice)
            db.session.flush()
            db.session.add(Grant(member_id=alice.id, source="complimentary", because="test"))
            for n, file in enumerate(kept):
                about = {"slug": f"e{n}", "title": f"Episode {n}", "summary": "What it is about.", "number": n}
                one = Episode(**about, aired_on=now().date())
                db.session.add(one)
                publishing.add_version(one, files=[file])
                publishing.publish(one, at=now() - timedelta(days=n + 1))
            found = FeedAddress(feeds.token_of(feeds.begin(alice))).feed
        db.engine.dispose()
    return found


def ask(live: Live, path: str, method: str = "GET", **headers: str) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection("127.0.0.1", live.port, timeout=20)
    connection.request(method, path, headers={"Host": f"localhost:{live.port}", **headers})
    answer = connection.getresponse()
    answer.body = answer.read()
    return answer


def test_podget_downloads_every_episode_and_next_time_none(live, address, tmp_path):
    podget = subprocess.run(["sh", "deploy/podget.sh"], cwd=ROOT, capture_output=True, text=True, check=True)
    home = tmp_path / "podget"
    home.mkdir()
    command = ["bash", podget.stdout.strip(), "--dir_config", str(home)]
    subprocess.run(
        [*command, "--create-config", "podgetrc"], env=live.env | {"HOME": str(home)}, capture_output=True, check=True
    )
    settings = home / "podgetrc"
    settings.write_text(f"{settings.read_text()}\nDIR_SESSION={home}/session\nDIR_LIBRARY={home}/heard\nMIN_SPACE=1\n")
    (home / "serverlist").write_text(f"{address} Business Members OPT_CONTENT_DISPOSITION\n")

    def fetch() -> dict[str, bytes]:
        done = subprocess.run(
            [*command, "--config", "podgetrc", "-v"],
            env=live.env | {"HOME": str(home)},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return {path.name: path.read_bytes() for path in (home / "heard").rglob("*.mp3")}

    heard = fetch()
    assert sorted(heard.values()) == sorted(MP3 + bytes([n]) for n in range(EPISODES))
    assert fetch() == heard


def test_the_address_stands_in_no_line_of_the_servers_logs(live, address):
    path = urlsplit(address).path
    token = path.split("/")[2]
    episode = path.replace("podcast.xml", "e1/audio")
    assert ask(live, path).status == 200
    assert ask(live, path, "HEAD").status == 200
    assert ask(live, episode, Range="bytes=0-9").body == MP3[:10]
    refused = [
        ask(live, path.replace("podcast.xml", "no-such/audio")),
        ask(live, path + "/and/more"),
        ask(live, f"/feeds/{token[:-1]}x/podcast.xml"),
        ask(live, path, "DELETE"),
        ask(live, f"/library?q={token}", Referer=address),
        ask(live, f"/account/feed?next={path}"),
        ask(live, f"/no-such-page/{token}", Referer=address, **{"User-Agent": f"Mozilla/5.0 ({address})"}),
        ask(live, f"/static/{token}"),
    ]
    assert {answer.status for answer in refused} >= {404, 405}
    with socket.create_connection(("127.0.0.1", live.port), timeout=10) as raw:  # no HTTP at all
        raw.sendall(f"GET {path} NONSENSE/9\r\n\r\n".encode())
        raw.recv(2000)
    live.kill("web")
    live.start_web()
    written = "".join(log.read_text(errors="replace") for log in Path(live.folder).glob("*.log"))
    assert "GET /feeds/<token>/podcast.xml" in written
    assert token not in written
    assert token[:-1] not in written
    assert token.removeprefix("pff_")[:22] not in written
