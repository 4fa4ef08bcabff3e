"""Nora takes her data along, deletes her account, thinks better of it, deletes it again, and is gone."""

from __future__ import annotations

import io
import zipfile
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import expect
from sqlalchemy import create_engine, text

from tests.browser import doing
from tests.browser.conftest import Someone


@pytest.mark.parametrize("script", [True, False], ids=["with-script", "without-script"])
def test_nora_takes_her_data_along_leaves_stays_leaves_and_is_gone(someone, live, script: bool):
    nora = someone(script=script, width=320)
    email = doing.join(nora, plan="Monthly")
    doing.pay(nora)
    doing.expect_to_be_in(nora)

    nora.goto("/account")
    nora.page.get_by_role("link", name="Your data").click()
    nora.page.get_by_role("button", name="Put my data together").click()
    live.letter(email, "is ready")
    nora.goto("/account/data")
    _looks_right(nora, script)
    with nora.page.expect_download() as coming:
        nora.page.get_by_role("link", name="Download your data").click()
    taken = zipfile.ZipFile(io.BytesIO(Path(coming.value.path()).read_bytes()))
    assert email in taken.read("data/account.json").decode()

    _leave(nora, script)
    expect(nora.page.get_by_role("heading", name="Your account is being deleted")).to_be_visible()
    _looks_right(nora, script)
    nora.goto("/rooms")
    expect(nora.page).to_have_url(live.url + "/account/data")
    nora.page.get_by_role("button", name="Keep my account").click()
    nora.goto("/rooms")
    expect(nora.page.get_by_role("heading", level=1)).to_have_text("Rooms")

    _leave(nora, script)
    live.wait_until(lambda: _state(live, email)[1], "Stripe has confirmed that nothing is charged")
    nora.goto("/account/data")
    expect(nora.page.get_by_text("Stripe has confirmed")).to_be_visible()
    _a_week_goes_by(live, email)
    live.wait_until(lambda: not live.rows("SELECT 1 FROM member WHERE email = :email", email=email), "she is gone")
    nora.goto("/account")
    expect(nora.page).to_have_url(live.url + "/sign-in?next=/account")
    nora.page.get_by_label("E-mail").fill(email)
    nora.page.locator("input[name=password]").fill(doing.PASSWORD)
    nora.page.get_by_role("button", name="Sign in", exact=True).click()
    expect(nora.page.get_by_text("do not belong together").first).to_be_visible()


def _leave(who: Someone, script: bool) -> None:
    who.goto("/account/data")
    who.page.get_by_role("link", name="See what would be deleted").click()
    _looks_right(who, script)
    who.page.get_by_role("button", name="Delete my account on").click()


def _looks_right(who: Someone, script: bool) -> None:
    """What axe and the page's width say; without script axe itself cannot run."""
    if script:
        assert who.axe() + who.sideways() == []


def _state(live, email: str) -> tuple:
    return live.rows("SELECT leaving_since, charges_ended_at FROM member WHERE email = :email", email=email)[0]


def _a_week_goes_by(live, email: str) -> None:
    """As far as this account is concerned; the processes' clocks are their own."""
    earlier = datetime.fromisoformat(_state(live, email)[0]) - timedelta(days=8)
    engine = create_engine(live.database)
    with engine.begin() as connection:
        connection.execute(
            text("UPDATE member SET leaving_since = :earlier WHERE email = :email"),
            {"earlier": f"{earlier:%Y-%m-%d %H:%M:%S.%f}", "email": email},
        )
        connection.execute(
            text(
                "INSERT INTO job (created_at, work, args, state, run_at, attempts)"
                " VALUES (:now, 'membership.sweep_leaving', '{}', 'waiting', :now, 0)"
            ),
            {"now": f"{earlier:%Y-%m-%d %H:%M:%S.%f}"},
        )
    engine.dispose()
