"""A client's story is shown only with the words they agreed to, named so, in those places."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select

from portal.accounts.models import Member
from portal.core.clock import now
from portal.core.db import db
from portal.core.letters import Letter
from portal.library import answering, consenting, publishing, showing, stories
from portal.library.consent_models import Consent, ConsentState, Naming, Place
from portal.library.models import Nugget
from tests.make import at_once

WHO = {"name": "Maria Alvarez", "email": "maria@example.net", "role": "the owner of a dental practice"}
ALL = list(Place)


@pytest.fixture
def draft(make, people):
    """A story that nobody was asked about yet."""
    return make.nugget("The seat with four masters", published=False, body="What I take from it.")


@pytest.fixture
def ask(make, people, work_off, outbox):
    """Cory asks Maria for the words as they are; returns the token of her letter."""

    def ask(nugget, **who):
        with make._saved():
            consenting.ask(_row(nugget), **(WHO | who), by=db.session.get_one(Member, people.cory.id))
        work_off()
        return token_in(outbox, "/consent/")

    return ask


def token_in(outbox, before):
    letter = next(m for m in reversed(outbox) if before in m.body)
    return re.search(re.escape(before) + r"(pfn_[\w-]+)", letter.body).group(1)


@pytest.fixture
def answer(make, browse, work_off, outbox):
    """Maria agrees on her page; returns the token of her own link."""

    def answer(token, naming="disguised", places=("members",)):
        page = browse().get(f"/consent/{token}").text
        sha256 = re.search(r'name="sha256"[^>]*value="(\w+)"', page).group(1)
        data = {"naming": naming, "places": list(places), "sha256": sha256}
        said = browse().post(f"/consent/{token}/agreement", data=data)
        assert said.status_code == 303, said.text
        work_off()
        return token_in(outbox, "/consent/yours/")

    return answer


def _row(nugget):
    return db.session.get_one(Nugget, nugget.id)


def publish(make, nugget, **when):
    with make._saved():
        publishing.publish(_row(nugget), **when)


def rewrite(make, nugget, **words):
    with make._saved():
        row = _row(nugget)
        stories.write(row, replace(stories.written(row), **words))


def test_a_nugget_is_published_only_with_consent_and_the_refusal_says_so(make, draft):
    with make._saved(), pytest.raises(showing.NotAgreed, match="agreed to exactly these words"):
        publishing.publish(_row(draft))


def test_a_nugget_is_out_with_the_words_its_client_agreed_to(make, people, browse, draft, ask, answer):
    answer(ask(draft))
    publish(make, draft)
    page = browse(people.alice).get(f"/library/{draft.slug}").text
    assert "The situation of it." in page
    assert "Told with the client’s consent." in page


def test_a_waiting_a_wished_for_and_a_declined_text_cannot_be_published(make, browse, draft, ask):
    token = ask(draft)
    for path, data in (("", None), ("/wish", {"wish": "Not four masters, please."}), ("/refusal", {})):
        if data is not None:
            assert browse().post(f"/consent/{token}{path}", data=data).status_code == 303
        with make._saved(), pytest.raises(showing.NotAgreed):
            publishing.publish(_row(draft))


@pytest.mark.parametrize("part", ["title", "summary", "problem", "situation", "change", "result", "lesson"])
def test_one_changed_word_asks_again_and_the_agreed_words_stay(make, people, browse, draft, ask, answer, part):
    answer(ask(draft))
    publish(make, draft)
    before = browse(people.alice).get(f"/library/{draft.slug}").text
    rewrite(make, draft, **{part: "Zanzibar"})
    browser = browse(people.alice)
    assert "Zanzibar" not in browser.get(f"/library/{draft.slug}").text
    assert _story_of(browser.get(f"/library/{draft.slug}").text) == _story_of(before)
    assert "Nothing holds" in browser.get("/library?q=zanzibar").text
    with make._saved(), pytest.raises(showing.AskAgain):
        publishing.publish(_row(draft))
    answer(ask(draft))
    assert "Zanzibar" in browser.get(f"/library/{draft.slug}").text


def _story_of(page):
    """What stands in the item's article, without the tokens of its forms."""
    return re.sub(r'name="csrf_token"[^>]*', "", page[page.index("<article") : page.index("</article")])


