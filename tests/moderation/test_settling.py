"""A silence or a suspension that ends takes an open appeal against it along, and whoever appealed is told."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from portal.core.audit import Record
from portal.core.db import db, transaction
from portal.moderation import appealing, ruling, sanctioning, settling
from portal.moderation.models import Verdict
from portal.moderation.person_models import Appeal
from tests.make import again, at_once

STANDS = {"verdict": "upheld", "because": "He sells."}
GIVEN = {"silence": "silence", "suspend": "suspension"}


@pytest.fixture
def appealed(app, people):
    """`appealed("silence")`: Mo decides that of Bob for a week, who appeals; both."""

    def ask(what, after=None):
        with app.app_context(), transaction():
            after = again(after) if after else None
            given = getattr(sanctioning, what)(
                again(people.bob), days=7, because="He sells.", by=again(people.mo), after=after
            )
            return given, appealing.appeal_sanction(given, words="I gave it away.", by=again(people.bob))

    return ask


def _letters_to_bob(outbox, work_off):
    work_off()
    return [m for m in outbox if "bob@example.com" in m.recipients]


def _settle_ended(app):
    with app.app_context():
        settling.settle_ended()


@pytest.mark.parametrize("what", GIVEN)
def test_mo_lifts_it_and_bob_reads_that_his_appeal_is_closed_with_it(
    app, browse, people, appealed, outbox, work_off, what
):
    given, asked = appealed(what)
    assert (
        browse(people.mo).post(f"/moderation/sanctions/{given.id}/end", data={"because": "He stopped."}).status_code
        == 303
    )
    with app.app_context():
        assert (again(asked).verdict, again(asked).because) == (Verdict.ENDED, "He stopped.")
    assert "your appeal is closed with it" in _letters_to_bob(outbox, work_off)[-1].body
    page = browse(people.bob).get(f"/sanctions/{given.id}").text
    for words in ("your appeal is closed with it", "He stopped.", "I gave it away."):
        assert words in page
    assert "by a second person" not in page


@pytest.mark.parametrize("what", GIVEN)
def test_what_ran_out_is_decided_by_nobody_and_bob_hears_it_once(
    app, browse, people, appealed, clock, outbox, work_off, what
):
    given, asked = appealed(what)
    clock.shift(timedelta(days=7, minutes=1))
    cory, bob = browse(people.cory), browse(people.bob)
    assert "No appeal waits" in cory.get("/moderation/appeals").text
    assert "appeal waits" not in cory.get("/desk").text + cory.get("/moderation").text
    assert "your appeal is closed with it" in bob.get(f"/sanctions/{given.id}").text
    answer = cory.post(f"/moderation/appeals/{asked.id}/decision", data=STANDS)
    assert answer.status_code == 409
    assert "nothing is left to decide" in answer.text
    _settle_ended(app)
    _settle_ended(app)
    told = [m for m in _letters_to_bob(outbox, work_off) if "appeal" in m.subject]
    assert [m.subject for m in told] == [f"Your {GIVEN[what]} has ended, and your appeal is closed with it"]
    assert "I gave it away." in told[0].body
    assert "closed your appeal about" in bob.get("/notifications").text
    assert "Closed an appeal, because what it was against had ended" in cory.get("/moderation/log").text
    assert settling.RAN_OUT in bob.get(f"/sanctions/{given.id}").text


def test_what_runs_on_is_not_settled(app, appealed):
    _given, asked = appealed("silence")
    _settle_ended(app)
    with app.app_context():
        assert again(asked).is_open


def test_a_ruling_that_is_taken_back_with_its_silence_closes_the_appeal_against_that(app, people, make, appealed):
    post = make.reply(make.thread(by=people.alice), by=people.bob)
    with app.app_context(), transaction():
        hidden = ruling.hide(again(post), because="It sells.", by=again(people.mo))
    _given, against_silence = appealed("silence", after=hidden)
    with app.app_context(), transaction():
        asked = appealing.appeal(again(hidden), words="It does not.", by=again(people.bob))
        appealing.decide(asked, Verdict.OVERTURNED, because="True.", by=again(people.cory), with_sanction=True)
    with app.app_context():
        assert (again(against_silence).verdict, again(against_silence).because) == (Verdict.ENDED, "True.")


def test_nobody_decides_that_it_has_ended_while_it_runs(app, browse, people, appealed):
    _given, asked = appealed("silence")
    sent = {"verdict": "ended", "because": "It has."}
    assert browse(people.cory).post(f"/moderation/appeals/{asked.id}/decision", data=sent).status_code == 422
    with app.app_context():
        assert again(asked).is_open


def test_lifted_and_decided_at_once_the_appeal_is_answered_once(app, browse, people, appealed):
    given, asked = appealed("silence")
    browsers = [browse(people.mo if number % 2 else people.cory) for number in range(10)]

    def end_or_decide(number):
        if number % 2:
            path, sent = f"/moderation/sanctions/{given.id}/end", {"because": "He stopped."}
        else:
            path, sent = f"/moderation/appeals/{asked.id}/decision", STANDS
        return browsers[number].post(path, data=sent).status_code

    codes = at_once(10, end_or_decide)
    assert set(codes) <= {303, 409}, codes
    with app.app_context():
        verdict = db.session.scalars(select(Appeal.verdict)).one()
        said = db.session.scalars(select(Record.action).where(Record.ref_kind == "appeal")).all()
        assert said == [{Verdict.UPHELD: "appeal.upheld", Verdict.ENDED: "appeal.closed"}[verdict]]
        assert not again(people.bob).is_silenced, "somebody lifted it, before or after"
