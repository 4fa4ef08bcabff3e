"""A real Chromium in front of a real portal with the demo's people. Any console error, policy violation or request to
another host fails the test that caused it."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect

from portal.seeds.people import PASSWORD as DEMO_PASSWORD
from tests.live import Live, live_portal

AXE = Path(__file__).parent / "vendor" / "axe-4.14.1.min.js"
PATIENCE = 40_000  # ms for whatever is waited for: two suites share two cores
expect.set_options(timeout=PATIENCE)


@pytest.fixture(scope="session")
def browser_type_launch_args() -> dict[str, Any]:
    """Debian's Chromium by its path; its sandbox needs a user that is not root."""
    path = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    flags = ["--disable-quic", "--disable-background-networking", "--disable-component-update", "--disable-sync"]
    if os.geteuid() == 0:
        flags.append("--no-sandbox")
    return {"executable_path": path, "args": flags} if path else {"args": flags}


@pytest.fixture(autouse=True)
def clean() -> None:
    """The browser tests have a portal of their own; the tables of the in-process one stay untouched."""


@pytest.fixture(scope="session")
def live() -> Iterator[Live]:
    with tempfile.TemporaryDirectory(prefix="portal-live-") as folder, live_portal(Path(folder), seed=True) as portal:
        yield portal


@dataclass
class Someone:
    """A person at a browser of their own."""

    context: BrowserContext
    page: Page
    live: Live
    complaints: list[str] = field(default_factory=list)

    def goto(self, path: str) -> None:
        self.page.goto(path if path.startswith("http") else self.live.url + path)

    def sign_in(self, handle: str) -> None:
        self.goto("/sign-in")
        self.page.get_by_label("E-mail").fill(f"{handle}@example.com")
        self.page.locator("input[name=password]").fill(DEMO_PASSWORD)
        self.page.get_by_role("button", name="Sign in").click()
        self.page.wait_for_url(lambda url: "/sign-in" not in url)

    def sideways(self) -> list[str]:
        """What sticks out to the side, by tag and class; nothing at the widths that we promise."""
        found: list[str] = self._evaluate(
            "(() => { const w = document.documentElement.clientWidth;"
            " if (document.documentElement.scrollWidth <= w) return [];"
            " return [...document.querySelectorAll('body *')].filter(e => e.getBoundingClientRect().right > w + 1)"
            ".slice(0, 5).map(e => e.tagName + '.' + e.className); })()"
        )
        return found

    def axe(self) -> list[str]:
        """Violations of WCAG 2.0-2.2 A and AA and good practice. Injected over CDP; the page's policy stays on."""
        if self._evaluate("typeof axe") == "undefined":
            self._evaluate(AXE.read_text(encoding="utf-8") + ";0")
        tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
        result = self._evaluate(
            f"axe.run(document, {{runOnly: {json.dumps(tags)}}}).then(r => r.violations.map(v => v.id + ': ' + v.nodes"
            ".map(n => n.target.join(' ') + ' ' + (n.failureSummary || '')).slice(0, 3).join(' | ')))"
        )
        return list(result)

    def _evaluate(self, expression: str) -> Any:
        self.page.wait_for_load_state()
        session = self.context.new_cdp_session(self.page)
        try:
            answer = session.send(
                "Runtime.evaluate", {"expression": expression, "awaitPromise": True, "returnByValue": True}
            )
        finally:
            session.detach()
        if "exceptionDetails" in answer:
            raise AssertionError(answer["exceptionDetails"])
        return answer["result"].get("value")


@pytest.fixture
def someone(browser: Browser, live: Live) -> Iterator[Callable[..., Someone]]:
    """`someone(script=False, width=320, scheme="dark")`: a fresh browser window; watched until the test ends."""
    opened: list[Someone] = []

    def open_window(*, script: bool = True, width: int = 1280, height: int = 900, scheme: str = "light") -> Someone:
        context = browser.new_context(
            java_script_enabled=script,
            viewport={"width": width, "height": height},
            color_scheme=scheme,  # type: ignore[arg-type]
            accept_downloads=True,
        )
        context.set_default_timeout(PATIENCE)
        who = Someone(context, context.new_page(), live)
        _watch(who)
        opened.append(who)
        return who

    yield open_window
    complaints = [c for who in opened for c in who.complaints]
    for who in opened:
        who.context.close()
    assert complaints == []


def _watch(who: Someone) -> None:
    ours = {urlsplit(who.live.url).netloc, urlsplit(who.live.sandbox.url).netloc}

    def console(message: ConsoleMessage) -> None:
        expected = "the server responded with a status of 4" in message.text  # a 422 or 403 that the story is about
        if message.type == "error" and not expected:
            who.complaints.append(f"console at {who.page.url}: {message.text}")

    def request(sent: Any) -> None:
        host = urlsplit(sent.url).netloc
        if host and host not in ours and not sent.url.startswith(("data:", "blob:")):
            who.complaints.append(f"request to {host} from {who.page.url}")

    who.page.on("console", console)
    who.page.on("pageerror", lambda error: who.complaints.append(f"error at {who.page.url}: {error}"))
    who.context.on("request", request)
