"""Letters about replies: to those who want them, while they may read them, and to nobody else."""

from __future__ import annotations

from datetime import timedelta

import pytest

from portal.core.clock import now
from portal.core.db import db, transaction
from portal.moderation import ruling
from tests.make import again


def _to(outbox):
    return sorted(address for message in outbox for address in message.recipients)


def test_alice_hears_of_bobs_reply_with_a_link_to_the_very_post(people, make, outbox, work_off):
    thread = make.thread(by=people.alice, title="Who decides?")
    reply = make.reply(thread, by=people.bob, body="**She** does, and here is <why>.")
    work_off()
    assert _to(outbox) == ["alice@example.com"]
    letter = outbox[0]
    assert letter.subject == "Bob replied in “Who decides?”"
    assert f"http://localhost/posts/{reply.id}" in letter.body
    assert f'href="http://localhost/posts/{reply.id}"' in letter.html
    assert "She does, and here is <why>." in letter.body
    assert "She does, and here is &lt;why&gt;." in letter.html
    assert letter.extra_headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"


def test_the_letter_names_the_very_button_that_stops_it_in_the_thread(browse, people, make, outbox, work_off):
    thread = make.thread(by=people.alice)
    make.reply(thread, by=people.bob)
    work_off()
    button = "Hear nothing of it"
    assert f"choose “{button}”" in outbox[0].body
    assert f"choose “{button}”" in outbox[0].html
    assert f">{button}<" in browse(people.alice).get(f"/threads/{thread.id}").text


def test_nobody_hears_of_their_own_words(people, make, outbox, work_off):
    make.thread(by=people.alice, posts=3)
    work_off()
    assert _to(outbox) == []


def test_whoever_muted_the_thread_hears_no_more(browse, people, make, outbox, work_off):
    thread = make.thread(by=people.alice)
    browse(people.alice).post(f"/threads/{thread.id}/following", data={"level": "none"})
    make.reply(thread, by=people.bob)
    work_off()
    assert _to(outbox) == []


def test_one_letter_each_however_often_the_job_runs(app, people, make, outbox, work_off):
    from portal.conversations.telling_followers import tell_followers

    thread = make.thread(by=people.alice)
    reply = make.reply(thread, by=people.bob)
    work_off()
    with app.app_context():
        tell_followers(reply.id)
    work_off()
    assert _to(outbox) == ["alice@example.com"]


@pytest.mark.parametrize("what", ["hide", "hide_thread"])
def test_no_letter_leaves_about_what_was_hidden_meanwhile(app, people, make, outbox, work_off, what):
    """Also not when it was written before: who may read is asked when it leaves."""
    from portal.conversations.telling_followers import tell_followers
    from portal.notifications.telling import write_news

    thread = make.thread(by=people.cory)
    reply = make.reply(thread, by=people.bob, body="Mr. Hale.")
    with app.app_context():
        tell_followers(reply.id)
        news = {"stream": "replies", "letter": "conversations/reply", "about_kind": "post", "about_id": reply.id}
        words = {"thread_title": "T", "author_name": "Bob", "excerpt": "Mr. Hale.", "link": "http://localhost/"}
        write_news([people.cory.id], f"reply:{reply.id}", 0, words=words, **news)
        with transaction():
            thing = reply if what == "hide" else thread
            getattr(ruling, what)(again(thing), because="It names a patient.", by=again(people.mo))
    work_off()
    assert [m.subject for m in outbox if "Mr. Hale" in m.body and "cory@example.com" in m.recipients] == []


def test_lena_gets_no_letter_after_her_membership_lapsed(app, people, make, outbox, work_off):
    from portal.billing.models import Grant

    thread = make.thread(by=people.alice)
    make.reply(thread, by=people.bob)
    with app.app_context(), transaction():
        for grant in db.session.query(Grant).filter_by(member_id=people.alice.id):
            grant.until = now() - timedelta(days=9)
    work_off()
    assert _to(outbox) == []


def test_a_thread_with_many_followers_reaches_all_of_them(app, people, make, outbox, work_off):
    from portal.conversations.models import Follow

    thread = make.thread(by=people.alice)
    members = [make.member(entitled=True) for _ in range(120)]
    with app.app_context(), transaction():
        db.session.add_all([Follow(thread_id=thread.id, member_id=member.id) for member in members])
    make.reply(thread, by=people.bob)
    work_off()
    assert len(_to(outbox)) == 121
    assert len(set(_to(outbox))) == 121
