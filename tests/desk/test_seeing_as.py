"""Staff see the site as others do: exactly what they see, and without changing anything."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select

from portal.accounts.models import Role
from portal.core.db import db
from portal.library.models import Download

DOORS = {  # address: who of visitor, subscriber, member, lapsed gets in
    "/rooms": "member",
    "/desk": "",
    "/moderation": "",
    "/account": "subscriber member lapsed",
    "/library": "visitor subscriber member lapsed",
}


@pytest.mark.parametrize("kind", ["visitor", "subscriber", "member", "lapsed"])
def test_olga_meets_the_doors_that_they_meet(browse, people, kind: str):
    olga = browse(people.olga)
    assert olga.post("/desk/seeing-as", data={"kind": kind}).status_code == 303
    for path, inside in DOORS.items():
        answer = olga.get(path)
        if kind in inside.split():
            assert answer.status_code == 200, path
            assert "Nothing you do here counts" in answer.text
        else:
            assert answer.status_code in {303, 403}, path
    assert olga.post("/desk/seeing-as/end").status_code == 303
    assert olga.get("/desk").status_code == 200


def test_she_reads_a_tool_as_a_member_fetches_it_and_nothing_is_noted(app, browse, people, make):
    tool, thread = make.tool(), make.thread(by=people.alice)
    olga = browse(people.olga)
    olga.post("/desk/seeing-as", data={"kind": "member"})
    assert olga.get(f"/library/{tool.slug}/file").status_code == 200
    page = olga.get(f"/threads/{thread.id}")
    assert page.status_code == 200
    assert "/rulings" not in page.text, "a member has no buttons of moderators"
    assert page.headers["Cache-Control"] == "private, no-store"
    with app.app_context():
        assert db.session.scalar(select(func.count()).select_from(Download)) == 0
    olga.post("/desk/seeing-as/end")
    olga.get(f"/library/{tool.slug}/file")
    with app.app_context():
        assert db.session.scalar(select(func.count()).select_from(Download)) == 1


def test_she_sees_the_teaser_and_never_the_file_as_somebody_who_lapsed(browse, people, make):
    tool, olga = make.tool(), browse(people.olga)
    olga.post("/desk/seeing-as", data={"kind": "lapsed"})
    assert "Join to download" in olga.get(f"/library/{tool.slug}").text
    assert olga.get(f"/library/{tool.slug}/file").status_code == 403


@pytest.mark.parametrize("kind", ["visitor", "member"])
def test_nothing_can_be_sent_meanwhile(browse, people, make, kind: str):
    thread, olga = make.thread(by=people.alice), browse(people.olga)
    olga.post("/desk/seeing-as", data={"kind": kind})
    for path in (f"/threads/{thread.id}/posts", "/account/profile", "/join", "/desk/people/alice/role"):
        answer = olga.post(path, data={"body": "Hello", "role": "owner"})
        assert answer.status_code == 403, path
        assert "as somebody else" in answer.text
    assert olga.post("/sign-out").status_code == 303, "the way out stays open"


def test_her_own_row_stays_as_it_is(app, browse, people):
    olga = browse(people.olga)
    olga.post("/desk/seeing-as", data={"kind": "subscriber"})
    olga.get("/account")
    with app.app_context():
        assert db.session.get_one(type(people.olga), people.olga.id).role is Role.OWNER


def test_it_is_for_coaches_and_ends_with_the_role(app, browse, people):
    assert browse(people.mo).get("/desk/seeing-as").status_code == 403
    cory = browse(people.cory)
    cory.post("/desk/seeing-as", data={"kind": "visitor"})
    assert cory.get("/rooms").status_code == 303
    assert cory.post("/desk/seeing-as", data={"kind": "nobody"}).status_code == 422
    assert browse(people.alice).post("/desk/seeing-as", data={"kind": "visitor"}).status_code == 403


@pytest.mark.parametrize("kind", ["subscriber", "member", "lapsed"])
def test_every_page_about_herself_opens_meanwhile(app, browse, people, kind: str):
    """They ask about the browser in her hands, which is still hers."""
    olga = browse(people.olga)
    olga.post("/desk/seeing-as", data={"kind": kind})
    own = [r.rule for r in app.url_map.iter_rules() if not r.arguments and r.rule.startswith(("/account", "/sign-in"))]
    assert len(own) > 8
    for path in own:
        assert olga.get(path).status_code in {200, 303, 403, 405}, path
