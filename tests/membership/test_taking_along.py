"""Everything of Alice's in one archive: complete, hers alone, once, and gone after a week."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
import zipfile
from datetime import timedelta
from pathlib import Path

import pytest
from PIL import Image
from sqlalchemy import select

from portal.accounts.models import Device
from portal.core.clock import now
from portal.core.db import db, transaction
from portal.core.jobs import Job
from portal.core.letters import Letter
from portal.core.storage import path_of
from portal.membership import taking_along
from portal.membership.models import Export
from tests.make import at_once
from tests.membership.planting import plant, private_tables, words_columns

ROOT = Path(__file__).resolve().parents[2]
WEEK = timedelta(days=7, minutes=1)
# What does not go along, by table or column, each with the reason.
LEFT_OUT = {
    "house_rules": "the words of the house, which everybody reads at /rules",
    # Tables that hang on a member by a thread or by Stripe's ids, and hold nothing of theirs.
    "item": "the library is the program's",
    "tool": "the library is the program's",
    "resource": "the library is the program's",
    "nugget": "the library is the program's",
    "consent": "a client's answer, which tells nothing of the coach who asked",
    "episode": "the library is the program's",
    "version": "the library is the program's",
    "file": "the library is the program's",
    "file_text": "the library is the program's",
    "guest": "the library is the program's",
    "listening_link": "the library is the program's",
    "imported_episode": "the library is the program's",
    "revision": "the library is the program's",
    "upload": "the library is the program's",
    # Secrets, also as hashes: they open doors and say nothing.
    "member.password_hash": "a secret",
    "member.photo": "told with the photo itself",
    "device.token_hash": "a secret",
    "draft.mark": "how a page knows the words it has",
    "known_browser.token_hash": "a secret",
    "authenticator.secret": "a secret",
    "passkey.credential_id": "how a device finds its key; says nothing of its owner",
    "recovery_code.code_hash": "a secret",
    "sign_in_step.token_hash": "a secret",
    "sign_in_step.secret": "a secret",
    "sign_in_step.first_proof": "how a sign-in of a few minutes began",
    "one_time_link.token_hash": "a secret",
    "address_change.confirm_hash": "a secret",
    "address_change.stop_hash": "a secret",
    "invitation.token_hash": "a secret",
    "feed.nonce": "half of a secret",
    "feed.shown": "a tag of what a feed shows to everybody",
    "feed_visit.network": "a hash that says nothing after its day",
    "letter.key": "how we keep a letter from being written twice",
    "letter.html": "the same words as letter.text",
    "letter.unsubscribe_url": "a secret",
    "letter.about_kind": "how we ask whether its reader may still know",
    "post.body_html": "made from post.body",
    "post.send_key": "a hash of a form's key",
    "post_file.sha256": "a sum over the file, which goes along",
    "post_file.storage_key": "where the file lies, which goes along",
    "grant.because": "words of staff",
    # Stripe's ids and states that repeat what is told in other columns, and how we call Stripe.
    "billing_customer.account": "ours, not theirs",
    "billing_customer.create_key": "how we call Stripe",
    "billing_customer.lease_owner": "how we call Stripe",
    "checkout_attempt.account": "ours, not theirs",
    "checkout_attempt.key": "how we call Stripe",
    "checkout_attempt.params": "how we call Stripe",
    "checkout_attempt.price_id": "told as the plan",
    "checkout_attempt.url": "a page that is open for an hour",
    "checkout_attempt.last_error": "how we call Stripe",
    "invoice.account": "ours, not theirs",
    "payment_reversal.account": "ours, not theirs",
    "subscription_change.account": "ours, not theirs",
    "subscription_change.key": "how we call Stripe",
    "subscription_change.params": "how we call Stripe",
    "subscription_change.price_id": "told as the plan",
    "subscription_change.from_price_id": "told among the subscriptions",
    "subscription_change.figures": "how the sum came about, on the page for an hour",
    "subscription_change.last_error": "how we call Stripe",
    "subscription.account": "ours, not theirs",
    "subscription.raw": "the same as Stripe sent it",
    "subscription.price_id": "told as the plan",
    "subscription.next_price_id": "a change of plan that was asked for at Stripe",
    "subscription.schedule_id": "a change of plan that was asked for at Stripe",
    "subscription.pause_behavior": "Stripe's word for how a pause is counted",
    "subscription.collection_method": "Stripe's word for how it is charged",
    "subscription.latest_invoice_id": "told among the invoices",
    "subscription.latest_invoice_status": "told among the invoices",
    "subscription.past_due_invoice_id": "told among the invoices",
}


@pytest.fixture
def archive(app, browse, work_off):
    """Ask for it on the page, let the worker work, and open what arrives."""

    def archive(who, browser=None) -> zipfile.ZipFile:
        browser = browser or browse(who)
        assert browser.post("/account/data/exports").location == "/account/data"
        work_off()
        answer = browser.get(f"/account/data/exports/{newest(app).id}/file")
        assert answer.status_code == 200, answer.text
        return zipfile.ZipFile(io.BytesIO(answer.data))

    return archive


def newest(app) -> Export:
    with app.app_context():
        return db.session.scalars(select(Export).order_by(Export.id.desc()).limit(1)).one()


def said(archive: zipfile.ZipFile) -> str:
    return "\n".join(archive.read(name).decode() for name in archive.namelist()).casefold()


def rows(archive: zipfile.ZipFile, part: str) -> list[dict]:
    return json.loads(archive.read(f"data/{part}.json"))


def test_walk_every_private_table_and_find_all_of_alice_and_nothing_of_bob(app, people, archive):
    of_alice = plant(app, people.alice.id, "xalicex")
    plant(app, people.bob.id, "xbobx")
    words = said(archive(people.alice))
    assert set(of_alice) == {table.name for table in private_tables()}
    missing = {
        f"{table}.{column}"
        for table, columns in of_alice.items()
        for column, word in columns.items()
        if word.casefold() not in words
    }
    assert {name for name in missing if name not in LEFT_OUT and name.split(".")[0] not in LEFT_OUT} == set()
    assert "xbobx" not in words


def test_no_reason_outlives_the_column_it_was_given_for():
    columns = {f"{table.name}.{column.name}" for table in private_tables() for column in words_columns(table)}
    assert LEFT_OUT.keys() <= columns | {table.name for table in private_tables()}


def test_what_alice_wrote_goes_along_as_she_typed_it_and_what_bob_answered_does_not(people, make, archive):
    thread = make.thread(by=people.alice, title="How do you hire?", body="We *never* hire in a hurry.")
    make.reply(thread, by=people.bob, body="Secretly we always do.")
    other = make.thread(by=people.bob, title="A title of Bob's", body="Words of Bob's.")
    make.reply(other, by=people.alice, body="I would wait.")
    taken = archive(people.alice)
    posts = {row["body"]: row["thread"] for row in rows(taken, "posts")}
    assert posts == {"We *never* hire in a hurry.": "How do you hire?", "I would wait.": "A title of Bob's"}
    for words in ("secretly we always do", "words of bob", people.bob.email):
        assert words not in said(taken)


def test_pages_to_read_tables_and_files_for_programs_hold_the_same_and_each_value_is_explained(people, make, archive):
    make.thread(by=people.alice, title='=HYPERLINK("http://evil.example")', body="<script>alert(1)</script> & co")
    taken = archive(people.alice)
    names = set(taken.namelist())
    assert {"README.txt", "index.html", "schema.json", "look.css"} <= names
    schema = json.loads(taken.read("schema.json"))["$defs"]
    parts = {Path(name).stem for name in names if name.startswith("data/")}
    assert parts == set(schema)
    for part, about in schema.items():
        found = rows(taken, part)
        table = list(csv.reader(io.StringIO(taken.read(f"data/{part}.csv").decode("utf-8-sig"))))
        assert table[0] == list(about["items"]["properties"])
        assert len(table) == len(found) + 1
        assert all(set(row) == set(table[0]) for row in found)
        assert all(each["description"] for each in about["items"]["properties"].values())
        assert part in taken.read("README.txt").decode()
    page = taken.read("index.html").decode()
    assert "<script>" not in page
    assert "&lt;script&gt;" in page
    assert rows(taken, "threads")[0]["title"].startswith("=HYPERLINK")
    assert "'=HYPERLINK" in taken.read("data/threads.csv").decode()


def test_alice_hears_by_letter_and_the_log_says_that_she_asked(people, archive, outbox):
    taken = archive(people.alice)
    [letter] = [each for each in outbox if each.recipients == [people.alice.email]]
    assert letter.subject == "Your data from Practice Freedom is ready"
    assert "http://localhost/account/data\n" in letter.body
    assert "export.asked" in [row["action"] for row in rows(taken, "log")]


def test_the_page_says_how_far_it_is(app, people, browse, work_off):
    alice = browse(people.alice)
    assert "Put my data together" in alice.get("/account/data").text
    alice.post("/account/data/exports")
    assert f"Steps: 0 of {len(taking_along.AREAS) + 1}" in alice.get("/account/data").text
    work_off()
    assert "Download your data" in alice.get("/account/data").text


def test_only_she_fetches_it_and_only_after_a_fresh_sign_in(app, people, browse, archive):
    alice = browse(people.alice)
    archive(people.alice, alice)
    path = f"/account/data/exports/{newest(app).id}/file"
    assert browse().get(path).location.startswith("/sign-in")
    for other in (people.bob, people.olga):
        assert browse(other).get(path).status_code == 404
    answer = alice.get(path)
    assert "no-store" in answer.headers["Cache-Control"]
    assert answer.headers["Content-Disposition"].startswith("attachment")
    with app.app_context(), transaction():
        for device in db.session.scalars(select(Device)):
            device.fresh_at = now() - timedelta(hours=1)
    assert alice.get(path).location.startswith("/sign-in/again")
    assert alice.post("/account/data/exports").location.startswith("/sign-in/again")


def test_after_a_week_the_link_is_dead_and_the_file_is_removed(app, people, browse, archive, clock):
    archive(people.alice)
    export = newest(app)
    with app.app_context():
        file = path_of(export.storage_key)
    assert file.exists()
    clock.shift(WEEK)
    assert browse(people.alice).get(f"/account/data/exports/{export.id}/file").status_code == 404
    with app.app_context():
        taking_along.sweep()
    assert not file.exists()
    assert newest(app).ended_at is not None
    assert "Put my data together" in browse(people.alice).get("/account/data").text


def test_a_newer_archive_takes_the_place_of_the_earlier_one(app, people, archive):
    archive(people.alice)
    with app.app_context():
        earlier = path_of(newest(app).storage_key)
    archive(people.alice)
    assert not earlier.exists()


def test_twenty_requests_at_once_are_one_archive_and_one_letter(app, people, browse, work_off, outbox):
    browsers = [browse(people.alice) for _ in range(20)]
    forms = [browser.csrf_token() for browser in browsers]
    answers = at_once(
        20, lambda n: browsers[n].post("/account/data/exports", data={"csrf_token": forms[n]}).status_code
    )
    assert sorted(answers) == [303] + [409] * 19
    work_off()
    assert len([each for each in outbox if each.recipients == [people.alice.email]]) == 1


def test_three_times_a_day_are_enough(people, browse, archive):
    alice = browse(people.alice)
    for _ in range(taking_along.PER_DAY):
        archive(people.alice, alice)
    assert alice.post("/account/data/exports").status_code == 429


def test_somebody_who_lapsed_is_suspended_or_leaving_takes_their_data_along_too(app, people, make, browse, archive):
    suspended = make.member("Sid", suspended_until=now() + timedelta(days=3), suspended_because="Sold things.")
    assert rows(archive(suspended), "account")[0]["suspended_because"] == "Sold things."
    assert rows(archive(people.lena), "account")[0]["name"] == "Lena"
    leaving = browse(people.bob)
    leaving.post("/account/data/deletion", data={})
    assert rows(archive(people.bob, leaving), "account")[0]["leaving_since"] is not None


def test_no_archive_is_left_of_somebody_who_is_gone(app, people, browse, archive, clock, work_off):
    alice = browse(people.alice)
    alice.post("/account/data/deletion", data={})
    clock.shift(timedelta(days=6, hours=20))
    archive(people.alice, browse(people.alice))
    with app.app_context():
        file = path_of(newest(app).storage_key)
    clock.shift(timedelta(hours=5))
    work_off()
    assert not file.exists()
    with app.app_context():
        assert db.session.scalars(select(Export)).all() == []


def test_her_photo_goes_along_as_others_see_it(app, people, archive):
    from portal.accounts.models import Member
    from portal.practices import photos

    picture = io.BytesIO()
    Image.new("RGB", (400, 400), "teal").save(picture, "PNG")
    picture.seek(0)
    with app.app_context():
        drawn = photos.draw(picture, name="me.png", declared="image/png")
        with transaction():
            photos.keep(db.session.get_one(Member, people.alice.id), drawn)
    taken = archive(people.alice)
    assert Image.open(io.BytesIO(taken.read("files/photo.webp"))).size == (320, 320)


@pytest.mark.parametrize("point", ["in-the-middle", "half-written", "before-commit"])
def test_a_worker_killed_in_the_middle_leaves_one_archive_and_one_letter(app, people, browse, tmp_path, point):
    browse(people.alice).post("/account/data/exports")
    assert worker(app, die_at=point) == -9
    assert newest(app).ready_at is None
    assert worker(app) == 0
    export = newest(app)
    assert export.is_ready
    with app.app_context():
        file = path_of(export.storage_key)
        assert zipfile.ZipFile(file).testzip() is None
        assert [each.name for each in file.parent.glob(f"{file.name}*")] == [file.name]
        letters = db.session.scalars(select(Letter).where(Letter.kind == "membership/export-ready")).all()
        assert len(letters) == 1
        jobs = db.session.scalars(select(Job).where(Job.work == "membership.put_together")).all()
        assert [job.attempts for job in jobs] == [2]


def worker(app, die_at: str = "") -> int:
    """A worker process of its own, until nothing is left to do or it has died."""
    with app.app_context():
        url = db.engine.url.render_as_string(hide_password=False)
        db.session.remove()
    env = {name: value for name, value in os.environ.items() if not name.startswith(("STRIPE", "FLASK", "PORTAL"))}
    env |= {
        "PORTAL_ENV": "testing",
        "PORTAL_INSTANCE": str(app.config["INSTANCE"]),
        "PUBLIC_URL": "http://localhost",
        "SECRET_KEY": app.config["SECRET_KEY"],
        "DATABASE_URL": url,
        "STRIPE_SECRET_KEY": app.config["STRIPE_SECRET_KEY"],
        "STRIPE_WEBHOOK_SECRET": "whsec_testing",
        "STRIPE_API_BASE": app.config["STRIPE_API_BASE"],
        "DIE_AT": die_at,
    }
    return subprocess.run(
        [sys.executable, "-m", "tests.membership.dying"], cwd=ROOT, env=env, timeout=120, check=False
    ).returncode
