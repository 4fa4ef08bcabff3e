"""What somebody silenced or suspended still finds and does, at every route of the portal.

A new route that takes a form from members fails here until it says whether what it takes reaches other members.
"""

from __future__ import annotations

from io import BytesIO
from typing import Any

import pytest
from sqlalchemy import select
from werkzeug.routing import AnyConverter, IntegerConverter

from portal.accounts.models import Member
from portal.conversations.models import Post
from portal.core.admission import Audience, audience_of
from portal.core.db import db, transaction
from portal.moderation import sanctioning
from tests.make import again, picture

pytestmark = pytest.mark.one_database
WHY = "Named an employee twice."
SECRET = "chrysoprase"
PROFILE = {"name": "Bob", "bio": "Two chairs.", "practice": "", "title": "", "listed": "y"}
PROFILE |= dict.fromkeys(("specialty", "part", "size", "region", "time_zone", "locale"), "")

REACH_OTHERS: dict[str, tuple[str, dict[str, str]]] = {
    "answering.press": ("/posts/{alices}/thanks", {}),
    "attaching.to_post": ("/posts/{bobs}/files", {"files": "picture"}),
    "attaching.to_room": ("/rooms/{room}/threads/new/files", {"files": "picture"}),
    "attaching.to_thread": ("/threads/{thread}/files", {"files": "picture"}),
    "conversations.edit": ("/posts/{bobs}/edit", {"body": "Changed"}),
    "conversations.new_thread": ("/rooms/{room}/threads/new", {"kind": "question", "title": "So", "body": "Hello"}),
    "conversations.reply": ("/threads/{thread}/posts", {"body": "Hello"}),
    "library.discuss": ("/library/{item}/thread", {"title": "So", "room": "{room}", "body": "Hello"}),
    "practices.add_photo": ("/account/profile/photo", {"photo": "picture"}),
    "practices.profile": ("/account/profile", PROFILE),
}
MONEY, KEYS = "billing goes on as always", "their own account and its safety"
THEIRS, READING = "their own data and account", "what they read and keep for themselves"
AWAY, STAFF = "takes their own words away, or puts back what stood there a minute ago", "only moderators read it"
STAY: dict[str, str] = {
    "accounts.confirmation": KEYS,
    "accounts.end_device": KEYS,
    "accounts.end_other_devices": KEYS,
    "accounts.security": KEYS,
    "accounts.sign_out": KEYS,
    "address.confirm_address": KEYS,
    "address.email": KEYS,
    "answering.take_back": AWAY,
    "appeals.appeal": STAFF,
    "appeals.appeal_sanction": STAFF,
    "attaching.remove": AWAY,
    "billing.portal": MONEY,
    "conversations.take_back": AWAY,
    "conversations.undo_taking_back": AWAY,
    "data.deletion": THEIRS,
    "data.export": THEIRS,
    "data.undo": THEIRS,
    "drafts.keep_edit": "a draft is nobody else's",
    "drafts.keep_reply": "the same",
    "drafts.keep_thread": "the same",
    "episodes.keep_position": READING,
    "episodes.step": READING,
    "flagging.nugget": STAFF,
    "flagging.post": STAFF,
    "flagging.profile": STAFF,
    "flagging.thread": STAFF,
    "following.person": READING,
    "following.room": READING,
    "following.thread": READING,
    "history.remove": AWAY,
    "home.bring_first_steps_back": READING,
    "home.put_first_steps_away": READING,
    "home.say_part": "one of a few words that they choose from",
    "managing.cancel": MONEY,
    "managing.confirm": MONEY,
    "managing.keep_plan": MONEY,
    "managing.leave_it": MONEY,
    "managing.quote": MONEY,
    "managing.take_back": MONEY,
    "notifications.mail": READING,
    "notifications.mark_all": READING,
    "notifications.open_entry": READING,
    "notifications.undo_mark": READING,
    "own_feed.begin": READING,
    "own_feed.rotate": READING,
    "own_library.judge": "staff read it, and members a count",
    "own_library.save": READING,
    "own_library.take_back": READING,
    "own_library.take_off": READING,
    "own_library.tick": READING,
    "own_library.untick": READING,
    "practices.remove_photo": AWAY,
    "previews.in_room": "shown to whoever wrote it",
    "previews.in_thread": "shown to whoever wrote it",
    "reading.mark_all": READING,
    "reading.mark_room": READING,
    "reading.put_back": READING,
    "reading.see": READING,
    "reading.undo_mark": READING,
    "security.add_passkey": KEYS,
    "security.begin_two_step": KEYS,
    "security.confirm_two_step": KEYS,
    "security.name_passkey": KEYS,
    "security.passkey_options": KEYS,
    "security.remove_passkey": KEYS,
    "security.renew_codes": KEYS,
    "security.turn_off_two_step": KEYS,
    "sign_in.again": KEYS,
    "sign_in.again_by_code": KEYS,
    "sign_in.again_by_passkey": KEYS,
    "sign_in.ask_again_for_code": KEYS,
    "topics.follow": READING,
    "topics.unfollow": READING,
    "writing.preview": "shown to whoever wrote it",
}
MEMBERS = {Audience.ACCOUNT, Audience.SIGNED_IN, Audience.ENTITLED}
ALWAYS = [
    "/account",
    "/account/billing",
    "/account/billing/invoices",
    "/account/confirmation",
    "/account/data",
    "/account/data/deletion",
    "/account/mail",
    "/account/posts",
    "/account/profile",
    "/account/security",
    "/about",
    "/privacy",
    "/rules",
    "/terms",
]


