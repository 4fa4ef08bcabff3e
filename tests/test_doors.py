"""Every door is tried by everybody: all routes, by ten kinds of person, and with other people's things.

`tests/routes.txt` says for whom a route is; nothing here repeats it. A new route is tried by itself; a new route that
names a thing (`/posts/<int:post_id>`) fails until `THINGS` says whose thing is tried and who may.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from secrets import token_hex
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select
from werkzeug.routing import AnyConverter, IntegerConverter

from portal.accounts.models import Device, Member, Role
from portal.core.admission import Audience, audience_of
from portal.core.clock import now
from portal.core.db import db, transaction

LEAVING = "leaving"  # their account is being deleted
SIGNED_IN = ["unconfirmed", "subscriber", "member", "lapsed", "suspended", "moderator", "coach", "owner"]
EVERYBODY = ["visitor", *SIGNED_IN, LEAVING]
STAFF = ["moderator", "coach", "owner"]
INSIDE = {
    Audience.ANYONE: EVERYBODY,
    Audience.ACCOUNT: [*SIGNED_IN, LEAVING],
    Audience.SIGNED_IN: SIGNED_IN,
    Audience.ENTITLED: ["member", *STAFF],
    Audience.MODERATORS: STAFF,
    Audience.COACHES: ["coach", "owner"],
    Audience.OWNERS: ["owner"],
}
REFUSED = {403, 404, 410}
HOUR = timedelta(hours=1)


@pytest.fixture
def crowd(make, people) -> dict[str, Member | None]:
    """One person of each kind; Bob, whose things the others try to touch, is none of them."""
    return {
        "visitor": None,
        "unconfirmed": make.member("Uma Unconfirmed", confirmed_at=None),
        "subscriber": people.sam,
        "member": people.alice,
        "lapsed": people.lena,
        "suspended": make.member("Sid Suspended", entitled=True, suspended_until=now() + timedelta(days=9)),
        LEAVING: make.member("Lou Leaving", entitled=True, leaving_since=now()),
        "moderator": people.mo,
        "coach": people.cory,
        "owner": people.olga,
    }


@pytest.mark.one_database  # which people it knows; that it knows them on both is asked below, of Bob's things
@pytest.mark.parametrize("kind", EVERYBODY)
def test_the_gate_lets_in_exactly_those_for_whom_a_route_is(app: Flask, browse, crowd, monkeypatch, kind: str):
    """Each view is replaced by a word, so that nothing but the gate decides."""
    person, tried = browse(crowd[kind]), 0
    for rule in app.url_map.iter_rules():
        audience = audience_of(app, rule.endpoint)
        assert audience is not None, rule.endpoint

        def inside(**_arguments: Any) -> str:
            return "inside"

        inside.__admits__ = audience  # type: ignore[attr-defined]
        monkeypatch.setitem(app.view_functions, rule.endpoint, inside)
        for method in sorted((rule.methods or set()) & {"GET", "POST"}):
            answer = person.open(_some(rule), method=method) if method == "GET" else person.post(_some(rule))
            said = f"{kind}: {method} {rule.rule} ({audience}) answers {answer.status_code} {answer.location or ''}"
            if kind in INSIDE[audience]:
                assert answer.text == "inside", said
            elif kind == "visitor":
                assert (answer.status_code, answer.location.split("?")[0]) == (303, "/sign-in"), said
            elif kind == LEAVING:
                assert (answer.status_code, answer.location) == (303, "/account/data"), said
            else:
                assert answer.status_code == 403, said
            tried += 1
    assert tried > 70


@dataclass(frozen=True)
class Bobs:
    """A thing of Bob's, how it is asked for, and for which kinds of person the answer is not a refusal."""

    path: str
    may: list[str]
    data: dict[str, str] | None = None


@dataclass(frozen=True)
class Nobodys:
    """A thing without an owner, or whose address is itself the key; why nothing of somebody else's can be asked for."""

    because: str


