"""What an owner removes for good stands nowhere any more, and no word of it in the log."""

from __future__ import annotations

import io
import re
import zipfile
from pathlib import Path

import pytest
from sqlalchemy import MetaData, inspect, select, text

from portal.accounts import drafting
from portal.conversations import attaching, drafts, quoting
from portal.conversations.models import Post, PostFile, PostRevision
from portal.conversations.thread_queries import opening_of
from portal.core import sealing
from portal.core.audit import Record
from portal.core.db import db, transaction
from portal.membership import taking_along
from portal.membership.models import Export
from portal.moderation import appealing, editing_out, flagging, purging, ruling
from portal.moderation.because import Because
from portal.moderation.models import Flag, Reason, Ruling, Verdict
from portal.moderation.person_models import Appeal
from tests.make import again, picture

NAME = "Wulfhild Quarrenbach"
SAID = f"My patient {NAME} was here on Monday, and it went well."


@pytest.fixture
def everywhere(app, browse, people, make, work_off):
    """Bob named a patient, and by now the name is wherever it can be."""
    thread = make.thread(by=people.alice, title="How do you say no?")
    post = make.reply(thread, by=people.bob, body=f"{SAID} First writing, {NAME}.")
    with app.app_context():
        quoted = quoting.quote(again(post)) + "I see it the same way."
    quotation = make.reply(thread, by=people.cory, body=quoted)
    picture_of = make.attached(thread, by=people.bob, name="other.jpg", content=picture(80, 80))
    bob, path = browse(people.bob), f"/posts/{post.id}/edit"
    warned = bob.post(path, data={"body": SAID}).text
    anyway = re.search(r'<button[^>]*name="anyway"[^>]*value="([^"]+)"', warned)[1]
    assert bob.post(path, data={"body": SAID, "anyway": anyway}).status_code == 303
    with app.app_context(), transaction():
        flagging.flag(again(post), reason=Reason.OTHER, words=f"He names {NAME}!", by=again(people.alice))
        drafting.save(again(people.alice), drafts.of_thread(thread.id), {"body": [f"Who is {NAME}?", quoted]})
        drafting.save(again(people.bob), drafts.of_post(post.id), {"body": [SAID]})
        taking_along.ask(again(people.bob))
    work_off()
    with app.app_context(), transaction():
        done = ruling.hide(again(post), because="It names somebody.", by=again(people.mo)).id
    with app.app_context(), transaction():
        appealing.appeal(db.session.get_one(Ruling, done), words=f"But {NAME} agreed.", by=again(people.bob))
    return {"post": post, "quotation": quotation, "thread": thread, "file": picture_of}


def places_that_say(app, words):
    """Every table with a row that says it, the index of search, and every file on the disk."""
    found = set()
    with app.app_context():
        meta = MetaData()
        meta.reflect(db.session.connection())
        for table in meta.sorted_tables:
            rows = db.session.execute(select(table)).all()
            if any(words.lower() in str(_read(value)).lower() for row in rows for value in row):
                found.add(table.name)
        for name in inspect(db.session.connection()).get_table_names():
            if name.startswith("search_fts_"):
                rows = db.session.execute(text(f'SELECT * FROM "{name}"')).all()
                end_of_word = words.split()[0].lower()[4:]  # what it begins with may be written once for several words
                if any(end_of_word in str(_read(value)).lower() for row in rows for value in row):
                    found.add(name)
        for file in Path(app.config["STORAGE_DIR"]).rglob("*"):
            if file.is_file() and words in _contents(file.read_bytes()):
                found.add("a file")
    return found


def _read(value):
    return bytes(value).decode("latin-1") if isinstance(value, bytes | memoryview) else value


def _contents(content):
    if content[:2] != b"PK":
        return content.decode("latin-1")
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return " ".join(archive.read(name).decode("latin-1") for name in archive.namelist())


def _purge(app, people, post, passage=None):
    with app.app_context(), transaction():
        return purging.purge(again(post), passage=passage, because=Because.PATIENT, by=again(people.olga))