@pytest.fixture
def things(app, make, people) -> dict[str, Any]:
    """What addresses name: Alice's thread with a word that no door may let out, and a reply of Bob's in it."""
    from portal.conversations import posting

    room, item = make.room(), make.nugget()
    thread = make.thread(by=people.alice, room=room, body=f"We bought a {SECRET}.")
    with app.app_context(), transaction():
        bobs = posting.reply(again(thread), body="Hello", by=again(people.bob)).id
        alices = db.session.scalar(select(Post.id).where(Post.thread_id == thread.id, Post.number == 1))
    return {"room": room.slug, "item": item.slug, "thread": thread.id, "alices": alices, "bobs": bobs}


@pytest.fixture
def decide(app, people):
    def sanction(what: str) -> None:
        with app.app_context(), transaction():
            getattr(sanctioning, what)(again(people.bob), days=7, because=WHY, by=again(people.mo))

    return sanction


HIS_SANCTION = "/sanctions/1"  # what was decided, and how to appeal; his alone


def test_every_form_for_members_says_whether_it_reaches_others(app):
    forms = {
        rule.endpoint
        for rule in app.url_map.iter_rules()
        if "POST" in (rule.methods or ()) and audience_of(app, rule.endpoint) in MEMBERS
    }
    assert forms == set(REACH_OTHERS) | set(STAY)
    assert not set(REACH_OTHERS) & set(STAY)


def test_bob_silenced_finds_at_every_address_what_he_found_before_but_the_edit_of_his_post_and_how_to_appeal(
    app, browse, people, things, decide
):
    bob, before = browse(people.bob), {}
    for path, _ in _addresses(app, things):
        before[path] = bob.get(path).status_code
    decide("silence")
    changed = {path: bob.get(path).status_code for path in before}
    changed = {path: status for path, status in changed.items() if status != before[path]}
    assert changed == {f"/posts/{things['bobs']}/edit": 403, HIS_SANCTION: 200}
    assert SECRET in bob.get(f"/threads/{things['thread']}").text
    assert len(before) > 120


def test_bob_suspended_finds_no_more_than_somebody_who_lapsed_and_never_what_members_said(
    app, browse, people, things, decide
):
    decide("suspend")
    bob, lena, tried = browse(people.bob), browse(people.lena), 0
    for path, audience in _addresses(app, things):
        answer = bob.get(path)
        said = f"GET {path} ({audience}) answers {answer.status_code}"
        if path == HIS_SANCTION:
            assert answer.status_code == 200, said
        elif audience in {Audience.ANYONE, Audience.ACCOUNT, Audience.SIGNED_IN}:
            assert answer.status_code == lena.get(path).status_code, said
        else:
            assert answer.status_code == 403, said
            assert audience is not Audience.ENTITLED or WHY in answer.text, said
        if path != "/account/posts":
            assert SECRET not in answer.text, said
        tried += 1
    assert tried > 120


@pytest.mark.parametrize("what", ["silence", "suspend"])
def test_account_billing_and_own_data_stay_open_to_bob(browse, people, decide, what):
    decide(what)
    bob = browse(people.bob)
    for path in ALWAYS:
        assert bob.get(path).status_code == 200, path
    assert bob.post("/account/data/exports").status_code == 303
    assert bob.post("/account/devices/end-others").status_code == 303
    assert bob.post("/sign-out").status_code == 303


@pytest.mark.parametrize("endpoint", REACH_OTHERS)
@pytest.mark.parametrize("what", ["silence", "suspend"])
def test_nothing_that_reaches_others_leaves_bob(app, browse, people, make, things, decide, endpoint, what):
    decide(what)
    before = _said(app)
    refused = _post(browse(people.bob), endpoint, things, bio="Buy my course")
    assert refused.status_code in {403, 409}
    assert _said(app) == before


@pytest.mark.parametrize("endpoint", REACH_OTHERS)
def test_the_same_leaves_bob_before(app, browse, people, things, endpoint):
    before = _said(app)
    assert _post(browse(people.bob), endpoint, things, bio="Two chairs").status_code < 400
    assert _said(app) != before


def _post(person: Any, endpoint: str, things: dict[str, Any], bio: str) -> Any:
    path, typed = REACH_OTHERS[endpoint]
    data: dict[str, Any] = {name: value.format(**things) for name, value in typed.items()}
    data |= {name: (BytesIO(picture()), "x.jpg") for name, value in data.items() if value == "picture"}
    if "bio" in data:
        data["bio"] = bio
    return person.post(path.format(**things), data=data)


def _said(app: Any) -> dict[str, list[str]]:
    """All that other members could read."""
    tables = ("thread", "post", "post_revision", "post_file", "thanks", "photo", "affiliation", "practice")
    with app.app_context():
        rows = {name: db.session.execute(select(db.metadata.tables[name])).all() for name in tables}
        rows["member"] = db.session.execute(select(Member.name, Member.bio, Member.photo)).all()
        return {name: sorted(map(repr, found)) for name, found in rows.items()}


def _addresses(app: Any, things: dict[str, Any]) -> list[tuple[str, Audience | None]]:
    """One address of each route that is read, naming things that exist where we made some."""
    named = {"thread_id": things["thread"], "post_id": things["bobs"], "handle": "alice"}
    found = []
    for rule in app.url_map.iter_rules():
        if "GET" not in (rule.methods or ()) or rule.endpoint == "static":
            continue
        slug = things["item"] if rule.rule.startswith("/library") else things["room"]
        values = {
            name: named.get(name) or (slug if name == "slug" else _one_of(converter))
            for name, converter in rule._converters.items()
        }
        built: Any = rule.build(values, append_unknown=False)
        found.append((built[1], audience_of(app, rule.endpoint)))
    return found


def _one_of(converter: Any) -> Any:
    if isinstance(converter, AnyConverter):
        return min(converter.items)
    return 1 if isinstance(converter, IntegerConverter) else "x"
