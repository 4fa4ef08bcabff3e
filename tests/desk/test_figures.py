"""The desk's figures count what they say."""

from __future__ import annotations

import re

from portal.conversations import posting
from portal.conversations.models import ThreadKind
from portal.core.db import transaction
from portal.desk.figures import figures
from tests.make import again


def test_members_counts_alice_and_bob_but_neither_lena_nor_staff(app, people):
    with app.app_context():
        found = {f.label: f.value for f in figures(again(people.olga))}
    assert found["Members"] == 2
    assert found["New accounts"] == 4  # Alice, Bob, Lena, Sam


def test_the_questions_that_wait_are_those_in_the_list_behind_them_and_stand_before_what_only_grows(
    app, browse, people, make
):
    room = make.room()
    with app.app_context(), transaction():
        for title, kind in (("Who decides?", ThreadKind.QUESTION), ("How it went", ThreadKind.STORY)):
            posting.start(again(room), title=title, body="So.", kind=kind, by=again(people.alice))
    cory = browse(people.cory)
    page = cory.get("/desk").text
    assert re.search(r'Unanswered questions</p>\s*<p class="stat__figure"><a href="/desk/unanswered">1</a>', page)
    assert page.index("Open flags") < page.index("Unanswered questions") < page.index("New accounts")
    waiting = cory.get("/desk/unanswered").text
    assert "Who decides?" in waiting
    assert "How it went" not in waiting
