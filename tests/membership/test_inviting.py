"""Invited people come in through the same door: one account, one record, one welcome; an invitation is used once."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select

from portal.accounts.models import Invitation, Member, Role
from portal.billing.models import Grant
from portal.core.audit import Record
from portal.core.clock import now
from portal.core.db import db
from portal.core.letters import Letter
from tests.make import PASSWORD, at_once

NEW = {"name": "Ines Invited", "password": PASSWORD}


@pytest.fixture
def invite(app, browse, people):
    """Olga invites an address; returns the path of the letter's link."""

    def invite(email: str, role: str = "member", **more: str) -> str:
        answer = browse(people.olga).post("/desk/people/invitations", data={"email": email, "role": role} | more)
        assert answer.status_code == 303, answer.text
        return link_to(app, email)

    return invite


def link_to(app, email: str) -> str:
    with app.app_context():
        text = db.session.scalars(
            select(Letter.text)
            .where(Letter.kind == "accounts/invitation", Letter.address == email)
            .order_by(Letter.id.desc())
        ).first()
    return re.search(r"/invitations/\S+", text).group()


def rows(app, model):
    with app.app_context():
        return db.session.scalars(select(model).order_by(model.id)).all()


def test_ines_is_invited_as_a_member_and_finds_everything_open(app, browse, invite, work_off, outbox):
    path = invite("ines@example.com")
    ines = browse()
    page = ines.get(path)
    assert "Olga invites you to Practice Freedom, without charge" in page.text
    answer = ines.post(path, data=NEW)
    assert (answer.status_code, answer.location) == (303, "/welcome")
    welcome = ines.get("/welcome").text
    assert "You are in, Ines" in welcome
    assert "You are a member without charge." in welcome
    assert ines.get("/rooms").status_code == 200
    member = rows(app, Member)[-1]
    assert (member.email, member.role, member.is_confirmed) == ("ines@example.com", Role.MEMBER, True)
    (grant,) = [each for each in rows(app, Grant) if each.member_id == member.id]
    assert grant.until is None
    actions = [record.action for record in rows(app, Record)]
    assert actions == ["invitation.made", "member.joined", "invitation.accepted", "grant.given"]
    work_off()
    assert [letter.subject for letter in outbox] == [
        "Olga invites you to Practice Freedom",
        "Welcome to Practice Freedom",
    ]


def test_free_membership_may_have_an_end_which_reads_as_the_day_that_olga_chose(app, browse, invite):
    path, ines = invite("ines@example.com", until="2031-07-04"), browse()
    assert "open to you until 4 July 2031" in ines.get(path).text
    ines.post(path, data=NEW)
    assert rows(app, Grant)[-1].until == datetime(2031, 7, 5, 4, 59, 59, tzinfo=UTC), "the end of that day in Chicago"


def test_an_end_in_the_past_goes_back_to_olga_before_anybody_is_written_to(app, browse, people):
    yesterday = (now() - timedelta(days=2)).date().isoformat()
    typed = {"email": "ines@example.com", "role": "member", "until": yesterday}
    answer = browse(people.olga).post("/desk/people/invitations", data=typed)
    assert answer.status_code == 422
    assert "Choose an end that lies ahead." in answer.text
    assert not rows(app, Invitation)


def test_a_coach_is_invited_and_works_at_the_desk_once_there_is_a_second_factor(app, make, browse, invite):
    path, ines = invite("ines@example.com", "coach"), browse()
    assert "as a coach" in ines.get(path).text
    assert ines.post(path, data=NEW).location == "/account/two-step?next=/welcome"
    assert ines.get("/desk").location == "/account/two-step?next=/desk"
    make.strong(rows(app, Member)[-1])
    assert ines.get("/desk").status_code == 200
    assert rows(app, Member)[-1].role is Role.COACH
    assert [g for g in rows(app, Grant) if g.member_id == rows(app, Member)[-1].id] == [], "staff need no grant"


def test_bob_who_has_an_account_signs_in_accepts_and_keeps_it(app, make, browse, people, invite):
    path = invite("bob@example.com", "moderator")
    visitor = browse()
    assert "Sign in to accept" in visitor.get(path).text
    assert visitor.post(path, data=NEW).status_code == 200, "the form of newcomers makes no second account"
    bob = browse(people.bob)
    assert bob.post(path).status_code == 303
    make.strong(people.bob)
    assert bob.get("/moderation").status_code == 200
    assert [m.role for m in rows(app, Member) if m.email == "bob@example.com"] == [Role.MODERATOR]


