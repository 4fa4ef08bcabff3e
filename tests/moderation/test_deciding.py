"""Several cases decided at once, each by a ruling of its own, and saved replies as the reason."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select

from portal.conversations.models import Post
from portal.core.db import db, transaction
from portal.moderation import flagging, replying, ruling
from portal.moderation.models import Flag, Outcome, Reason, Ruling, SavedReply, about
from tests.make import again, at_once


@pytest.fixture
def flagged(app, people, make):
    """Three posts of Bob's, each flagged by Alice; what is sent when they are checked."""
    posts = [make.reply(make.thread(by=people.alice, title=f"Thread {n}"), by=people.bob) for n in range(3)]
    return posts, [_flag(app, people, post) for post in posts]


@pytest.fixture
def reply(app, people):
    with app.app_context(), transaction():
        return replying.save(None, title="Sells", words="Please do not sell here.", by=again(people.cory))


def _flag(app, people, thing):
    with app.app_context(), transaction():
        raised = flagging.flag(again(thing), reason=Reason.SELLING, by=again(people.alice))
        return f"{about(thing)}:{raised.id}"


def _hidden(app, posts):
    with app.app_context():
        return [again(post).is_hidden for post in posts]


def test_mo_hides_two_of_three_with_one_reason_and_each_has_a_ruling(app, browse, people, flagged, outbox, work_off):
    posts, checked = flagged
    mo = browse(people.mo)
    data = {"case": checked[:2], "outcome": "hide", "because": "Advertising.", "next": "/moderation?kind=post"}
    answer = mo.post("/moderation/rulings", data=data)
    assert (answer.status_code, answer.location) == (303, "/moderation?kind=post")
    assert "2 cases hidden." in mo.get("/moderation").text
    assert _hidden(app, posts) == [True, True, False]
    with app.app_context():
        assert db.session.scalars(select(Ruling.because)).all() == ["Advertising."] * 2
    work_off()
    assert [m.subject for m in outbox if "bob@example.com" in m.recipients] == ["Your post was hidden"] * 2


def test_what_cory_decided_meanwhile_is_told_and_the_others_are_done(app, browse, people, flagged):
    posts, checked = flagged
    with app.app_context(), transaction():
        ruling.keep(again(posts[1]), because="A fair question.", by=again(people.cory))
    mo = browse(people.mo)
    mo.post("/moderation/rulings", data={"case": checked, "outcome": "hide", "because": "Advertising."})
    page = mo.get("/moderation").text
    assert "2 cases hidden." in page
    assert "Not decided: “Thread 1”. Cory was first: it stays. The reason given: A fair question." in page
    assert _hidden(app, posts) == [True, False, True]
    with app.app_context():
        outcomes = db.session.scalars(select(Ruling.outcome).order_by(Ruling.id)).all()
        assert outcomes == [Outcome.KEPT, Outcome.HIDDEN, Outcome.HIDDEN]


def test_ten_who_decide_about_the_same_three_make_three_rulings(app, browse, people, make, flagged):
    from portal.accounts.models import Role

    _, checked = flagged
    windows = [browse(make.member(role=Role.MODERATOR)) for _ in range(10)]
    data = {"case": checked, "outcome": "keep", "because": "So."}
    answers = at_once(10, lambda n: windows[n].post("/moderation/rulings", data=data))
    assert {a.status_code for a in answers} == {303}
    with app.app_context():
        assert db.session.scalar(select(func.count()).select_from(Ruling)) == 3
        assert db.session.scalars(select(Flag).where(Flag.ruled_at.is_(None))).all() == []


def test_a_profile_is_kept_with_the_others_and_not_hidden_with_them(app, browse, people, flagged):
    posts, checked = flagged
    profile, mo = _flag(app, people, people.bob), browse(people.mo)
    mo.post("/moderation/rulings", data={"case": [profile, checked[0]], "outcome": "hide", "because": "So."})
    page = mo.get("/moderation").text
    assert "One case hidden." in page
    assert "Not decided: “Bob”. A profile or a nugget is decided about by itself." in page
    mo.post("/moderation/rulings", data={"case": [profile], "outcome": "keep", "because": "So."})
    assert "One case kept." in mo.get("/moderation").text
    assert _hidden(app, posts) == [True, False, False]


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ({"outcome": "hide", "because": "So."}, "Check the cases to decide about"),
        ({"case": ["post:1:1"], "because": "So."}, "Check the cases to decide about"),
        ({"case": ["post:1:1"], "outcome": "restore", "because": "So."}, "Check the cases to decide about"),
        (
            {"case": ["nonsense", "post:x:1", "room:1:1", ":::", "post:1:\x00"], "outcome": "hide", "because": "So."},
            "Check",
        ),
        ({"case": ["post:1:1"], "outcome": "hide"}, "Give your reason"),
    ],
)
def test_what_cannot_be_decided_gets_a_sentence_and_nothing_changes(app, browse, people, flagged, typed, said):
    answer = browse(people.mo).post("/moderation/rulings", data=typed)
    assert answer.status_code == 422
    assert said in answer.text
    with app.app_context():
        assert db.session.scalar(select(func.count()).select_from(Ruling)) == 0