def test_practice_and_address_are_words_too(make, people, browse, draft, ask, answer):
    answer(ask(draft))
    publish(make, draft)
    rewrite(make, draft, practice_type="Dentistry in Bologna", slug="bologna")
    assert "Bologna" not in browse(people.alice).get("/nuggets").text
    assert browse(people.alice).get("/library/bologna").status_code == 404


def test_no_code_can_save_other_words_into_a_story_that_is_out(make, draft, ask, answer):
    answer(ask(draft))
    publish(make, draft)
    with pytest.raises(RuntimeError, match="nobody agreed"), make._saved():
        _row(draft).title = "Another title"
    more = {name: {"source": f"The {name} of it.", "html": "<p>More.</p>"} for name in stories.PARTS}
    with pytest.raises(RuntimeError, match="nobody agreed"), make._saved():
        _row(draft).parts = more


@pytest.mark.parametrize(
    ("naming", "line"),
    [
        ("full", "Told with the consent of Maria Alvarez."),
        ("first", "Told with the consent of Maria."),
        ("role", "Told with the consent of the owner of a dental practice."),
        ("disguised", "Told with the client’s consent. Details are changed so that nobody can be recognised."),
    ],
)
def test_the_client_sees_each_naming_as_it_will_stand_and_chooses_one(
    make, people, browse, draft, ask, answer, naming, line
):
    token = ask(draft)
    assert line in browse().get(f"/consent/{token}").text
    answer(token, naming=naming)
    publish(make, draft)
    page = browse(people.alice).get(f"/library/{draft.slug}").text
    assert line in page
    assert ("Alvarez" in page) is (naming == "full")


def test_a_story_that_says_the_name_is_not_offered_without_it(make, browse, draft, ask):
    rewrite(make, draft, result="Dr. Alvarez is home for supper.")
    page = browse().get(f"/consent/{ask(draft)}").text
    assert "With your full name" in page
    assert "With your role only" not in page
    assert "Without any name" not in page


def test_the_client_reads_exactly_what_will_stand_there(browse, draft, ask):
    page = browse().get(f"/consent/{ask(draft)}").text
    told = (draft.title, draft.summary, "The situation of it.", "The result of it.", "What I take from it.")
    for words in (*told, f"Its address: /library/{draft.slug}"):
        assert words in page


def test_agreeing_takes_a_place_and_a_name(browse, draft, ask):
    token = ask(draft)
    page = browse().get(f"/consent/{token}").text
    sha256 = re.search(r'name="sha256"[^>]*value="(\w+)"', page).group(1)
    for data, said in (
        ({"naming": "full", "sha256": sha256}, "Choose at least one place"),
        ({"places": ["members"], "sha256": sha256}, "Choose how you would like to be named"),
        ({"naming": "nobody", "places": ["members"], "sha256": sha256}, "Choose how you would like to be named"),
        ({"naming": "full", "places": ["everywhere"], "sha256": sha256}, "Choose at least one place"),
    ):
        answer = browse().post(f"/consent/{token}/agreement", data=data)
        assert answer.status_code == 422
        assert said in answer.text


def test_the_hash_decides_what_was_agreed_to(browse, draft, ask):
    token = ask(draft)
    data = {"naming": "full", "places": ["members"], "sha256": "0" * 64}
    answer = browse().post(f"/consent/{token}/agreement", data=data)
    assert answer.status_code == 409
    assert "read them again" in answer.text


def test_opening_a_link_decides_nothing(app, browse, draft, ask):
    token = ask(draft)
    for _ in range(3):
        assert browse().get(f"/consent/{token}").status_code == 200
        assert browse().head(f"/consent/{token}").status_code == 200
    with app.app_context():
        assert db.session.scalars(select(Consent.state)).one() is ConsentState.WAITING


def test_links_are_kept_as_hashes_replaced_by_newer_ones_and_run_out(app, browse, people, make, draft, ask, clock):
    first = ask(draft)
    with app.app_context():
        assert first not in str(db.session.execute(select(Consent.__table__)).all())
    clock.shift(timedelta(minutes=11))
    with make._saved():
        consent = db.session.scalars(select(Consent)).one()
        consenting.resend(consent, by=db.session.get_one(Member, people.cory.id))
    assert browse().get(f"/consent/{first}").status_code == 410
    second = ask(draft)
    assert browse().get(f"/consent/{second}").status_code == 200
    assert browse().get(f"/consent/yours/{second}").status_code == 410  # good for one purpose
    clock.shift(timedelta(days=31))
    assert browse().get(f"/consent/{second}").status_code == 410
    assert browse().post(f"/consent/{second}/refusal").status_code == 410


