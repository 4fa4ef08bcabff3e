"""Alice deletes her account: what ends at once, what she may take back, and what is left of her a week later."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from sqlalchemy import select

from portal.accounts.models import Member, Role
from portal.conversations.forgetting import WITHOUT_WORDS
from portal.conversations.models import Post, Thread
from portal.core.audit import Record
from portal.core.db import db, transaction
from portal.core.search import SearchDoc
from portal.membership import leaving
from portal.moderation import flagging
from portal.moderation.models import Flag, Reason
from tests.make import PASSWORD, at_once
from tests.membership.planting import found_in_database, plant, private_tables

WEEK = timedelta(days=7, minutes=1)
# Columns that keep a word of somebody who left, each by a rule that the page told them.
STAYS = {
    "post.body": "their posts stay, without a name",
    "post.body_html": "as body",
    "thread.title": "the title of a thread that others answered",
    "thread.about_title": "words of the library",
    "thread.about_path": "words of the library",
    "thread.locked_because": "words of a moderator",
    "thread.hidden_because": "words of a moderator",
    "post.hidden_because": "words of a moderator",
    "invitation.token_hash": "a hash",
    "post.send_key": "a hash of a form's key",
    "appeal.because": "words of a moderator about an appeal",
    "ruling.because": "words of a moderator about a post",
    "house_rules.body": "the words of the house, which an owner wrote for it",
    "house_rules.body_html": "as body",
    "house_rules.changed": "as body",
    "search_doc.title": "as thread.title",
    "search_doc.body": "as post.body",
    "search_doc.folded_title": "as thread.title",
    "search_doc.folded_body": "as post.body",
}
# Tables that hang on a member only because they may hang on a thread, or on Stripe's ids, and hold no words of theirs.
LIBRARY = {
    "item",
    "consent",
    "tool",
    "resource",
    "nugget",
    "episode",
    "version",
    "file",
    "file_text",
    "revision",
    "upload",
    "guest",
    "listening_link",
    "imported_episode",
}
STRIPES_OWN = {
    "invoice.account",
    "invoice.invoice_id",
    "invoice.number",
    "invoice.status",
    "invoice.reason",
    "subscription.schedule_id",
    "subscription.next_price_id",
    "billing_customer.account",
    "billing_customer.customer_id",
    "billing_customer.create_key",
    "billing_customer.lease_owner",
    "subscription.account",
    "subscription.sub_id",
    "subscription.status",
    "subscription.price_id",
    "subscription.cancel_reason",
    "subscription.pause_behavior",
    "subscription.collection_method",
    "subscription.latest_invoice_id",
    "subscription.latest_invoice_status",
    "subscription.past_due_invoice_id",
    "subscription.declined_because",
    "payment_reversal.account",
    "payment_reversal.reversal_id",
    "payment_reversal.charge_id",
    "payment_reversal.invoice_id",
    "payment_reversal.status",
}


@pytest.fixture
def leave(browse):
    def leave(who: Member, **choice: str):
        browser = browse(who)
        assert browser.post("/account/data/deletion", data=choice).status_code == 303
        return browser

    return leave


@pytest.fixture
def a_week_later(clock, work_off):
    def a_week_later() -> None:
        work_off()
        clock.shift(WEEK)
        work_off()

    return a_week_later


def row_of(app, who: Member) -> Member:
    with app.app_context():
        return db.session.get_one(Member, who.id)


def test_the_page_says_what_ends_what_stays_and_what_cannot_be_undone(people, browse):
    page = browse(people.alice).get("/account/data/deletion").text
    for words in ("Nothing has happened yet", "For seven days", "cannot be undone", "A former member", "Stripe keeps"):
        assert words in page


def test_access_ends_at_once_and_only_the_way_back_data_and_billing_stay(app, people, make, browse, leave):
    thread = make.thread(by=people.bob)
    alice = leave(people.alice)
    for path in ("/rooms", f"/threads/{thread.id}", "/account", "/account/profile", "/account/mail", "/account/email"):
        assert alice.get(path).location == "/account/data", path
    assert alice.post(f"/threads/{thread.id}/posts", data={"body": "Still here"}).location == "/account/data"
    assert "Keep my account" in alice.get("/account/data").text
    assert alice.get("/account/billing").status_code == 200
    assert "will be deleted on" in alice.get("/library").text
    with app.app_context():
        assert db.session.scalars(select(Post)).one().author_id == people.bob.id


def test_billing_offers_whoever_leaves_nothing_but_the_way_back(people, make, browse, leave):
    make.photo(people.alice)
    page = leave(people.alice).get("/account/billing").text
    assert "Keep my account" in page
    assert "/photos/" not in page  # their own is closed to them as well
    assert re.findall(r'<form[^>]* action="([^"]+)"', page) == ["/search", "/sign-out"]


def test_a_moderator_who_leaves_has_no_power_from_then_on(people, browse, leave):
    mo = leave(people.mo)
    assert mo.get("/moderation").location == "/account/data"


def test_alice_takes_it_back_on_the_page(app, people, browse, leave, a_week_later):
    alice = leave(people.alice)
    assert alice.post("/account/data/deletion/undo").location == "/account"
    assert alice.get("/rooms").status_code == 200
    a_week_later()
    assert row_of(app, people.alice).closed_at is None
    assert row_of(app, people.alice).name == "Alice"


def test_the_letter_takes_it_back_without_signing_in_and_scanners_do_not(app, people, browse, leave, work_off, outbox):
    leave(people.alice)
    work_off()
    [letter] = [each for each in outbox if each.recipients == [people.alice.email]]
    link = re.search(r"http://localhost(/account/stay/\S+)", letter.body).group(1)
    visitor = browse()
    for _ in range(10):
        visitor.get(link)
        visitor.head(link)
    assert row_of(app, people.alice).is_leaving
    assert visitor.post(link).status_code == 303
    assert not row_of(app, people.alice).is_leaving
    assert visitor.post(link).status_code == 410


def test_a_link_of_an_earlier_goodbye_does_not_undo_a_later_one(app, people, browse, leave, work_off, outbox):
    alice = leave(people.alice)
    work_off()
    link = re.search(r"http://localhost(/account/stay/\S+)", outbox[-1].body).group(1)
    alice.post("/account/data/deletion/undo")
    leave(people.alice)
    assert browse().post(link).status_code == 410
    assert row_of(app, people.alice).is_leaving


def test_staying_and_leaving_again_begins_the_week_anew(app, people, clock, work_off, leave):
    alice = leave(people.alice)
    clock.shift(timedelta(days=5))
    alice.post("/account/data/deletion/undo")
    leave(people.alice)
    clock.shift(timedelta(days=3))
    work_off()
    assert row_of(app, people.alice).closed_at is None
    clock.shift(timedelta(days=5))
    work_off()
    assert row_of(app, people.alice).closed_at is not None


def test_after_the_week_it_is_too_late_even_if_the_work_is_late(app, people, browse, clock, leave, make):
    make.password(people.alice)
    leave(people.alice)
    clock.shift(WEEK)
    alice = browse(people.alice)
    assert alice.post("/account/data/deletion/undo").status_code == 409
    assert row_of(app, people.alice).is_leaving


def test_twenty_clicks_are_one_goodbye(app, people, browse, work_off, outbox):
    browsers = [browse(people.alice) for _ in range(20)]
    forms = [browser.csrf_token() for browser in browsers]
    answers = at_once(
        20, lambda n: browsers[n].post("/account/data/deletion", data={"csrf_token": forms[n]}).status_code
    )
    assert set(answers) == {303}
    work_off()
    assert len([each for each in outbox if each.recipients == [people.alice.email]]) == 1
    with app.app_context():
        assert len(db.session.scalars(select(Record).where(Record.action == "member.leaving")).all()) == 1


def test_the_last_owner_cannot_leave_and_is_told_how(app, people, make, browse, leave):
    answer = browse(people.olga).post("/account/data/deletion", data={})
    assert answer.status_code == 409
    assert "Somebody has to own the site" in answer.text
    assert not row_of(app, people.olga).is_leaving
    make.member("Otto", role=Role.OWNER)
    leave(people.olga)
    assert row_of(app, people.olga).is_leaving


def test_of_two_owners_who_leave_at_once_one_stays(app, people, make, browse):
    otto = make.member("Otto", role=Role.OWNER)
    both = [browse(people.olga), browse(otto)]
    forms = [browser.csrf_token() for browser in both]
    answers = at_once(2, lambda n: both[n].post("/account/data/deletion", data={"csrf_token": forms[n]}).status_code)
    assert sorted(answers) == [303, 409]


def test_after_a_week_nobody_signs_in_as_her_and_her_posts_have_no_name(app, people, make, browse, leave, a_week_later):
    make.password(people.alice)
    thread = make.thread(by=people.alice, title="How do you hire?")
    make.reply(thread, by=people.bob)
    alice = leave(people.alice)
    a_week_later()
    assert alice.get("/account").location.startswith("/sign-in")
    assert browse().post("/sign-in", data={"email": people.alice.email, "password": PASSWORD}).status_code == 422
    page = browse(people.bob).get(f"/threads/{thread.id}").text
    assert "A former member" in page
    assert "What would you do?" in page
    assert "Alice" not in page
    assert browse(people.bob).get("/members/alice").status_code == 404


def test_with_her_words_nothing_of_them_is_left_to_read_or_find(
    app, people, make, browse, leave, a_week_later, work_off
):
    thread = make.thread(by=people.alice, title="Quixotic hiring", body="My quokka plan.")
    make.reply(thread, by=people.bob, body="I would ask her.")
    other = make.thread(by=people.bob, title="Bob asks")
    make.reply(other, by=people.alice, body="A quokka again.")
    leave(people.alice, words_too="y")
    a_week_later()
    bob = browse(people.bob)
    for page in (bob.get(f"/threads/{thread.id}").text, bob.get(f"/threads/{other.id}").text):
        assert WITHOUT_WORDS in page
        assert "quokka" not in page.lower()
        assert "quixotic" not in page.lower()
    assert "I would ask her." in bob.get(f"/threads/{thread.id}").text, "answers stay where they stood"
    with app.app_context():
        said = " ".join(f"{d.title} {d.body}" for d in db.session.scalars(select(SearchDoc)))
        assert "I would ask her" in said
        assert "quokka" not in said.lower()
        assert "quixotic" not in said.lower()


def test_a_page_that_bobs_browser_kept_is_not_shown_with_her_name_any_more(people, make, browse, leave, a_week_later):
    thread = make.thread(by=people.alice)
    make.reply(thread, by=people.bob)
    bob = browse(people.bob)
    tag = bob.get(f"/threads/{thread.id}").headers["ETag"]
    assert bob.get(f"/threads/{thread.id}", headers={"If-None-Match": tag}).status_code == 304
    leave(people.alice)
    a_week_later()
    bob = browse(people.bob)
    assert "Alice" not in bob.get(f"/threads/{thread.id}", headers={"If-None-Match": tag}).text
    assert bob.get(f"/threads/{thread.id}", headers={"If-None-Match": tag}).status_code == 200


def test_a_new_name_shows_at_once_also_on_pages_that_a_browser_kept(app, people, make, browse):
    thread = make.thread(by=people.alice)
    bob = browse(people.bob)
    tag = bob.get(f"/threads/{thread.id}").headers["ETag"]
    with app.app_context(), transaction():
        db.session.get_one(Member, people.alice.id).name = "Alicia"
    answer = bob.get(f"/threads/{thread.id}", headers={"If-None-Match": tag})
    assert answer.status_code == 200
    assert "Alicia" in answer.text


def test_a_flag_of_hers_stays_for_the_moderators_without_her_words(app, people, make, browse, leave, a_week_later):
    thread = make.thread(by=people.bob)
    with app.app_context(), transaction():
        post = db.session.scalars(select(Post).where(Post.thread_id == thread.id)).one()
        alice = db.session.get_one(Member, people.alice.id)
        flagging.flag(post, reason=Reason.SELLING, words="My cousin was sold this", by=alice)
    leave(people.alice)
    a_week_later()
    with app.app_context():
        flag = db.session.scalars(select(Flag)).one()
        assert (flag.words, flag.is_open) == ("", True)
    assert browse(people.mo).get("/moderation").status_code == 200


def test_nothing_that_names_her_is_left_in_any_table_after_a_life_here(
    app, people, make, browse, leave, a_week_later, work_off
):
    """She writes, edits, is answered and told, downloads, asks for links, and changes her mind about letters."""
    zoe = make.member("Zoe Quimby", entitled=True, practice="Quimby Smiles", bio="I am Zoe Quimby of Quimby Smiles")
    thread = make.thread(by=zoe, title="A question")
    make.reply(thread, by=people.bob)
    make.thread(by=people.bob)
    browser = browse(zoe)
    post = thread_post(app, thread)
    browser.post(f"/posts/{post}/edit", data={"body": "Quimby was here, then not."})
    browser.post(f"/posts/{post}/edit", data={"body": "What would you do?"})
    with app.app_context(), transaction():
        make_follower(thread, people.bob)
    make.reply(thread, by=zoe, body="Thank you.")
    browser.post("/account/email", data={"email": "quimby@new.example"})
    browse().post("/password/forgot", data={"email": zoe.email})
    browse().post("/sign-in", data={"email": zoe.email, "password": "not hers at all"})
    browser.post("/account/mail", data={})
    leave(zoe)
    a_week_later()
    assert found_in_database(app, "quimby", "zoe") == set()


def test_walk_every_private_table_and_find_no_planted_word_of_somebody_who_left(
    app, people, browse, leave, a_week_later
):
    leave(people.alice)
    planted = plant(app, people.alice.id, "xalicex")
    assert set(planted) == {table.name for table in private_tables()}
    unlinked_from_stripe(app)
    a_week_later()
    assert row_of(app, people.alice).closed_at is not None
    assert rows_that_should_have_gone(app, people.alice) == []
    left = found_in_database(app, "xalicex")
    excused = STAYS.keys() | STRIPES_OWN
    assert {name for name in left if name not in excused and name.split(".")[0] not in LIBRARY} == set()


def rows_that_should_have_gone(app, who: Member) -> list[str]:
    """Tables that belong to a member by their own column, and still hold a row of hers."""
    with app.app_context():
        return [
            f"{table.name}.{key.parent.name}"
            for table in private_tables()
            for key in table.foreign_keys
            if key.column.table.name == "member"
            and key.ondelete == "CASCADE"
            and db.session.execute(select(table).where(key.parent == who.id)).first() is not None
        ]


def unlinked_from_stripe(app) -> None:
    """The planted customer is not one that Stripe knows; there is nothing to end there."""
    from portal.billing.models import BillingCustomer

    with app.app_context(), transaction():
        db.session.scalars(select(BillingCustomer)).one().customer_id = None


def thread_post(app, thread: Thread) -> int:
    with app.app_context():
        return db.session.scalars(select(Post.id).where(Post.thread_id == thread.id, Post.number == 1)).one()


def make_follower(thread: Thread, who: Member) -> None:
    from portal.conversations import following

    following.begin(db.session.get_one(Thread, thread.id), by=db.session.get_one(Member, who.id))


def test_the_hourly_sweep_finishes_what_gave_up(app, people, browse, leave, clock, work_off):
    from portal.core.jobs import Job

    leave(people.alice)
    work_off()
    with app.app_context(), transaction():
        db.session.execute(db.delete(Job).where(Job.work == "membership.forget"))
    clock.shift(WEEK)
    with app.app_context():
        leaving.sweep()
        leaving.sweep()
    work_off()
    assert row_of(app, people.alice).closed_at is not None
