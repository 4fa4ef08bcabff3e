"""`make run` as a newcomer meets it: the real three programs, from an empty folder to a page and back to silence."""

from __future__ import annotations

import http.client
import os
import re
import signal
import socket
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.live import free_port

ROOT = Path(__file__).resolve().parent.parent.parent


def test_a_newcomer_starts_the_demo_and_finds_everything_again_the_next_day(tmp_path: Path) -> None:
    with running(tmp_path) as (said, process):
        address = re.search(r"portal is up: +(http://localhost:\d+)", said)
        assert address, said
        assert page(address[1], "/") == 200
        assert page(address[1], "/outbox") == 200
        assert "olga@" in said, "the demo sign-ins are printed"
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=60) == 0
    assert not listening(address[1])
    secrets, people = secrets_of(tmp_path), members_of(tmp_path)
    assert people > 3

    with running(tmp_path) as (said, process):
        assert "Setting up" not in said
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == 0
    assert secrets_of(tmp_path) == secrets
    assert members_of(tmp_path) == people

    with running(tmp_path, FRESH="1") as (said, process):
        shelf = next(tmp_path.glob("before-*"))
        assert str(shelf) in said, "what was moved, and where to, is said"
        assert members_of(shelf) == people
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=60) == 0


def test_a_taken_port_is_passed_over_and_one_instance_is_never_run_twice(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as somebody_else:
        taken = somebody_else.getsockname()[1]
        with running(tmp_path, PORT=str(taken)) as (said, process):
            assert f"Port {taken} is taken" in said
            second = subprocess.run(command(), env=env(tmp_path), capture_output=True, text=True, check=False)
            assert second.returncode != 0
            assert "running already" in second.stderr
            process.send_signal(signal.SIGINT)
            assert process.wait(timeout=60) == 0


@contextmanager
def running(instance: Path, **settings: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """The demo, and what it said until it was up. Whatever happens, nothing stays behind."""
    process = subprocess.Popen(
        command(), env=env(instance) | settings, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert process.stdout is not None
    said = ""
    try:
        for line in process.stdout:
            said += line
            if "Ctrl-C stops it" in line:
                break
        assert "Ctrl-C stops it" in said, said
        threading.Thread(target=process.stdout.read, daemon=True).start()  # a full pipe would hold the programs up
        yield said, process
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait(timeout=60)


def command() -> list[str]:
    return [sys.executable, str(ROOT / "deploy" / "run.py")]


def env(instance: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name in {"PATH", "HOME", "LANG", "TMPDIR"}}
    return kept | {"PORTAL_INSTANCE": str(instance), "PORT": str(free_port()), "SANDBOX_PORT": str(free_port())}


def page(address: str, path: str) -> int:
    connection = http.client.HTTPConnection(address.removeprefix("http://"), timeout=30)
    connection.request("GET", path)
    return connection.getresponse().status


def listening(address: str) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", int(address.rsplit(":", 1)[1]))) == 0


def secrets_of(instance: Path) -> str:
    file = instance / "secrets.env"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    return file.read_text()


def members_of(instance: Path) -> int:
    with sqlite3.connect(instance / "portal.sqlite") as connection:
        return int(connection.execute("SELECT count(*) FROM member").fetchone()[0])
