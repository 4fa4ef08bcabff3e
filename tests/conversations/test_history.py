"""What a post said before, and posts quoted in others."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from portal.conversations import history, posting
from portal.conversations.models import Post, PostRevision
from portal.core.audit import Record
from portal.core.db import db, transaction
from portal.moderation import ruling
from tests.make import again


@pytest.fixture
def thread(people, make):
    return make.thread(by=people.alice, title="Who decides?")


@pytest.fixture
def post(people, make, thread):
    """Bob's reply."""
    return make.reply(thread, by=people.bob, body="Jane Doe *left*.")


@pytest.fixture
def edited(app, people, post):
    """The same after Bob thought again, twice."""
    for words in ("Jane left.", "Somebody left."):
        with app.app_context(), transaction():
            posting.edit(again(post), body=words, by=again(people.bob))
    return post


def _revisions(app, post):
    with app.app_context():
        found = select(PostRevision.id).where(PostRevision.post_id == post.id).order_by(PostRevision.id)
        return db.session.scalars(found).all()


# History


def test_edited_leads_to_what_the_post_said_before_the_newest_first(browse, people, thread, edited):
    alice = browse(people.alice)
    assert f'href="/posts/{edited.id}/history"' in alice.get(f"/threads/{thread.id}").text
    page = alice.get(f"/posts/{edited.id}/history").text
    assert page.index("Somebody left.") < page.index("Jane left.") < page.index("Jane Doe <em>left</em>.")


def test_bob_takes_a_name_out_of_the_history_and_only_staff_go_on_reading_it(app, browse, people, edited):
    first, _ = _revisions(app, edited)
    assert browse(people.bob).post(f"/posts/{edited.id}/history/{first}/removal").status_code == 303
    for who, reads in ((people.alice, False), (people.bob, False), (people.mo, True)):
        page = browse(who).get(f"/posts/{edited.id}/history").text
        assert "Taken out of the history" in page
        assert ("Jane Doe" in page) is reads, who.name
    with app.app_context():
        assert not db.session.scalars(select(Record).where(Record.action == "post.history_removed")).all()


def test_a_moderator_takes_a_name_out_and_that_is_written_down(app, browse, people, edited):
    first, _ = _revisions(app, edited)
    for _ in range(2):
        browse(people.mo).post(f"/posts/{edited.id}/history/{first}/removal")
    assert "Jane Doe" not in browse(people.alice).get(f"/posts/{edited.id}/history").text
    with app.app_context():
        record = db.session.scalars(select(Record).where(Record.action == "post.history_removed")).one()
        assert (record.by_id, record.ref_id) == (people.mo.id, edited.id)


def test_alice_changes_nothing_of_bobs_history_and_no_post_opens_that_of_another(app, browse, people, thread, edited):
    first, _ = _revisions(app, edited)
    assert browse(people.alice).post(f"/posts/{edited.id}/history/{first}/removal").status_code == 403
    with app.app_context():
        own = db.session.scalars(select(Post.id).where(Post.author_id == people.alice.id)).one()
    browse(people.alice).post(f"/posts/{own}/history/{first}/removal")
    assert "Jane Doe" in browse(people.bob).get(f"/posts/{edited.id}/history").text


def test_of_a_hidden_post_its_author_and_staff_read_the_history_and_of_one_taken_back_staff_alone(
    app, browse, people, edited, make, thread
):
    with app.app_context(), transaction():
        ruling.hide(again(edited), because="It names a person.", by=again(people.mo))
    back = make.reply(thread, by=people.bob, body="Never mind.")
    browse(people.bob).post(f"/posts/{back.id}/delete")
    reads = {who.name: who for who in (people.alice, people.bob, people.mo)}
    hidden = {name: browse(who).get(f"/posts/{edited.id}/history").status_code for name, who in reads.items()}
    gone = {name: browse(who).get(f"/posts/{back.id}/history").status_code for name, who in reads.items()}
    assert hidden == {"Alice": 404, "Bob": 200, "Mo": 200}
    assert gone == {"Alice": 404, "Bob": 404, "Mo": 200}


def test_the_history_of_what_was_asked_safely_names_nobody(app, browse, people, make):
    with app.app_context(), transaction():
        veiled = posting.start(again(make.room()), title="May I?", body="Words", by=again(people.bob), safely=True)
        post_id = db.session.scalars(select(Post.id).where(Post.thread_id == veiled.id)).one()
        posting.edit(db.session.get_one(Post, post_id), body="Other words", by=again(people.bob))
    assert "Bob" not in browse(people.alice).get(f"/posts/{post_id}/history").text
    assert "Bob" in browse(people.cory).get(f"/posts/{post_id}/history").text