def test_the_name_is_in_as_many_places_as_these_tests_think(app, everywhere):
    found = places_that_say(app, NAME)
    assert {"post", "post_revision", "draft", "flag", "appeal", "search_doc", "a file"} <= found
    with app.app_context():
        assert "search_fts_data" in found or db.engine.dialect.name == "postgresql"


def test_a_name_that_olga_removes_is_in_no_table_and_no_file_any_more(app, people, everywhere, work_off):
    done = _purge(app, people, everywhere["post"], NAME)
    assert (done.quotations, done.in_log) == (1, 0)
    work_off()
    assert places_that_say(app, NAME) == set()
    with app.app_context():
        assert again(everywhere["post"]).body == "My patient […] was here on Monday, and it went well."
        assert "I see it the same way." in again(everywhere["quotation"]).body


def test_all_of_a_post_that_olga_removes_goes_with_its_quotations_its_files_and_what_it_said_before(
    app, people, everywhere, work_off
):
    post = everywhere["post"]
    with app.app_context(), transaction():
        kept = db.session.scalars(select(PostFile)).one()
        kept.post_id, key = post.id, kept.storage_key
    _purge(app, people, post)
    work_off()
    with app.app_context():
        found = again(post)
        assert (found.body, found.overrode) == (purging.GONE, None)
        assert db.session.scalars(select(PostRevision).where(PostRevision.post_id == post.id)).all() == []
        quotation = again(everywhere["quotation"]).body
        assert (purging.GONE in quotation, "Monday" in quotation, "the same way" in quotation) == (True, False, True)
        assert db.session.scalars(select(PostFile)).all() == []
        assert key not in {file.name for file in Path(app.config["STORAGE_DIR"]).rglob("*")}
        assert attaching.beside([post.id]) == {}
    assert places_that_say(app, NAME) <= {"draft"}, "only what Alice herself had begun to ask"


def test_the_log_says_that_it_happened_and_not_what_it_said_and_its_chain_holds(app, people, everywhere):
    _purge(app, people, everywhere["post"], NAME)
    with app.app_context():
        line = db.session.scalars(select(Record).where(Record.action == "post.purged")).one()
        assert (line.by_id, line.ref_id, line.because) == (people.olga.id, everywhere["post"].id, None)
        assert line.details == {"why": "patient", "thread": everywhere["thread"].id, "whole": False}
    with app.app_context(), transaction():
        sealing.seal_next()
    with app.app_context():
        assert sealing.verify().wrong == []


def test_what_was_not_sent_is_not_sent_and_its_author_hears_that_something_is_gone_and_not_what(
    app, people, make, outbox, work_off
):
    post = make.reply(make.thread(by=people.alice), by=people.bob, body=SAID)
    with app.app_context(), transaction():
        ruling.hide(again(post), because="It names somebody.", by=again(people.mo))
    _purge(app, people, post, NAME)
    work_off()
    assert [m for m in outbox if NAME in m.body or NAME in (m.html or "")] == []
    letter = [m for m in outbox if "bob@example.com" in m.recipients][-1]
    assert letter.subject == "Something you wrote was removed for good"
    assert "A patient or client could be recognised" in letter.body


def test_a_title_that_says_it_is_changed_and_found_as_it_reads_now(app, browse, people, make, work_off):
    thread = make.thread(by=people.bob, title=f"About {NAME}", body=SAID)
    with app.app_context():
        opening = db.session.scalars(select(Post).where(Post.thread_id == thread.id)).one()
    _purge(app, people, opening, NAME)
    work_off()
    assert places_that_say(app, NAME) == set()
    alice = browse(people.alice)
    assert "About […]" in alice.get(f"/threads/{thread.id}").text
    assert f"/threads/{thread.id}" in alice.get("/search?q=Monday").text


def test_the_archive_that_bob_had_is_gone_and_a_new_one_does_not_say_it(app, people, everywhere, work_off):
    _purge(app, people, everywhere["post"], NAME)
    with app.app_context(), transaction():
        assert all(export.ended_at for export in db.session.scalars(select(Export)))
        taking_along.ask(again(people.bob))
    work_off()
    assert "a file" not in places_that_say(app, NAME)


