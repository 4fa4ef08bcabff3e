"""Everything that must hold, in one go: `make test`. With the word `checks`, only what needs no test run: `make check`.

Every stage runs, also after one has failed; the summary names them all. A stage is left out only when asked to be
(SKIP_BROWSER=1, SKIP_POSTGRES=1), and then the summary says so. Two suites run at a time, for two cores: the one on
SQLite, which is the longest, and then the browser's walk over every page; beside them the one on PostgreSQL and then
the browser's stories. So both cores are done at about the same time.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import TextIO
from xml.etree import ElementTree

from tests.postgres import postgres, stop_in_order

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
TEMPLATES = ("templates", "stripe_sandbox/templates")
OWN_RUN = ("tests/browser", "tests/bench")  # not part of the suite that runs once per database
WALK = "tests/browser/test_every_page.py"
OWN_DATABASE = (
    "tests/contract",
    "tests/deploy",
)  # the sandbox's and the demo's own SQLite files: the same on any database


@dataclass
class Result:
    """What became of a stage; counts stay None where nothing is counted."""

    name: str
    outcome: str  # ok, FAILED or left out
    words: str = ""
    seconds: float = 0
    passed: int = 0
    failed: int = 0


def main() -> None:
    stop_in_order()
    results = [
        tool("lint", "ruff", "check", "--quiet", "."),
        tool("format", "ruff", "format", "--check", "--quiet", ".", advice="make format mends it"),
        tool("types", "mypy"),
        tool("templates", "djlint", "--lint", "--quiet", *(folder for folder in TEMPLATES if (ROOT / folder).exists())),
    ]
    if "checks" not in sys.argv[1:]:
        with beside(
            lambda out: unless("SKIP_POSTGRES", "tests on PostgreSQL", on_postgres, out),
            lambda out: unless("SKIP_BROWSER", "browser: stories", stories_in_chromium, out),
        ) as of_the_others:
            results.append(suite("tests on SQLite", _everything_but_the_browser, {"TEST_DATABASE_URL": ""}))
            results.append(unless("SKIP_BROWSER", "browser: every page", walk_in_chromium, sys.stdout))
            results += of_the_others()
    summary(results)
    sys.exit(any(result.outcome == "FAILED" for result in results))


def tool(name: str, program: str, *arguments: str, advice: str = "") -> Result:
    """One command that says by its exit code whether all is well."""
    _headline(name, program, *arguments)
    began = time.monotonic()
    code = subprocess.run([BIN / program, *arguments], cwd=ROOT, check=False).returncode
    if code == 0:
        return Result(name, "ok", seconds=time.monotonic() - began)
    return Result(name, "FAILED", words=advice, seconds=time.monotonic() - began)


@contextmanager
def beside(*stages: Callable[[TextIO], Result]) -> Iterator[Callable[[], list[Result]]]:
    """Run these, one after the other, while the block runs another. What they say is kept, and comes when the block
    asks for their results.

    Whatever ends the block early (Ctrl-C, SIGTERM) ends the stage under way too, waits until it has cleaned up, and
    begins no other.
    """
    ending = Event()
    with tempfile.TemporaryFile("w+", prefix="portal-tests-") as said, ThreadPoolExecutor(1) as pool:
        running = pool.submit(lambda: [stage(said) for stage in stages if not ending.is_set()])

        def results() -> list[Result]:
            if not running.done():
                print("\n(waiting for the suites beside this one; what they say comes in one piece)", flush=True)
            found = running.result()
            said.seek(0)
            shutil.copyfileobj(said, sys.stdout)
            sys.stdout.flush()
            return found

        try:
            yield results
        except BaseException as why:
            ending.set()
            while isinstance(why, SystemExit) and not running.done():  # Ctrl-C has told it already
                for process in list(_running):
                    _interrupt(process)
                wait([running], timeout=0.5)
            raise


def unless(variable: str, name: str, stage: Callable[[str, TextIO], Result], out: TextIO) -> Result:
    if os.environ.get(variable, "") not in {"", "0"}:
        return Result(name, "left out", words=f"{variable} is set")
    return stage(name, out)


def on_postgres(name: str, out: TextIO) -> Result:
    try:
        with postgres() as address:
            return suite(name, _whatever_asks_the_database, {"TEST_DATABASE_URL": address}, out)
    except Exception as error:  # noqa: BLE001 - a server that will not start is a failed stage; the summary must still come
        print(f"{type(error).__name__}: {error}", file=out, flush=True)
        return Result(
            name, "FAILED", words="PostgreSQL did not start; TEST_DATABASE_URL names another, SKIP_POSTGRES=1 none"
        )


def stories_in_chromium(name: str, out: TextIO) -> Result:
    return in_chromium(name, ("tests/browser", f"--ignore={WALK}"), out)


def walk_in_chromium(name: str, out: TextIO) -> Result:
    return in_chromium(name, (WALK,), out)


def in_chromium(name: str, which: tuple[str, ...], out: TextIO) -> Result:
    found = subprocess.run(["sh", "deploy/chromium.sh"], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)
    if found.returncode != 0:
        return Result(name, "FAILED", words="no Chromium: sudo apt install chromium, or SKIP_BROWSER=1")
    env = {"CHROMIUM": found.stdout.strip(), "TEST_DATABASE_URL": ""}
    return suite(name, (*which, *_forgetful), env, out)


def suite(name: str, arguments: tuple[str, ...], env: dict[str, str], out: TextIO = sys.stdout) -> Result:
    """One run of pytest, its output as it comes, its counts from the report it writes."""
    _headline(name, "pytest", *arguments, out=out)
    began = time.monotonic()
    with _report() as report:
        command = [sys.executable, "-m", "pytest", *arguments, f"--junitxml={report}"]
        code = _run(command, {**os.environ, **env}, out)
        counted = ElementTree.parse(report).getroot().find("testsuite") if report.stat().st_size else None
    seconds = time.monotonic() - began
    if counted is None:
        return Result(name, "FAILED", words=f"pytest ended with code {code} and no report", seconds=seconds)
    ran, skipped = int(counted.get("tests", 0)), int(counted.get("skipped", 0))
    failed = int(counted.get("failures", 0)) + int(counted.get("errors", 0))
    words = f"{ran - failed - skipped} passed, {failed} failed" + (f", {skipped} skipped" if skipped else "")
    return Result(name, "FAILED" if code else "ok", words, seconds, ran - failed - skipped, failed)


def summary(results: list[Result]) -> None:
    print("\n" + "=" * 28 + " summary " + "=" * 28)
    for result in results:
        print(f"{result.outcome:<9} {result.name:<20} {result.seconds:6.1f} s  {result.words}".rstrip())
    passed = sum(result.passed for result in results)
    # A stage that failed without a failed test (lint, no Chromium, a broken import) still counts as one.
    failed = sum(max(result.failed, result.outcome == "FAILED") for result in results)
    print(f"{passed} passed, {failed} failed", flush=True)


_running: set[subprocess.Popen[bytes]] = set()


def _run(command: list[str], env: dict[str, str], out: TextIO) -> int:
    with subprocess.Popen(command, cwd=ROOT, env=env, stdout=out, stderr=subprocess.STDOUT) as process:
        _running.add(process)
        try:
            return process.wait()
        except (KeyboardInterrupt, SystemExit) as why:
            _interrupt(process, told=isinstance(why, KeyboardInterrupt))  # a terminal tells all, SIGTERM only this one
            raise
        finally:
            _running.discard(process)


def _interrupt(process: subprocess.Popen[bytes], *, told: bool = False) -> None:
    """End a run of pytest as Ctrl-C does, which lets it clean up; one that does not listen is killed."""
    if not told:
        process.send_signal(signal.SIGINT)
    try:
        process.wait(timeout=30)
    except subprocess.TimeoutExpired:
        process.kill()


@contextmanager
def _report() -> Iterator[Path]:
    with tempfile.NamedTemporaryFile(prefix="portal-tests-", suffix=".xml") as file:
        yield Path(file.name)


def _headline(name: str, *command: str, out: TextIO = sys.stdout) -> None:
    print(f"\n---- {name}: {' '.join(command)}", file=out, flush=True)


_everything_but_the_browser = ("tests", *(f"--ignore={folder}" for folder in OWN_RUN))
_forgetful = ("-p", "no:cacheprovider")  # which tests failed last is remembered by the suite beside this one
_whatever_asks_the_database = (
    *_everything_but_the_browser,
    *(f"--ignore={folder}" for folder in OWN_DATABASE),
    "-m",
    "not one_database",
    *_forgetful,
)


if __name__ == "__main__":
    main()