def test_the_client_s_pages_are_kept_by_nobody_and_told_to_nobody(browse, draft, ask, answer):
    token = ask(draft)
    for path in (f"/consent/{token}", f"/consent/yours/{answer(token)}", "/consent/pfn_none", "/consent/yours/none"):
        headers = browse().get(path).headers
        assert headers["Referrer-Policy"] == "no-referrer"
        assert "no-store" in headers["Cache-Control"]
        assert "noindex" in headers["X-Robots-Tag"]


def test_twenty_equal_agreements_at_once_are_one(app, browse, draft, ask, outbox, work_off):
    token = ask(draft)
    page = browse().get(f"/consent/{token}").text
    sha256 = re.search(r'name="sha256"[^>]*value="(\w+)"', page).group(1)
    data = {"naming": "full", "places": ["members"], "sha256": sha256}
    browsers = [browse() for _ in range(20)]
    answers = at_once(20, lambda n: browsers[n].post(f"/consent/{token}/agreement", data=dict(data)))
    assert {answer.status_code for answer in answers} == {303}
    work_off()
    assert len([m for m in outbox if "/consent/yours/" in m.body]) == 1
    with app.app_context():
        assert db.session.scalars(select(Consent.state)).all() == [ConsentState.AGREED]


def test_agreeing_and_asking_anew_at_the_same_instant_never_shows_what_was_not_agreed_to(
    app, make, people, browse, draft, ask, answer
):
    answer(ask(draft))
    publish(make, draft)
    rewrite(make, draft, result="Second words.")
    token = ask(draft)
    page = browse().get(f"/consent/{token}").text
    sha256 = re.search(r'name="sha256"[^>]*value="(\w+)"', page).group(1)

    def act(number):
        if number % 2:
            rewrite(make, draft, result=f"Third words, {number}.")
            with make._saved():
                consenting.ask(_row(draft), **WHO, by=db.session.get_one(Member, people.cory.id))
        else:
            with make._saved():
                answering.agree(token, naming=Naming.FULL, places=[Place.MEMBERS], sha256=sha256)

    at_once(6, act)
    page = browse(people.alice).get(f"/library/{draft.slug}").text
    assert "Third words" not in page
    with app.app_context():
        row = _row(draft)
        assert showing.standing(row).sha256 == row.shown_sha256
        assert stories.shown(row).sha256_with(row.naming_line) == row.shown_sha256


# Places


def test_visitors_read_all_of_it_only_where_public_was_agreed(make, browse, draft, ask, answer):
    mine = answer(ask(draft), places=["members", "mail", "air"])
    publish(make, draft)
    assert "The situation of it." not in browse().get(f"/library/{draft.slug}").text
    assert "Nothing holds" in browse().get("/library?q=situation").text
    data = {"naming": "role", "places": ["members", "public"]}
    assert browse().post(f"/consent/yours/{mine}/choice", data=data).status_code == 303
    page = browse().get(f"/library/{draft.slug}").text
    assert "The situation of it." in page
    assert "the owner of a dental practice" in page
    assert draft.title in browse().get("/library?q=situation").text


def test_without_a_place_on_the_site_it_is_nowhere_on_it(make, people, browse, draft, ask, answer):
    mine = answer(ask(draft), places=["air"])
    with make._saved(), pytest.raises(showing.NotOnTheSite):
        publishing.publish(_row(draft))
    browse().post(f"/consent/yours/{mine}/choice", data={"naming": "role", "places": ["members"]})
    publish(make, draft)
    assert draft.title in browse().get("/nuggets").text
    browse().post(f"/consent/yours/{mine}/choice", data={"naming": "role", "places": ["mail"]})
    assert draft.title not in browse().get("/nuggets").text
    assert browse(people.alice).get(f"/library/{draft.slug}").status_code == 404