def test_what_was_checked_stays_checked_when_the_reason_is_missing(browse, people, flagged):
    _, checked = flagged
    answer = browse(people.mo).post("/moderation/rulings", data={"case": checked[:1], "outcome": "hide"})
    assert f'value="{checked[0]}" data-key="x" checked' in answer.text
    assert answer.text.count('data-key="x" checked') == 1


def test_nobody_decides_several_in_the_coaches_room_or_about_their_own(app, browse, people, make):
    from portal.conversations.models import RoomKind

    own = make.reply(make.thread(by=people.alice), by=people.mo)
    inner = make.thread(by=people.cory, room=make.room(kind=RoomKind.COACHES))
    checked = [_flag(app, people, own)]
    with app.app_context(), transaction():
        raised = flagging.flag(again(inner), reason=Reason.SELLING, by=again(people.olga))
        checked.append(f"thread:{inner.id}:{raised.id}")
    browse(people.mo).post("/moderation/rulings", data={"case": checked, "outcome": "hide", "because": "So."})
    with app.app_context():
        assert db.session.scalar(select(func.count()).select_from(Ruling)) == 0
        assert not db.session.get_one(Post, own.id).is_hidden


def test_a_saved_reply_is_the_reason_where_nothing_was_written_and_own_words_win(app, browse, people, flagged, reply):
    posts, _ = flagged
    mo = browse(people.mo)
    assert "Please do not sell here." in mo.get("/moderation").text
    mo.post(f"/posts/{posts[0].id}/rulings", data={"outcome": "hide", "because": " ", "reply": reply.id})
    mo.post(f"/posts/{posts[1].id}/rulings", data={"outcome": "hide", "because": "Mine.", "reply": reply.id})
    answer = mo.post(f"/posts/{posts[2].id}/rulings", data={"outcome": "hide", "reply": "999"})
    assert answer.status_code == 422
    with app.app_context():
        assert db.session.scalars(select(Ruling.because).order_by(Ruling.id)).all() == [
            "Please do not sell here.",
            "Mine.",
        ]


def test_a_coach_writes_changes_and_takes_out_saved_replies_and_a_moderator_only_uses_them(app, browse, people):
    cory, mo = browse(people.cory), browse(people.mo)
    assert cory.post("/moderation/replies", data={"title": "Names", "words": "It names her."}).status_code == 303
    with app.app_context():
        reply_id = db.session.scalars(select(SavedReply.id)).one()
    assert cory.post("/moderation/replies", data={"title": " ", "words": ""}).status_code == 422
    changed = {"title": "Names somebody", "words": "It names somebody."}
    assert cory.post(f"/moderation/replies/{reply_id}", data=changed).status_code == 303
    assert "It names somebody." in cory.get("/moderation/replies").text
    for path, data in (("", changed), (f"/{reply_id}", changed), (f"/{reply_id}/removal", {})):
        assert mo.post(f"/moderation/replies{path}", data=data).status_code == 403
    assert cory.post(f"/moderation/replies/{reply_id}/removal", data={}).status_code == 303
    assert "No saved reply yet" in cory.get("/moderation/replies").text
    assert cory.get(f"/moderation/replies/{reply_id}").status_code == 404


def test_thirty_saved_replies_are_enough(app, people, reply):
    with app.app_context(), transaction():
        for n in range(replying.MOST - 1):
            replying.save(None, title=f"Reply {n}", words="So.", by=again(people.cory))
    with app.app_context(), pytest.raises(replying.TooManyReplies), transaction():
        replying.save(None, title="One more", words="So.", by=again(people.cory))
