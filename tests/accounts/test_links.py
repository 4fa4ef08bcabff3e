"""Mailed links: opening one changes nothing, pressing its button works once, and for nothing else."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from sqlalchemy import select

from portal.accounts import links
from portal.accounts.models import Member, OneTimeLink, Purpose
from portal.core.clock import now
from portal.core.db import db, transaction
from tests.make import PASSWORD, at_once

NEW = "pears and plums here"


@pytest.fixture
def nora(make):
    """Nora has joined and not yet confirmed her address."""
    return make.member("Nora Novak", confirmed_at=None, entitled=True)


def _member(app, who) -> Member:
    with app.app_context():
        return db.session.get_one(Member, who.id)


def test_nora_confirms_her_address_by_the_button_on_the_page(app, make, nora, browse):
    token = make.link(nora, "confirm")
    visitor = browse()
    page = visitor.get(f"/confirm/{token}")
    assert "Yes, this address is mine" in page.text
    assert not _member(app, nora).is_confirmed
    assert visitor.post(f"/confirm/{token}").status_code == 303
    assert _member(app, nora).is_confirmed


@pytest.mark.parametrize(
    ("path", "purpose"), [("/confirm/", "confirm"), ("/password/reset/", "reset"), ("/sign-in/link/", "sign in")]
)
def test_a_mail_scanner_that_opens_the_link_ten_times_uses_nothing_up(app, make, nora, browse, path, purpose):
    token = make.link(nora, purpose)
    scanner = browse()
    for _ in range(10):
        assert scanner.get(path + token).status_code == 200
        assert scanner.head(path + token).status_code == 200
    assert not _member(app, nora).is_confirmed
    assert browse().post(path + token, data={"password": NEW}).status_code == 303


def test_a_link_works_once(make, nora, browse):
    token = make.link(nora, "confirm")
    assert browse().post(f"/confirm/{token}").status_code == 303
    again = browse().post(f"/confirm/{token}")
    assert again.status_code == 410
    assert "no longer good" in again.text
    assert browse().get(f"/confirm/{token}").status_code == 410


def test_twenty_clicks_at_once_are_one_use(make, people, browse):
    make.password(people.alice)
    token = make.link(people.alice)
    found = at_once(
        20,
        lambda number: (
            browse()
            .post(
                f"/password/reset/{token}",
                data={"password": f"{NEW} {number}"},
                environ_overrides={"REMOTE_ADDR": f"10.1.{number}.1"},
            )
            .status_code
        ),
    )
    assert found.count(303) == 1
    assert set(found) <= {303, 410, 429}
    winner = found.index(303)
    answer = browse().post("/sign-in", data={"email": people.alice.email, "password": f"{NEW} {winner}"})
    assert answer.status_code == 303


@pytest.mark.parametrize("purpose", list(Purpose))
def test_of_twenty_uses_at_once_the_database_lets_one_through(app, make, nora, purpose):
    token = make.link(nora, purpose)

    def use(_number: int) -> str:
        with app.app_context(), transaction():
            links.use(token, purpose)
        return "used"

    found = at_once(20, use)
    assert found.count("used") == 1
    assert sum(isinstance(error, links.LinkSpent) for error in found) == 19


def test_twenty_clicks_on_a_sign_in_link_are_one_sign_in(make, nora, browse):
    token = make.link(nora, "sign in")
    browsers = [browse() for _ in range(20)]
    found = at_once(20, lambda number: browsers[number].post(f"/sign-in/link/{token}").status_code)
    assert sorted(found) == [303] + [410] * 19
    assert sum(browser.get("/account").status_code == 200 for browser in browsers) == 1


def test_a_link_for_one_purpose_opens_nothing_else(app, make, nora, browse):
    confirm, reset = make.link(nora, "confirm"), make.link(nora, "reset")
    assert browse().get(f"/password/reset/{confirm}").status_code == 410
    assert browse().get(f"/confirm/{reset}").status_code == 410
    assert browse().post(f"/password/reset/{confirm}", data={"password": NEW}).status_code == 410
    assert browse().post(f"/confirm/{reset}").status_code == 410
    sign_in = make.link(nora, "sign in")
    assert browse().post(f"/password/reset/{sign_in}", data={"password": NEW}).status_code == 410
    assert browse().post(f"/confirm/{sign_in}").status_code == 410
    for other in (confirm, reset):
        browser = browse()
        assert browser.post(f"/sign-in/link/{other}").status_code == 410
        assert browser.get("/account").status_code == 303
    assert not _member(app, nora).is_confirmed
    assert _member(app, nora).password_hash is None


@pytest.mark.parametrize(
    ("purpose", "path", "minutes"),
    [("confirm", "/confirm/", 24 * 60), ("reset", "/password/reset/", 60), ("sign in", "/sign-in/link/", 10)],
)
def test_a_link_runs_out(make, nora, browse, clock, purpose, path, minutes):
    token = make.link(nora, purpose)
    clock.shift(timedelta(minutes=minutes - 1))
    assert browse().get(path + token).status_code == 200
    clock.shift(timedelta(minutes=1, seconds=1))
    assert browse().get(path + token).status_code == 410
    assert browse().post(path + token, data={"password": NEW}).status_code == 410


def test_a_link_sent_to_an_older_mailbox_is_worth_nothing(app, make, nora, browse):
    confirm, reset = make.link(nora, "confirm"), make.link(nora, "reset")
    sign_in = make.link(nora, "sign in")
    with app.app_context(), transaction():
        db.session.get_one(Member, nora.id).email = "nora.new@example.com"
    assert browse().post(f"/sign-in/link/{sign_in}").status_code == 410
    assert browse().get(f"/confirm/{confirm}").status_code == 410
    assert browse().get(f"/password/reset/{reset}").status_code == 410
    assert browse().post(f"/confirm/{confirm}").status_code == 410
    assert browse().post(f"/password/reset/{reset}", data={"password": NEW}).status_code == 410
    assert not _member(app, nora).is_confirmed


def test_using_one_link_makes_the_others_of_its_kind_useless(make, people, browse):
    first, second = make.link(people.alice), make.link(people.alice)
    browse().post(f"/password/reset/{second}", data={"password": NEW})
    assert browse().post(f"/password/reset/{first}", data={"password": "another one entirely"}).status_code == 410


def test_a_link_of_alice_does_nothing_for_bob(app, make, people, browse):
    make.password(people.bob)
    bob = browse(people.bob)
    bob.post(f"/password/reset/{make.link(people.alice)}", data={"password": NEW})
    assert browse().post("/sign-in", data={"email": people.bob.email, "password": PASSWORD}).status_code == 303
    assert browse().post("/sign-in", data={"email": people.alice.email, "password": NEW}).status_code == 303


def test_a_closed_account_has_no_links(app, make, people, browse):
    token = make.link(people.alice)
    with app.app_context(), transaction():
        db.session.get_one(Member, people.alice.id).closed_at = now()
    assert browse().get(f"/password/reset/{token}").status_code == 410


@pytest.mark.parametrize("token", ["pfl_x", "x", "pfl_" + "a" * 43, "é", "a" * 3000, "'; DROP TABLE member; --"])
def test_made_up_links_are_answered_gently(browse, token):
    assert browse().get(f"/confirm/{token}").status_code == 410
    assert browse().post(f"/confirm/{token}").status_code == 410


def test_only_the_hash_of_a_link_is_kept_and_its_prefix_tells_what_it_is(app, make, people):
    token = make.link(people.alice)
    assert re.fullmatch(r"pfl_[\w-]{43}", token)
    with app.app_context():
        link = db.session.scalars(select(OneTimeLink)).one()
        assert token not in {link.token_hash, link.email}
        assert len(link.token_hash) == 64


def test_pages_of_links_are_kept_by_nobody(make, people, browse):
    assert (
        "no-store"
        in browse(people.alice).get(f"/confirm/{make.link(people.alice, 'confirm')}").headers["Cache-Control"]
    )
    for path in (
        f"/confirm/{make.link(people.alice, 'confirm')}",
        f"/password/reset/{make.link(people.alice)}",
        "/confirm/x",
    ):
        assert "no-store" in browse().get(path).headers["Cache-Control"]


def test_links_that_ran_out_a_week_ago_are_forgotten(app, make, people, clock):
    make.link(people.alice)
    clock.shift(timedelta(days=8))
    kept = make.link(people.alice)
    with app.app_context():
        links.sweep()
        assert [link.token_hash for link in db.session.scalars(select(OneTimeLink))] == [links.hashed(kept)]