TOKEN = Nobodys("the token is the key: known only to whoever reads the mailbox; tried in the area's own tests")
FEED = Nobodys("the token is the key and opens one member's feed; tried in tests/library/test_feeds.py")
SHARED = Nobodys("published for everybody of its audience; drafts have tests of their own in tests/library")
OF_COACHES = Nobodys("the library is the program's, and every coach writes it; words kept for one are hers")
ENTITLED = INSIDE[Audience.ENTITLED]
THINGS: dict[str, Bobs | Nobodys] = {
    "accounts.confirm": TOKEN,
    "further_rulings.edit_out": Bobs(
        "/posts/{post}/editing-out", STAFF, data={"body": "Taken out", "because": "It names her"}
    ),
    "further_rulings.move": Bobs(
        "/threads/{thread}/moving", STAFF, data={"room": "{other_room}", "because": "It fits there"}
    ),
    "purging.post": Nobodys("any post, for owners; tests/moderation/test_purging.py"),
    "watching.take_out": Nobodys("words of a list that all coaches keep; tests/moderation/test_doubting.py"),
    "appeals.own": Bobs("/rulings/{ruling}", []),
    "appeals.appeal": Bobs("/rulings/{ruling}/appeal", [], data={"words": "It names nobody."}),
    "appeals.own_sanction": Bobs("/sanctions/{sanction}", []),
    "appeals.appeal_sanction": Bobs("/sanctions/{sanction}/appeal", [], data={"words": "It was not me."}),
    "appeals.of_post": Bobs("/posts/{hidden_post}/ruling", []),
    "appeals.of_thread": Bobs("/threads/{hidden}/ruling", []),
    "appeals.decide": Bobs(
        "/moderation/appeals/{appeal}/decision", STAFF, data={"verdict": "upheld", "because": "It does."}
    ),
    "accounts.end_device": Bobs("/account/devices/{device}/end", [], data={}),
    "accounts.reset_password": TOKEN,
    "address.confirm_address": TOKEN,
    "address.stop_address": TOKEN,
    "billing.checkout": Nobodys("a plan; whoever asks pays for themselves"),
    "managing.change": Bobs("/account/billing/changes/{change}", []),
    "managing.confirm": Bobs("/account/billing/changes/{change}/confirmation", [], data={}),
    "managing.leave_it": Bobs("/account/billing/changes/{change}/withdrawal", [], data={}),
    "attaching.file": Bobs("/files/{post_file}", []),
    "attaching.remove": Bobs("/files/{posted_file}/removal", [], data={}),
    "attaching.to_thread": Bobs("/threads/{hidden}/files", STAFF, data={}),
    "attaching.to_post": Bobs("/posts/{post}/files", [], data={}),
    "attaching.to_room": Nobodys("each kind of room is tried by each kind of reader in test_visibility.py"),
    "conversations.edit": Bobs("/posts/{post}/edit", [], data={"body": "Changed"}),
    "conversations.take_back": Bobs("/posts/{post}/delete", [], data={}),
    "conversations.undo_taking_back": Bobs("/posts/{post}/delete/undo", [], data={}),
    "answering.press": Bobs("/posts/{hidden_post}/thanks", STAFF, data={}),
    "answering.take_back": Bobs("/posts/{hidden_post}/thanks/undo", STAFF, data={}),
    "mentions.in_room": Nobodys("each kind of room is tried by each kind of reader in test_visibility.py"),
    "mentions.in_thread": Bobs("/threads/{hidden}/people", STAFF),
    "previews.in_room": Nobodys("the same"),
    "previews.in_thread": Bobs("/threads/{hidden}/preview", STAFF, data={"body": "Hello"}),
    "history.of_post": Bobs("/posts/{hidden_post}/history", STAFF),
    "history.remove": Bobs("/posts/{hidden_post}/history/1/removal", STAFF, data={}),
    "history.quote": Bobs("/posts/{hidden_post}/quote", STAFF),
    "desk_unanswered.see_to": Nobodys("a question, which every coach may see to; tests/desk/test_unanswered.py"),
    "desk_unanswered.give_back": Nobodys("the same"),
    "desk_rooms.archive": Nobodys("a room, for coaches; what each may do with it is in tests/desk/test_rooms.py"),
    "desk_rooms.reopen": Nobodys("the same"),
    "desk_rooms.order": Nobodys("the same"),
    "desk_rooms.room": Nobodys("the same"),
    "desk_rooms.name": Nobodys("the same"),
    "desk_rooms.take_out": Nobodys("the same"),
    "desk_rooms.place": Bobs("/desk/threads/{hidden}", STAFF),
    "desk_rooms.move": Bobs("/desk/threads/{thread}/room", STAFF, data={"room": "{other_room}"}),
    "desk_rooms.join": Bobs("/desk/threads/{thread}/join", STAFF, data={"into": "/threads/{other}"}),
    "following.thread": Bobs("/threads/{hidden}/following", STAFF, data={"level": "all"}),
    "following.room": Nobodys("each kind of room is tried by each kind of reader in test_visibility.py"),
    "following.person": Nobodys("what somebody chose about another is read and changed by themselves only"),
    "reading.see": Bobs("/threads/{hidden}/read", STAFF, data={"number": "1"}),
    "reading.put_back": Bobs("/posts/{hidden_post}/unread", STAFF, data={}),
    "reading.mark_room": Nobodys("the same"),
    "drafts.keep_thread": Nobodys("each kind of room is tried by each kind of reader in test_visibility.py"),
    "drafts.keep_reply": Bobs("/threads/{hidden}/draft", STAFF, data={"body": "Hello"}),
    "drafts.keep_edit": Bobs("/posts/{post}/draft", [], data={"body": "Changed"}),
    "conversations.new_thread": Nobodys("each kind of room is tried by each kind of reader in test_visibility.py"),
    "conversations.post": Bobs("/posts/{hidden_post}", STAFF),
    "conversations.reply": Bobs("/threads/{hidden}/posts", STAFF, data={"body": "Hello"}),
    "conversations.room": Nobodys("the same"),
    "conversations.thread": Bobs("/threads/{hidden}", STAFF),
    "data.export_file": Bobs("/account/data/exports/{export}/file", []),
    "data.stay_by_link": TOKEN,
    "desk_writing.begin": OF_COACHES,
    "desk_writing.keep_new": OF_COACHES,
    "desk_writing.write": OF_COACHES,
    "desk_writing.keep": OF_COACHES,
    "desk_writing.throw_away": OF_COACHES,
    "desk_writing.history": OF_COACHES,
    "desk_writing.restore": OF_COACHES,
    "desk_files.files": OF_COACHES,
    "desk_files.upload": OF_COACHES,
    "desk_files.discard": OF_COACHES,
    "desk_files.put_out": OF_COACHES,
    "desk_releasing.release": OF_COACHES,
    "desk_releasing.publish": OF_COACHES,
    "desk_releasing.unschedule": OF_COACHES,
    "desk_releasing.withdraw": OF_COACHES,
    "desk_releasing.bring_back": OF_COACHES,
    "desk_releasing.announce": OF_COACHES,
    "desk_billing.file": Nobodys("a list of the owner's"),
    "desk_billing.listing": Nobodys("a list of the owner's"),
    "desk_events.retry": Bobs("/desk/billing/events/{event}/retry", ["owner"], data={}),
    "desk_grants.give": Bobs(
        "/desk/members/bob/grants/new", ["owner"], data={"source": "complimentary", "because": "A guest"}
    ),
    "desk_grants.take": Bobs("/desk/billing/grants/{grant}/end", ["owner"], data={"because": "It is over"}),
    "desk_importing.bring_in": Nobodys("a file that a coach chose; every coach may go on with it"),
    "desk_importing.look": Nobodys("the same"),
    "desk_paths.path": Nobodys("paths are the program's; drafts have tests of their own in tests/desk"),
    "desk_paths.publish": Nobodys("the same"),
    "desk_paths.put_in_order": Nobodys("the same"),
    "desk_paths.withdraw": Nobodys("the same"),
    "desk_members.member": Bobs("/desk/members/bob", ["owner"]),
    "desk_members.read_anew": Bobs("/desk/members/bob/resync", ["owner"], data={}),
    "episodes.keep_position": SHARED,
    "episodes.position": SHARED,
    "episodes.small_window": SHARED,
    "episodes.step": SHARED,
    "feeds.artwork": FEED,
    "feeds.audio": FEED,
    "feeds.chapters": FEED,
    "feeds.podcast": FEED,
    "feeds.transcript": FEED,
    "consent.agree": TOKEN,
    "consent.asked": TOKEN,
    "consent.choose_anew": TOKEN,
    "consent.decline": TOKEN,
    "consent.own": TOKEN,
    "consent.wish": TOKEN,
    "consent.withdraw": TOKEN,
    "consents.ask": Bobs(
        "/desk/consents/{nugget}/askings",
        ["coach", "owner"],
        data={"name": "Maria Alvarez", "email": "maria@example.net", "role": "the owner of a dental practice"},
    ),
    "consents.cancel": Bobs("/desk/consents/askings/{asking}/cancellation", ["coach", "owner"], data={}),
    "consents.declare": Bobs("/desk/consents/{composite}/declaration", ["coach", "owner"], data={"sure": "y"}),
    "consents.resend": Bobs("/desk/consents/askings/{asking}/letter", ["coach", "owner"], data={}),
    "consents.story": Bobs("/desk/consents/{nugget}", ["coach", "owner"]),
    "home.rules_before": Nobodys("the house rules are everybody's, in all their versions"),
    "library.audio": SHARED,
    "library.discuss": SHARED,
    "library.file": SHARED,
    "library.item": SHARED,
    "library.topic": SHARED,
    "library.on_paper": SHARED,
    "library.video": SHARED,
    "own_library.judge": Nobodys("an item; whoever answers does so for themselves"),
    "own_library.save": Nobodys("the same"),
    "own_library.take_back": Nobodys("the same"),
    "own_library.take_off": Nobodys("the same"),
    "own_library.tick": Nobodys("the same"),
    "own_library.untick": Nobodys("the same"),
    "paths.files": SHARED,
    "paths.path": SHARED,
    "security.name_passkey": Nobodys(
        "Bob's passkeys answer everybody else 404; tried in tests/accounts/test_passkeys.py"
    ),
    "security.remove_passkey": Nobodys("the same"),
    "sign_in.link": TOKEN,
    "membership.invitation": TOKEN,
    "flagging.post": Bobs("/posts/{hidden_post}/flag", STAFF, data={"reason": "selling"}),
    "flagging.thread": Bobs("/threads/{hidden}/flag", STAFF, data={"reason": "selling"}),
    "flagging.profile": Nobodys("a profile is shown to members, and each may flag it"),
    "flagging.nugget": SHARED,
    "moderation.rule_on_post": Bobs(
        "/posts/{post}/rulings", STAFF, data={"outcome": "hide", "because": "It names her"}
    ),
    "moderation.rule_on_thread": Bobs("/threads/{thread}/rulings", STAFF, data={"outcome": "lock", "because": "Done"}),
    "moderation.rule_on_case": Bobs("/moderation/cases/member/{bob}/rulings", STAFF, data={"outcome": "keep"}),
    "queue.case": Bobs("/moderation/cases/post/{post}", STAFF),
    "queue.take": Bobs("/moderation/cases/post/{post}/owner", STAFF, data={}),
    "queue.give_back": Bobs("/moderation/cases/post/{post}/owner/undo", STAFF, data={}),
    "queue.look": Bobs("/moderation/cases/post/{post}/look", STAFF, data={}),
    "queue.reply": Nobodys("the coaches' own words; what each may do with them is in tests/moderation"),
    "queue.take_reply_out": Nobodys("the same"),
    "topics.follow": Nobodys("a topic; whoever follows it follows for themselves"),
    "topics.unfollow": Nobodys("the same"),
    "notifications.open_entry": Bobs("/notifications/{news}/open", [], data={}),
    "notifications.unsubscribe": TOKEN,
    "notifications.unsubscribe_now": TOKEN,
    "outbox.letter": Nobodys("exists with the demo's settings only"),
    "outbox.letter_html": Nobodys("exists with the demo's settings only"),
    "people.change_role": Bobs("/desk/people/bob/role", ["owner"], data={"role": "moderator"}),
    "persons.person": Bobs("/moderation/members/bob", STAFF),
    "persons.sanction": Bobs(
        "/moderation/members/bob/sanctions", STAFF, data={"kind": "silence", "days": "7", "because": "It names her"}
    ),
    "persons.lift": Bobs("/moderation/sanctions/{sanction}/end", STAFF, data={"because": "He apologised"}),
    "persons.note": Bobs("/moderation/members/bob/notes", STAFF, data={"words": "He was written to"}),
    "persons.take_note_away": Bobs("/moderation/notes/{note}/removal", ["owner"], data={}),
    "practices.photo": Nobodys("the token is the key, and each kind of reader is tried in tests/practices"),
    "practices.member": Nobodys("a profile is shown to members; what each field shows is in tests/practices"),
    "people.withdraw": Bobs("/desk/people/invitations/{invitation}/end", ["owner"], data={}),
}


