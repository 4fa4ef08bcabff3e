"""Servers under measure: started as README says, loaded from a few connections, CPU and memory read from /proc."""

from __future__ import annotations

import http.client
import signal
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlencode

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Form:
    """A form that one member sends: where to, what, and in whose browser."""

    path: str
    fields: dict[str, str]
    cookie: str


@dataclass
class Measured:
    """One row: CPU milliseconds per request of all server processes, and what the client saw."""

    cpu_ms: float
    per_second: float
    p50: float
    p95: float
    p99: float
    size: int  # bytes of one answer on the wire
    bad: int  # answers that were not the expected status


class Server:
    """gunicorn as everywhere (deploy/gunicorn.conf.py), with two processes."""

    def __init__(
        self, app: str, env: dict[str, str], folder: Path, *, cookie: str = "", host: str = "localhost"
    ) -> None:
        self.port = _free_port()
        self.cookie, self.host = cookie, host
        command = [
            sys.executable,
            "-m",
            "gunicorn",
            "--config",
            "deploy/gunicorn.conf.py",
            "--workers",
            "2",
            "--log-level",
            "error",
            "--graceful-timeout",
            "5",  # a worker told to stop while it starts may miss it
            "--bind",
            f"127.0.0.1:{self.port}",
            app,
        ]
        self.log = (folder / f"{app.partition(':')[0]}.log").open("ab")
        started = time.monotonic()
        self.process = subprocess.Popen(command, cwd=ROOT, env=env, stdout=self.log, stderr=self.log)
        self._wait("/health/live" if app.startswith("wsgi") else "/")
        self.start_seconds = time.monotonic() - started

    def _wait(self, path: str) -> None:
        for _ in range(2000):
            try:
                connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
                connection.request("GET", path, headers={"Host": self.host})
                if connection.getresponse().status == 200:
                    return
            except OSError:
                pass
            if self.process.poll() is not None:
                raise RuntimeError(f"the server ended; see {self.log.name}")
            time.sleep(0.01)
        raise RuntimeError("the server did not answer")

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=20)
        self.log.close()

    def pids(self) -> list[int]:
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return [self.process.pid, *map(int, children)]

    def cpu_seconds(self) -> float:
        """Of all threads, which live as long as their server. The clock of /proc/…/stat moves in steps of 10 ms: a turn
        of a floor is fifteen of them, and a ratio would be wrong by a tenth."""
        tasks = [task for pid in self.pids() for task in Path(f"/proc/{pid}/task").iterdir()]
        return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9

    def pss_mib(self) -> float:
        """Proportional set size: shared pages counted once between the processes."""
        total = 0
        for pid in self.pids():
            for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1])
        return total / 1024

    def load(
        self,
        paths: Sequence[str],
        *,
        count: int,
        at_once: int = 4,
        headers: dict[str, str] | None = None,
        expect: int = 200,
    ) -> Measured:
        """`count` GETs over `at_once` kept connections, the paths in turn."""
        gets = [paths[number % len(paths)] for number in range(count // at_once)]
        return self._measured([_Client(self, gets, headers or {}, expect) for _ in range(at_once)])

    def send(self, forms: Sequence[Form], *, at_once: int = 4) -> Measured:
        """Each form once, over `at_once` kept connections."""
        return self._measured([_Client(self, forms[first::at_once], {}, 303) for first in range(at_once)])

    def _measured(self, clients: Sequence[_Client]) -> Measured:
        cpu, started = self.cpu_seconds(), time.monotonic()
        for client in clients:
            client.start()
        for client in clients:
            client.join()
        took, cpu = time.monotonic() - started, self.cpu_seconds() - cpu
        times = sorted(t for c in clients for t in c.times)
        done = len(times)
        return Measured(
            cpu_ms=cpu * 1000 / done,
            per_second=done / took,
            p50=statistics.median(times) * 1000,
            p95=times[int(done * 0.95)] * 1000,
            p99=times[min(done - 1, int(done * 0.99))] * 1000,
            size=clients[0].size,
            bad=sum(c.bad for c in clients),
        )

    def get(self, path: str, headers: dict[str, str] | None = None) -> tuple[int, dict[str, str], bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        connection.request("GET", path, headers=self.headers() | (headers or {}))
        answer = connection.getresponse()
        return answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read()

    def headers(self) -> dict[str, str]:
        return {"Host": self.host, "Accept-Encoding": "br", "Cookie": self.cookie}


@dataclass
class _Client(threading.Thread):
    server: Server
    sent: Sequence[str | Form]
    more: dict[str, str]
    expect: int
    times: list[float] = field(default_factory=list)
    size: int = 0
    bad: int = 0

    def __post_init__(self) -> None:
        super().__init__(daemon=True)

    def __hash__(self) -> int:
        return id(self)

    def run(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=60)
        headers = self.server.headers() | self.more
        for one in self.sent:
            started = time.monotonic()
            if isinstance(one, Form):
                own = {"Cookie": one.cookie, "Content-Type": "application/x-www-form-urlencoded"}
                connection.request("POST", one.path, urlencode(one.fields), headers | own)
            else:
                connection.request("GET", one, headers=headers)
            answer = connection.getresponse()
            self.size = 0
            while part := answer.read(256 * 1024):
                self.size += len(part)
            self.times.append(time.monotonic() - started)
            self.bad += answer.status != self.expect
        connection.close()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def middle(turns: Sequence[tuple[Measured, Measured]]) -> tuple[Measured, Measured]:
    """Of several turns of portal and floor the one with the middle ratio by CPU."""
    return sorted(turns, key=lambda turn: turn[0].cpu_ms / turn[1].cpu_ms)[len(turns) // 2]