def test_what_the_post_does_not_say_cannot_be_removed_and_what_is_in_every_word_neither(app, people, everywhere):
    with pytest.raises(purging.NotInIt):
        _purge(app, people, everywhere["post"], "Somebody else")
    with pytest.raises(purging.TooShort):
        _purge(app, people, everywhere["post"], "My")


def test_what_alice_wrote_about_another_post_of_the_thread_stays_when_all_of_bobs_goes(app, people, make, everywhere):
    other = make.reply(everywhere["thread"], by=people.alice, body="Something else.")
    with app.app_context(), transaction():
        flagging.flag(again(other), reason=Reason.OTHER, words="It is about me.", by=again(people.cory))
        done = ruling.hide(again(other), because="So.", by=again(people.mo)).id
    with app.app_context(), transaction():
        appealing.appeal(db.session.get_one(Ruling, done), words="I see it differently.", by=again(people.alice))
    _purge(app, people, everywhere["post"])
    with app.app_context():
        assert sorted(db.session.scalars(select(Appeal.words))) == ["I see it differently.", purging.GONE]
        assert sorted(db.session.scalars(select(Flag.words))) == ["", "It is about me."]


def test_twice_is_once(app, people, everywhere):
    _purge(app, people, everywhere["post"])
    _purge(app, people, everywhere["post"])
    with app.app_context():
        assert again(everywhere["post"]).body == purging.GONE


def test_a_name_in_a_reason_stays_in_the_log_alone_and_olga_is_told_so(app, people, make, work_off):
    post = make.reply(make.thread(by=people.alice), by=people.bob, body=SAID)
    with app.app_context(), transaction():
        ruling.hide(again(post), because=f"It names {NAME}.", by=again(people.mo))
    assert _purge(app, people, post, NAME).in_log == 1
    work_off()
    assert places_that_say(app, NAME) == {"record"}


def test_what_staff_edited_out_goes_for_good_too(app, people, make, work_off):
    post = make.reply(make.thread(by=people.alice), by=people.bob, body=SAID)
    with app.app_context(), transaction():
        editing_out.edit_out(again(post), body="It went well.", because="So.", by=again(people.mo))
    _purge(app, people, post, NAME)
    work_off()
    assert places_that_say(app, NAME) == set()


def test_olga_does_it_on_a_page_that_says_what_goes_and_nobody_else_has_it(app, browse, people, everywhere):
    path = f"/posts/{everywhere['post'].id}/removal-for-good"
    olga = browse(people.olga)
    assert "backups until they run out" in olga.get(path).text
    assert olga.post(path, data={"scope": "passage", "passage": "", "why": "patient"}).status_code == 422
    done = olga.post(path, data={"scope": "passage", "passage": NAME, "why": "patient"})
    assert done.status_code == 303
    assert "Posts that quoted it and were changed too: 1." in olga.get(f"/threads/{everywhere['thread'].id}").text
    for who in (people.cory, people.mo, people.bob, people.lena):
        assert browse(who).get(path).status_code == 403
    with app.app_context():
        assert NAME not in again(everywhere["post"]).body
        assert db.session.scalars(select(Flag.words)).all() == ["He names […]!"]


def test_no_letter_that_waits_says_it_neither_that_it_waited_nor_what_bob_was_answered(
    app, people, make, outbox, work_off
):
    thread = make.thread(by=people.bob, title=f"About {NAME}", body=SAID)
    said = make.reply(make.thread(by=people.alice), by=people.bob, body=SAID)
    with app.app_context(), transaction():
        opening = opening_of(again(thread))
        flagging.flag(again(thread), reason=Reason.BREACH_OF_CONFIDENCE, by=again(people.alice))
        hidden = ruling.hide(again(said), because="It names somebody.", by=again(people.mo))
        asked = appealing.appeal(hidden, words=f"But {NAME} agreed.", by=again(people.bob))
        appealing.decide(asked, Verdict.UPHELD, because="It stays.", by=again(people.cory))
    assert "letter" in places_that_say(app, NAME)
    _purge(app, people, opening)
    _purge(app, people, said, NAME)
    assert places_that_say(app, NAME) == set()
    work_off()
    assert [m for m in outbox if NAME in m.body or NAME in m.subject] == []