def test_alice_cannot_take_bobs_invitation(app, browse, people, invite):
    path = invite("bob@example.com", "owner")
    alice = browse(people.alice)
    assert "signed in with alice@example.com" in alice.get(path).text
    assert alice.post(path).status_code == 403
    assert [m.role for m in rows(app, Member) if m.role is Role.OWNER] == [Role.OWNER]


@pytest.mark.parametrize("how", ["suspended", "leaving"])
def test_nobody_gets_powers_while_suspended_or_on_the_way_out(app, make, browse, invite, how):
    away = {"suspended_until": now() + timedelta(days=9)} if how == "suspended" else {"leaving_since": now()}
    who = make.member("Sid Away", **away)
    path, browser = invite(who.email, "owner"), browse(who)
    answer = browser.post(path)
    assert answer.status_code == 409
    assert "has to wait" in answer.text
    assert [m.role for m in rows(app, Member) if m.id == who.id] == [Role.MEMBER]
    assert browse().get(path).status_code == 200, "the invitation is not used up"


def test_an_invitation_never_takes_a_role_away(app, browse, people, invite):
    path = invite("cory@example.com", "member")
    browse(people.cory).post(path)
    assert [m.role for m in rows(app, Member) if m.email == "cory@example.com"] == [Role.COACH]


def test_whoever_has_the_role_is_not_invited_to_it(browse, people):
    answer = browse(people.olga).post(
        "/desk/people/invitations", data={"email": "Cory@Example.com", "role": "moderator"}
    )
    assert answer.status_code == 409
    assert "has that role already" in answer.text


def test_opening_the_link_ten_times_accepts_nothing(app, browse, invite):
    path = invite("ines@example.com")
    for _ in range(10):
        assert browse().get(path).status_code == 200
        assert browse().head(path).status_code == 200
    assert all(each.ended_at is None for each in rows(app, Invitation))
    assert browse().post(path, data=NEW).status_code == 303


def test_twenty_clicks_at_once_make_one_account(app, browse, invite):
    path = invite("ines@example.com", "coach")
    browsers = [browse() for _ in range(20)]
    answers = at_once(20, lambda n: browsers[n].post(path, data=NEW).status_code)
    assert answers.count(303) == 1, answers
    assert all(code in {303, 409, 410, 200, 429} for code in answers), answers
    assert len([m for m in rows(app, Member) if m.email == "ines@example.com"]) == 1
    assert [r.action for r in rows(app, Record)].count("invitation.accepted") == 1


def test_a_used_an_old_and_a_withdrawn_invitation_open_nothing(app, browse, people, invite, clock):
    used = invite("ines@example.com")
    browse().post(used, data=NEW)
    assert browse().get(used).status_code == 410
    taken = invite("iris@example.com")
    with app.app_context():
        waiting = db.session.scalar(select(Invitation.id).where(Invitation.email == "iris@example.com"))
    assert browse(people.olga).post(f"/desk/people/invitations/{waiting}/end").status_code == 303
    assert browse().post(taken, data=NEW | {"name": "Iris"}).status_code == 410
    old = invite("ivan@example.com")
    clock.shift(timedelta(days=15))
    page = browse().get(old)
    assert page.status_code == 410
    assert "run out" in page.text
    assert browse().get("/invitations/pfi_made-up").status_code == 410
    with app.app_context():
        assert db.session.scalar(select(func.count()).select_from(Member).where(Member.email.like("i%"))) == 1


def test_inviting_again_replaces_the_first_letter(app, browse, invite):
    first = invite("ines@example.com", "coach")
    second = invite("ines@example.com", "member")
    assert browse().get(first).status_code == 410
    browse().post(second, data=NEW)
    assert rows(app, Member)[-1].role is Role.MEMBER


def test_invitations_of_somebody_who_owns_nothing_any_more_count_for_nothing(app, browse, people, invite):
    path = invite("ines@example.com", "owner")
    browse(people.olga).post("/desk/people/cory/role", data={"role": "owner"})
    browse(people.cory).post("/desk/people/olga/role", data={"role": "member"})
    assert browse().post(path, data=NEW).status_code == 410


def test_a_weak_password_spends_nothing_and_the_name_comes_back(browse, invite):
    path, ines = invite("ines@example.com"), browse()
    answer = ines.post(path, data=NEW | {"password": "short"})
    assert answer.status_code == 422
    assert 'value="Ines Invited"' in answer.text
    assert ines.post(path, data=NEW).status_code == 303


def test_the_token_is_kept_hashed_and_its_path_is_redacted_in_logs(app, invite):
    from portal.core.logs import redacted

    path = invite("ines@example.com")
    assert path.rsplit("/", 1)[-1] not in {each.token_hash for each in rows(app, Invitation)}
    assert redacted(f"GET {path}") == "GET /invitations/<token>"