@pytest.fixture
def bobs(app: Flask, make, people, browse) -> Callable[[], dict[str, Any]]:
    """Makes a fresh set of things that are Bob's, or about him."""

    def things() -> dict[str, Any]:
        from portal.accounts import inviting
        from portal.billing.models import EventState, Grant, StripeEvent
        from portal.conversations.models import Post, Thread
        from portal.library import consenting
        from portal.library.models import Nugget
        from portal.membership.models import Export
        from portal.moderation.models import Outcome, Ruling
        from portal.moderation.person_models import Appeal, Sanction, SanctionKind, StaffNote
        from portal.notifications.models import Notification, Stream

        with app.app_context(), transaction():
            db.session.get_one(Member, people.bob.id).silenced_until = None  # by whoever was let in before
        thread, hidden = make.thread(by=people.bob, posts=2), make.thread(by=people.bob, posts=2)
        asking, composite = make.nugget(published=False), make.nugget(published=False)
        other, other_room, ruler = make.thread(by=people.bob), make.room(), make.member()
        browse(people.bob)
        with app.app_context(), transaction():
            db.session.get_one(Thread, hidden.id).hidden_at = now()
            db.session.get_one(Member, people.bob.id).role = Role.MEMBER
            owner = db.session.get_one(Member, people.olga.id)
            invitation = inviting.invite("iris@example.com", Role.COACH, by=owner)
            event = StripeEvent(
                account="",
                livemode=False,
                event_id=f"evt_{thread.id}",
                type="invoice.paid",
                stripe_created_at=now(),
                state=EventState.DEAD,
            )
            db.session.add(event)
            export = Export(
                member_id=people.bob.id, storage_key=token_hex(16), steps=1, ready_at=now(), expires_at=now() + HOUR
            )
            db.session.add(export)
            db.session.flush()
            consent = consenting.ask(
                db.session.get_one(Nugget, asking.id),
                name="Maria Alvarez",
                email="maria@example.net",
                role="the owner of a dental practice",
                by=owner,
            )
            consent.sent_at = now() - HOUR
            about = {"stream": Stream.ANSWERS, "about_kind": "post", "within": f"thread:{thread.id}"}
            news = Notification(member_id=people.bob.id, about_id=thread.id + 9_000, **about)
            db.session.add(news)
            db.session.flush()
            post = select(Post.id).order_by(Post.id.desc())
            said = db.session.scalars(post.where(Post.thread_id == thread.id)).first()
            locked = Ruling(
                outcome=Outcome.LOCKED,
                because="It is settled",
                by_id=ruler.id,
                thread_id=other.id,
                author_id=people.bob.id,
            )
            ruling = Ruling(
                outcome=Outcome.HIDDEN, because="So", by_id=ruler.id, thread_id=hidden.id, author_id=people.bob.id
            )
            db.session.add_all([locked, ruling])
            db.session.flush()
            appeal = Appeal(ruling_id=locked.id, by_id=people.bob.id, words="It is not")
            db.session.add(appeal)
            waits, posted = (_file(people.bob.id, f"thread:{thread.id}", post_id) for post_id in (None, said))
            week = now() + timedelta(days=7)
            sanction = Sanction(
                member_id=people.bob.id, kind=SanctionKind.SILENCE, until=week, because="So", by_id=ruler.id
            )
            note = StaffNote(about_id=people.bob.id, by_id=ruler.id, words="He was written to")
            db.session.add_all([sanction, note])
            db.session.flush()
            return {
                "note": note.id,
                "change": _change_of_plan(people.bob.id),
                "thread": thread.id,
                "other": other.id,
                "other_room": other_room.slug,
                "post": db.session.scalars(post.where(Post.thread_id == thread.id)).first(),
                "hidden": hidden.id,
                "ruling": ruling.id,
                "sanction": sanction.id,
                "appeal": appeal.id,
                "hidden_post": db.session.scalars(post.where(Post.thread_id == hidden.id)).first(),
                "device": db.session.scalars(select(Device.id).where(Device.member_id == people.bob.id)).first(),
                "invitation": invitation.id,
                "event": event.id,
                "grant": db.session.scalars(select(Grant.id).where(Grant.member_id == people.bob.id)).first(),
                "export": export.id,
                "post_file": waits.token,
                "posted_file": posted.token,
                "news": news.id,
                "bob": people.bob.id,
                "nugget": asking.id,
                "composite": composite.id,
                "asking": consent.id,
            }

    return things