def test_a_letter_quotes_it_only_where_mail_was_agreed_also_when_that_changed_since_it_was_written(
    make, people, browse, draft, ask, answer, outbox, work_off
):
    from portal.core import letters

    mine = answer(ask(draft), places=["members", "mail"])
    publish(make, draft)

    def write_to_alice(key):
        with make._saved():
            letters.post(
                "library/consent-answered", to=db.session.get_one(Member, people.alice.id), key=key,
                about=_row(draft), subject="New", told=draft.title, link="http://localhost/",
            )  # fmt: skip
        return key

    write_to_alice("first")
    work_off()
    assert draft.title in outbox[-1].body
    write_to_alice("second")
    browse().post(f"/consent/yours/{mine}/choice", data={"naming": "role", "places": ["members"]})
    sent = len(outbox)
    work_off()
    assert not any(draft.title in m.body for m in outbox[sent:])


def test_followers_hear_of_a_story_at_its_first_publishing_if_its_client_agreed_to_letters(
    make, people, browse, draft, ask, answer, outbox, work_off
):
    from portal.topics import following
    from portal.topics.models import Topic

    topic = make.topic()
    with make._saved():
        _row(draft).topics = [db.session.get_one(Topic, topic.id)]
        following.follow(db.session.get_one(Topic, topic.id), by=db.session.get_one(Member, people.alice.id))
    answer(ask(draft), places=["members", "mail"])
    form = {"do": "now", "announce": "y"}
    assert browse(people.cory).post(f"/desk/library/{draft.id}/release", data=form).status_code == 303
    work_off()
    assert [m.recipients for m in outbox if draft.title in m.body] == [[people.alice.email]]


# Taking it back


def test_withdrawal_takes_it_from_everywhere_and_leaves_a_record_without_the_story(
    app, make, people, browse, draft, ask, answer, outbox, work_off
):
    from tests.membership.planting import found_in_database

    room = make.room()
    rewrite(make, draft, situation="A quagga stood at the desk.", practice_type="Quaggatry")
    mine = answer(ask(draft), naming="full", places=ALL)
    publish(make, draft)
    alice = browse(people.alice)
    said = {"title": draft.title, "room": room.slug, "body": "We have that too."}
    assert alice.post(f"/library/{draft.slug}/thread", data=said).status_code == 303
    rewrite(make, draft, result="A second quagga came.")
    ask(draft)
    sent = len(outbox)
    assert browse().post(f"/consent/yours/{mine}/withdrawal").status_code == 303
    for reader in (browse(), alice, browse(people.cory)):
        assert reader.get(f"/library/{draft.slug}").status_code == 404
        for path in ("/nuggets", "/library", "/library?q=quagga", "/search?q=quagga", "/", "/rooms"):
            page = reader.get(path, follow_redirects=True).text
            assert draft.title not in page
            assert "A quagga" not in page
            assert "Alvarez" not in page
    work_off()
    found = found_in_database(app, "quagga", "alvarez", "maria@example.net", draft.title, draft.slug)
    assert found == {"search_miss.words"}  # what the readers above looked for in vain
    assert {tuple(m.recipients) for m in outbox[sent:]} == {("maria@example.net",), (people.cory.email,)}
    with app.app_context():
        states = db.session.scalars(select(Consent.state).order_by(Consent.id)).all()
        assert states == [ConsentState.WITHDRAWN, ConsentState.CANCELLED]
        stood = db.session.scalars(select(Consent).order_by(Consent.id)).first()
        assert stood.sha256
        assert stood.places == [place.value for place in ALL]
        assert stood.naming is Naming.FULL
        assert stood.ended_at is not None
    assert "taken back" in browse().get(f"/consent/yours/{mine}").text


def test_nobody_asks_or_publishes_or_declares_what_was_taken_back(make, people, browse, draft, ask, answer):
    mine = answer(ask(draft))
    publish(make, draft)
    browse().post(f"/consent/yours/{mine}/withdrawal")
    with make._saved():
        row, cory = _row(draft), db.session.get_one(Member, people.cory.id)
        for act in (
            lambda: consenting.ask(row, **WHO, by=cory),
            lambda: consenting.declare(row, by=cory),
            lambda: publishing.publish(row),
        ):
            with pytest.raises((stories.Taken, showing.NotAgreed)):
                act()


def test_the_link_of_an_earlier_agreement_still_takes_everything_back(make, people, browse, draft, ask, answer):
    first = answer(ask(draft))
    publish(make, draft)
    rewrite(make, draft, result="Newer words.")
    answer(ask(draft))
    assert browse().post(f"/consent/yours/{first}/withdrawal").status_code == 303
    assert browse(people.alice).get(f"/library/{draft.slug}").status_code == 404


