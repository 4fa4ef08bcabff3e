"""`make shots`: the README's screenshots, from the demo's data, by a real browser."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from portal.seeds.people import PASSWORD
from tests.live import ROOT, Live, live_portal

TARGET = ROOT / "deploy" / "screenshots"
# name, who looks, address, height, dark
SHOTS = [
    ("landing", "", "/", 860, False),
    ("join", "", "/join", 860, False),
    ("library", "alice", "/library", 860, False),
    ("library-dark", "alice", "/library?kind=tool", 860, True),
    ("tool", "alice", "/library/role-card", 860, False),
    ("thread", "alice", "", 860, False),
    ("queue", "mo", "/moderation", 860, False),
]


def main() -> None:
    TARGET.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory(prefix="portal-shots-") as folder,
        live_portal(Path(folder), seed=True) as live,
        sync_playwright() as playwright,
    ):
        path = os.environ.get("CHROMIUM") or shutil.which("chromium")
        root = ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = playwright.chromium.launch(executable_path=path, args=root)
        for name, who, address, height, dark in SHOTS:
            _shoot(browser, live, name, who, address or _longest_thread(live), height, dark)
        browser.close()


def _shoot(browser: Browser, live: Live, name: str, who: str, address: str, height: int, dark: bool) -> None:
    context = browser.new_context(
        viewport={"width": 1280, "height": height}, color_scheme="dark" if dark else "light", reduced_motion="reduce"
    )
    page = context.new_page()
    if who:
        _sign_in(page, live, who)
    page.goto(live.url + address, wait_until="networkidle")
    page.screenshot(path=str(TARGET / f"{name}.png"))
    print(f"{name}.png  {address}")
    context.close()


def _sign_in(page: Page, live: Live, who: str) -> None:
    page.goto(live.url + "/sign-in")
    page.fill("input[name=email]", f"{who}@example.com")
    page.fill("input[name=password]", PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(lambda url: "/sign-in" not in url)


def _longest_thread(live: Live) -> str:
    return f"/threads/{live.rows('SELECT id FROM thread ORDER BY post_count DESC, id LIMIT 1')[0][0]}"


if __name__ == "__main__":
    main()