def test_every_route_that_names_a_thing_says_whose_thing_is_tried(app: Flask):
    named = {rule.endpoint for rule in app.url_map.iter_rules() if rule.arguments and rule.endpoint != "static"}
    assert named == set(THINGS)
    assert all(thing.because for thing in THINGS.values() if isinstance(thing, Nobodys))


@pytest.mark.parametrize("endpoint", [name for name, thing in THINGS.items() if isinstance(thing, Bobs)])
def test_nobody_touches_what_is_bobs(app: Flask, browse, crowd, bobs, endpoint: str):
    thing = THINGS[endpoint]
    assert isinstance(thing, Bobs)
    methods = {m for rule in app.url_map.iter_rules(endpoint) for m in rule.methods or ()} & {"GET", "POST"}
    made = bobs()
    # First those who are refused: they change nothing, so that each finds what the one before has found.
    for kind in sorted(EVERYBODY, key=lambda kind: kind in thing.may):
        if kind in thing.may:
            made = bobs()
        person, path = browse(crowd[kind]), thing.path.format(**made)
        data = {name: value.format(**made) for name, value in (thing.data or {}).items()}
        before = _everything(app) if kind not in thing.may else {}
        for method in sorted(methods):
            answer = person.get(path) if method == "GET" else person.post(path, data=dict(data))
            said = f"{kind}: {method} {path} answers {answer.status_code}"
            if kind in thing.may:
                assert answer.status_code not in REFUSED, said
                continue
            led_away = answer.status_code == 303 and answer.location.startswith(("/sign-in", "/account/data"))
            assert led_away or answer.status_code in REFUSED, said
            assert _everything(app) == before, f"{said}, and something changed"