def test_a_scheduled_story_that_is_taken_back_never_appears(make, people, browse, draft, ask, answer, clock, work_off):
    mine = answer(ask(draft))
    publish(make, draft, at=now() + timedelta(days=2))
    browse().post(f"/consent/yours/{mine}/withdrawal")
    clock.shift(timedelta(days=3))
    work_off()
    assert "masters" not in browse(people.alice).get("/nuggets").text
    assert "Nothing holds" in browse(people.alice).get("/library?q=masters").text


def test_a_scheduled_story_appears_with_the_agreed_words_whatever_is_written_meanwhile(
    make, people, browse, draft, ask, answer, clock, work_off
):
    answer(ask(draft))
    publish(make, draft, at=now() + timedelta(days=2))
    rewrite(make, draft, title="Zanzibar")
    clock.shift(timedelta(days=3))
    work_off()
    page = browse(people.alice).get("/library?q=masters").text
    assert draft.title in page
    assert "Zanzibar" not in page


def test_whoever_declines_is_forgotten_and_what_they_agreed_to_before_stays(
    app, make, people, browse, draft, ask, answer, work_off
):
    answer(ask(draft))
    publish(make, draft)
    rewrite(make, draft, result="Words too many.")
    token = ask(draft, email="maria@elsewhere.example")
    assert browse().post(f"/consent/{token}/refusal").status_code == 303
    work_off()
    assert "The result of it." in browse(people.alice).get(f"/library/{draft.slug}").text
    with app.app_context():
        declined = db.session.scalars(select(Consent).order_by(Consent.id.desc())).first()
        assert (declined.client_name, declined.client_email, declined.story) == (None, None, None)
        assert "maria@elsewhere.example" not in db.session.scalars(select(Letter.address)).all()


def test_a_coach_reads_the_wish_and_the_client_may_still_agree(make, people, browse, draft, ask, answer):
    token = ask(draft)
    assert browse().post(f"/consent/{token}/wish", data={"wish": "  "}).status_code == 422
    assert browse().post(f"/consent/{token}/wish", data={"wish": "Five masters."}).status_code == 303
    assert "Five masters." in browse(people.cory).get(f"/desk/consents/{draft.id}").text
    answer(token)
    publish(make, draft)


def test_an_asking_that_is_taken_back_leads_nowhere_and_its_letter_is_not_sent(
    app, make, people, browse, draft, outbox, work_off
):
    with make._saved():
        cory = db.session.get_one(Member, people.cory.id)
        consent = consenting.ask(_row(draft), **WHO, by=cory)
        consenting.cancel(consent, by=cory)
    work_off()
    assert [m for m in outbox if "/consent/" in m.body] == []
    with app.app_context():
        assert db.session.scalars(select(Consent.client_email)).all() == [None]


def test_a_letter_is_sent_again_after_ten_minutes_and_not_before(make, people, browse, draft, ask, clock):
    ask(draft)
    cory = browse(people.cory)
    with make._saved():
        number = db.session.scalars(select(Consent.id)).one()
    assert cory.post(f"/desk/consents/askings/{number}/letter").status_code == 429
    clock.shift(timedelta(minutes=11))
    assert cory.post(f"/desk/consents/askings/{number}/letter").status_code == 303


def test_who_does_not_answer_for_two_months_is_forgotten(app, draft, ask, clock):
    ask(draft)
    clock.shift(timedelta(days=61))
    with app.app_context():
        consenting.end_askings()
        consent = db.session.scalars(select(Consent)).one()
        assert consent.state is ConsentState.RAN_OUT
        assert consent.client_email is None


# Composites


def test_a_composite_needs_no_client_says_so_and_is_declared_again_for_other_words(app, make, people, browse, draft):
    with make._saved():
        consenting.declare(_row(draft), by=db.session.get_one(Member, people.cory.id))
    publish(make, draft)
    assert "A composite: drawn from several practices" in browse(people.alice).get(f"/library/{draft.slug}").text
    rewrite(make, draft, result="Zanzibar")
    assert "Zanzibar" not in browse(people.alice).get(f"/library/{draft.slug}").text
    with make._saved(), pytest.raises(showing.DeclareAgain):
        publishing.publish(_row(draft))
    with make._saved():
        consenting.declare(_row(draft), by=db.session.get_one(Member, people.cory.id))
    assert "Zanzibar" in browse(people.alice).get(f"/library/{draft.slug}").text
    from portal.core.audit import Record

    with app.app_context():
        assert db.session.scalars(select(Record.by_id).where(Record.action == "consent.declared")).all() == [
            people.cory.id,
            people.cory.id,
        ]