def test_after_many_edits_the_oldest_shown_says_since_when_it_stood_and_that_there_is_more(
    app, browse, people, post, clock
):
    for number in range(history.MOST + 5):
        clock.shift(timedelta(minutes=1))
        with app.app_context(), transaction():
            posting.edit(again(post), body=f"Writing {number}.", by=again(people.bob))
    page = browse(people.alice).get(f"/posts/{post.id}/history").text
    assert "Writing 4." in page
    assert "Writing 3." not in page
    assert "As it was first written" not in page
    assert "What it said before that is kept" in page
    with app.app_context():
        shown = history.writings(again(post), again(people.alice))
        oldest = db.session.scalars(select(PostRevision).where(PostRevision.body == "Writing 3.")).one()
        assert shown[-1].since == oldest.created_at


def test_once_it_was_ruled_on_its_author_reads_what_they_took_back_in_thread_and_history_alike(
    app, browse, people, edited
):
    bob = browse(people.bob)
    bob.post(f"/posts/{edited.id}/delete")
    with app.app_context(), transaction():
        ruling.hide(again(edited), because="It names a person.", by=again(people.mo))
    assert "Somebody left." in bob.get(edited.path).text
    assert "Jane left." in bob.get(f"/posts/{edited.id}/history").text


# Quoting


def test_alice_quotes_bob_and_the_quotation_leads_back(browse, people, thread, post):
    alice = browse(people.alice)
    page = alice.get(f"/threads/{thread.id}").text
    assert f"quote={post.id}#reply" in page
    page = alice.get(f"/threads/{thread.id}?page=1&quote={post.id}").text
    quoted = f"&gt; [Bob wrote](/posts/{post.id}):\n&gt;\n&gt; Jane Doe *left*."
    assert quoted in page
    assert alice.get(f"/posts/{post.id}/quote").text == quoted.replace("&gt;", ">") + "\n\n"
    body = f"> [Bob wrote](/posts/{post.id}):\n>\n> Jane Doe *left*.\n\nDid she?"
    alice.post(f"/threads/{thread.id}/posts", data={"body": body})
    page = browse(people.bob).get(f"/threads/{thread.id}").text
    assert f'<blockquote>\n<p><a href="/posts/{post.id}"' in page


def test_a_quotation_takes_what_the_author_said_and_not_what_they_quoted(browse, people, make, thread):
    second = make.reply(thread, by=people.bob, body="> Alice said this\n\nI *say* that.\n\n\n\nAnd this.")
    quoted = browse(people.alice).get(f"/posts/{second.id}/quote").text
    assert quoted == f"> [Bob wrote](/posts/{second.id}):\n>\n> I *say* that.\n>\n> And this.\n\n"


def test_a_prompt_in_a_block_of_code_is_no_quotation(browse, people, make, thread):
    code = make.reply(thread, by=people.bob, body="Run this:\n\n```\n> make run\n```")
    assert "> > make run\n" in browse(people.alice).get(f"/posts/{code.id}/quote").text


def test_a_name_full_of_signs_stays_a_name_and_long_words_are_cut(browse, make, people, thread):
    odd = make.member("B*o*b [x](/y) <b>", entitled=True)
    long = make.reply(thread, by=odd, body="word " * 2_000)
    quoted = browse(people.alice).get(f"/posts/{long.id}/quote").text
    assert quoted.startswith(r"> [B\*o\*b \[x\](/y) \<b\> wrote](/posts/")
    assert quoted.endswith("[…]\n\n")
    assert len(quoted) < 1_200


def test_what_was_begun_stays_above_the_quotation(browse, people, thread, post):
    alice = browse(people.alice)
    alice.post(f"/threads/{thread.id}/draft", data={"body": "I began."})
    assert f"I began.\n\n&gt; [Bob wrote](/posts/{post.id}):" in alice.get(f"/threads/{thread.id}?quote={post.id}").text


def test_hidden_words_and_those_of_other_threads_are_not_quoted(app, browse, people, make, thread, post):
    alice, other = browse(people.alice), make.thread(by=people.alice)
    assert "Bob wrote" not in alice.get(f"/threads/{other.id}?quote={post.id}").text
    with app.app_context(), transaction():
        ruling.hide(again(post), because="It names a person.", by=again(people.mo))
    assert "Bob wrote" not in alice.get(f"/threads/{thread.id}?quote={post.id}").text
    assert alice.get(f"/posts/{post.id}/quote").status_code == 404


def test_whoever_asked_safely_is_quoted_without_their_name_by_peers_and_by_themselves_alike(app, browse, people, make):
    with app.app_context(), transaction():
        veiled = posting.start(again(make.room()), title="May I?", body="Words", by=again(people.bob), safely=True)
        post_id = db.session.scalars(select(Post.id).where(Post.thread_id == veiled.id)).one()
    for who in (people.alice, people.bob, people.cory):
        assert browse(who).get(f"/posts/{post_id}/quote").text.startswith("> [A member wrote]"), who.name