def _file(by_id: int, place: str, post_id: int | None) -> Any:
    from portal.conversations.models import PostFile

    about = {"name": "Plan.pdf", "media_type": "application/pdf", "size": 9, "sha256": token_hex(32)}
    file = PostFile(
        token=token_hex(16), by_id=by_id, place=place, post_id=post_id, storage_key=token_hex(16), alt="", **about
    )
    db.session.add(file)
    return file


def _change_of_plan(member_id: int) -> str:
    """A quote that was given to somebody, with what it stands on."""
    from portal.billing.models import BillingCustomer, ChangeKind, Interval, Plan, Subscription, SubscriptionChange

    mine = select(SubscriptionChange.key).where(SubscriptionChange.member_id == member_id)
    if known := db.session.scalar(mine):
        return known
    plan = Plan(key="annual", name="Annual", interval=Interval.YEAR, price_minor=1, currency="usd", lookup_key="x")
    customer = BillingCustomer(account="", livemode=False, member_id=member_id, create_key="x")
    db.session.add_all([plan, customer])
    db.session.flush()
    facts = {"account": "", "livemode": False}
    sub = Subscription(
        sub_id="sub_1", customer_id=customer.id, status="active", started_at=now(), fetched_at=now(), raw={}, **facts
    )
    db.session.add(sub)
    db.session.flush()
    change = SubscriptionChange(
        key="a-key-of-bobs", member_id=member_id, subscription_id=sub.id, kind=ChangeKind.SWITCH, params={}, **facts
    )
    change.plan_id, change.currency, change.due_minor, change.expires_at = (
        plan.id,
        "usd",
        100,
        now() + timedelta(hours=1),
    )
    db.session.add(change)
    return change.key


def _some(rule: Any) -> str:
    """An address of this route; what it names need not exist, since the gate asks earlier."""
    values = {name: _one_of(converter) for name, converter in rule._converters.items()}
    built: tuple[str, str] = rule.build(values, append_unknown=False)
    return built[1]


def _one_of(converter: Any) -> Any:
    """Something that this part of an address takes."""
    if isinstance(converter, AnyConverter):
        return min(converter.items)
    return 1 if isinstance(converter, IntegerConverter) else "x"


def _everything(app: Flask) -> dict[str, list[str]]:
    """All rows of all tables, less the devices' last use and counted attempts."""
    leave = {"device", "sign_in_attempt"}
    names = [table.name for table in db.metadata.sorted_tables if table.name not in leave]
    with app.app_context(), db.engine.connect() as connection:
        return {name: sorted(map(repr, connection.exec_driver_sql(f'SELECT * FROM "{name}"'))) for name in names}