def test_what_a_client_was_asked_about_is_no_composite_nor_is_what_they_refused_under_another_title(
    make, people, browse, draft, ask
):
    token = ask(draft)
    with make._saved(), pytest.raises(consenting.NotAComposite):
        consenting.declare(_row(draft), by=db.session.get_one(Member, people.cory.id))
    browse().post(f"/consent/{token}/refusal")
    with make._saved():
        refused = stories.written(_row(draft))
    other = make.nugget("Another", published=False)
    rewrite(make, other, **{name: value for name, value in refused.kept.items() if name != "slug"})
    with make._saved(), pytest.raises(consenting.NotAComposite):
        consenting.declare(_row(other), by=db.session.get_one(Member, people.cory.id))


# The desk and the ledger


def test_a_coach_asks_on_the_desk_and_sees_what_waits_and_the_letter_is_the_client_s(
    people, browse, draft, outbox, work_off
):
    cory = browse(people.cory)
    page = cory.get(f"/desk/consents/{draft.id}").text
    assert "The situation of it." in page
    data = {"name": "Maria Alvarez", "email": "maria@example.net", "role": "the owner of a dental practice"}
    assert cory.post(f"/desk/consents/{draft.id}/askings", data=data | {"email": "nobody"}).status_code == 422
    assert cory.post(f"/desk/consents/{draft.id}/askings", data=data).status_code == 303
    work_off()
    assert [m.recipients for m in outbox] == [["maria@example.net"]]
    assert "The situation of it." not in outbox[0].body  # a letter may be read by others
    assert "Waiting for an answer" in cory.get("/desk/consents").text
    assert browse(people.mo).get("/desk/consents").status_code == 403


def test_olga_reads_prints_and_takes_along_the_ledger_and_a_coach_does_not(people, make, browse, draft, ask, answer):
    make.nugget("Drawn from several", composite=True)
    rewrite(make, draft, result="Something of their own.")
    mine = answer(ask(draft), naming="full", places=["members", "mail"])
    olga = browse(people.olga)
    page = olga.get("/desk/consents/ledger").text
    for words in ("Maria Alvarez", "Full name", "to members, in letters", "Cory", "Composite, declared"):
        assert words in page
    assert re.search(r"<code class=\"hash\">[0-9a-f]{64}</code>", page)
    file = olga.post("/desk/consents/ledger/file")
    assert file.mimetype == "text/csv"
    assert "maria@example.net" in file.text
    assert "list.exported" in _actions(browse, people)
    browse().post(f"/consent/yours/{mine}/withdrawal")
    page = olga.get("/desk/consents/ledger").text
    assert "Taken back by the client" in page
    assert "Alvarez" not in page
    assert draft.title not in page
    assert browse(people.cory).get("/desk/consents/ledger").status_code == 403
    assert browse(people.cory).post("/desk/consents/ledger/file").status_code == 403


def _actions(browse, people):
    from portal.core.audit import Record

    with browse().application.app_context():
        return db.session.scalars(select(Record.action).order_by(Record.id)).all()


def test_every_answer_is_in_the_log(people, browse, draft, ask, answer):
    mine = answer(ask(draft))
    browse().post(f"/consent/yours/{mine}/choice", data={"naming": "full", "places": ["public"]})
    browse().post(f"/consent/yours/{mine}/withdrawal")
    done = [action for action in _actions(browse, people) if action.startswith("consent.")]
    assert done == ["consent.asked", "consent.agreed", "consent.chosen_anew", "consent.withdrawn"]
    page = browse(people.olga).get("/moderation/log").text
    assert "A client took a story back" in page


@pytest.mark.parametrize("path", ["/desk/consents", "/desk/consents/ledger", "/nuggets?specialty=law"])
def test_a_list_costs_the_same_for_two_stories_as_for_ten(people, make, browse, count_queries, path):
    from portal.practices.models import Specialty

    def tell(many):
        for number in range(many):
            make.nugget(f"Story {number}", specialty=Specialty.LAW)

    tell(2)
    olga = browse(people.olga)
    olga.get(path)
    with count_queries() as few:
        olga.get(path)
    tell(8)
    with count_queries() as many:
        olga.get(path)
    assert len(few) == len(many) <= 8, many
