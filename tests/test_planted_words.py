"""Words that stand in hidden, waiting, deleted and removed posts, looked for on every page, in search, letters, inboxes
and archives, as every kind of person: only those who decide about them, and their author, come across them."""

from __future__ import annotations

import io
import zipfile

import pytest
from sqlalchemy import select

from portal.conversations import taking_back
from portal.core import storage
from portal.core.admission import Audience, audience_of
from portal.core.db import db, transaction
from portal.membership import taking_along
from portal.membership.models import Export
from portal.moderation import flagging, further_rulings, purging, ruling
from portal.moderation.because import Because
from portal.moderation.models import Reason
from tests.crawling import walk
from tests.make import again

WORDS = {  # each in one post of Bob's, with what became of it
    "hidden": "Quarzenfels",
    "held": "Wolpertshain",
    "taken back": "Zinnoberbach",
    "deleted": "Xanterholm",
    "purged": "Yverdinger",
}
OUTBOX = "/outbox"  # shows the demo's letters, all of them, to whoever tries the demo
STANDS = "Kupferbrunn"  # in a post that anybody in may read
PEERS = ["visitor", "sam", "lena", "alice"]
STAFF = ["mo", "cory", "olga"]


@pytest.fixture
def planted(app, people, make, outbox, work_off):
    """A thread of Alice's in which Bob said all of it; nobody was told of anything before it was dealt with."""
    thread = make.thread(by=people.alice, title="What did you change?")
    work_off()
    said = {state: make.reply(thread, by=people.bob, body=f"We met in {word}.") for state, word in WORDS.items()}
    make.reply(thread, by=people.bob, body=f"And once in {STANDS}.")
    with app.app_context(), transaction():
        ruling.hide(again(said["hidden"]), because="So.", by=again(people.mo))
        further_rulings.delete(again(said["deleted"]), because="So.", by=again(people.mo))
        taking_back.take_back(again(said["taken back"]), by=again(people.bob))
        flagging.flag(again(said["held"]), reason=Reason.BREACH_OF_CONFIDENCE, by=again(people.alice))
        purging.purge(again(said["purged"]), passage=WORDS["purged"], because=Because.ASKED, by=again(people.olga))
    work_off()
    return {state: post.id for state, post in said.items()} | {"thread": thread.id, "room": thread.room_id}


def _person(browse, people, name):
    return browse(getattr(people, name, None))


def _pages(app, person, planted):
    """What a person comes across by links, and every address with these posts put in; as page, part and data."""
    yield from walk(app, person, most=300)
    ids = [planted[state] for state in WORDS]
    for rule in sorted(app.url_map.iter_rules(), key=lambda rule: rule.rule):
        if "GET" not in (rule.methods or set()) or audience_of(app, rule.endpoint) not in set(Audience):
            continue
        for post_id in ids if {"post_id", "thing_id"} & rule.arguments else ids[:1]:
            values = {"thread_id": planted["thread"], "post_id": post_id, "thing_id": post_id, "kind": "post"}
            given = {name: values.get(name, 1 if "id" in name or name == "number" else "x") for name in rule.arguments}
            try:
                path = app.url_map.bind("localhost").build(rule.endpoint, given)
            except Exception:  # noqa: BLE001  # a part of an address that takes only words of a list
                continue
            for headers in ({}, {"HX-Request": "true"}):
                yield path, person.get(path, headers=headers, follow_redirects=True).text
    for word in (*WORDS.values(), STANDS):
        yield "/search", person.get(f"/search?q={word}").text.partition('<ol class="hits"')[2]


def _come_across(app, person, planted):
    pages = [html for path, html in _pages(app, person, planted) if not path.startswith(OUTBOX)]
    return {word for word in (*WORDS.values(), STANDS) if any(word in html for html in pages)}


@pytest.mark.one_database
@pytest.mark.parametrize("name", PEERS)
def test_whoever_does_not_decide_comes_across_none_of_it(app, browse, people, planted, name):
    allowed = {STANDS} if name == "alice" else set()
    assert _come_across(app, _person(browse, people, name), planted) == allowed


@pytest.mark.one_database
def test_bob_finds_his_own_but_for_what_was_deleted_and_what_is_gone_for_good(app, browse, people, planted):
    found = _come_across(app, browse(people.bob), planted)
    assert found == {STANDS, WORDS["hidden"], WORDS["held"], WORDS["taken back"]}


@pytest.mark.one_database
@pytest.mark.parametrize("name", STAFF)
def test_those_who_decide_come_across_all_but_what_is_gone_for_good(app, browse, people, planted, name):
    found = _come_across(app, _person(browse, people, name), planted)
    assert found == {STANDS, *WORDS.values()} - {WORDS["purged"]}


def test_no_letter_and_no_inbox_says_it_but_to_bob(browse, people, planted, outbox):
    for letter in outbox:
        if "bob@example.com" not in letter.recipients:
            assert [word for word in WORDS.values() if word in letter.body + (letter.html or "")] == []
    assert [m for m in outbox if STANDS in m.body], "of what stands, those who follow heard"
    for name in ("alice", "mo", "cory", "olga"):
        inbox = _person(browse, people, name).get("/notifications").text
        assert [word for word in WORDS.values() if word in inbox] == []


def test_no_archive_says_it_but_bobs_own(app, people, planted, work_off):
    def archive(who):
        with app.app_context(), transaction():
            taking_along.ask(again(who))
        work_off()
        with app.app_context():
            export = db.session.scalars(
                select(Export).where(Export.member_id == who.id, Export.ended_at.is_(None))
            ).one()
            with storage.opened(export.storage_key) as file, zipfile.ZipFile(io.BytesIO(file.read())) as packed:
                return "\n".join(packed.read(name).decode("utf-8", "replace") for name in packed.namelist())

    for who in (people.alice, people.mo, people.cory, people.olga):
        said = archive(who)
        assert [word for word in WORDS.values() if word in said] == []
    own = archive(people.bob)
    assert WORDS["purged"] not in own
    assert WORDS["hidden"] in own
