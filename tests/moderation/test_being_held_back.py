"""The presses of somebody who is held back: each would stand under their name where others read."""

from __future__ import annotations

import pytest

from portal.accounts.policy import Silenced, Suspended
from portal.conversations import answering
from portal.conversations.models import Thread, ThreadKind
from portal.core.db import db, transaction
from portal.moderation import sanctioning
from tests.make import again

WHY = "Named an employee twice."


@pytest.fixture
def decide(app, people):
    def sanction(what, member, by=None):
        with app.app_context(), transaction():
            getattr(sanctioning, what)(again(member), days=7, because=WHY, by=again(by or people.mo))

    return sanction


@pytest.mark.parametrize(("what", "refusal"), [("silence", Silenced), ("suspend", Suspended)])
def test_held_back_nobody_marks_thanks_or_endorses(app, people, make, decide, what, refusal):
    thread = make.thread(by=people.bob)
    reply = make.reply(thread, by=people.alice)
    with app.app_context(), transaction():
        db.session.get_one(Thread, thread.id).kind = ThreadKind.QUESTION
    decide(what, people.bob)
    decide(what, people.cory, by=people.olga)
    for act, by, on in (
        (answering.mark, people.bob, reply),
        (answering.unmark, people.bob, reply),
        (answering.thank, people.bob, reply),
        (answering.endorse, people.cory, reply),
        (answering.end_endorsement, people.cory, reply),
    ):
        with app.app_context(), transaction(), pytest.raises(refusal):
            act(again(on), by=again(by))
