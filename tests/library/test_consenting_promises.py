"""What a client was promised holds against old pages, copies, files and careless names."""

from __future__ import annotations

from dataclasses import replace
from io import BytesIO

import pytest
from sqlalchemy import select

from portal.accounts.models import Draft, Member
from portal.core import taking_in
from portal.core.db import db
from portal.library import consenting, publishing, stories, transcripts
from portal.library.consent_models import Naming, Place
from portal.library.from_html import as_markdown
from portal.library.models import Version
from tests.library.test_consenting import _row, answer, ask, draft, publish, rewrite  # noqa: F401  # its fixtures too
from tests.make import PDF

TYPED = {"title": "The seat", "summary": "S", "situation": "Said in secret", "change": "C", "result": "R", "body": "B"}


@pytest.fixture
def left_open(make, people, browse, draft, ask, answer):  # noqa: F811
    """The story is out and Cory has its form open; then its client takes it back."""
    cory = browse(people.cory)
    own = answer(ask(draft))
    publish(make, draft)
    assert cory.get(f"/desk/library/{draft.id}").status_code == 200
    assert browse().post(f"/consent/yours/{own}/withdrawal").status_code == 303
    return cory


@pytest.mark.parametrize("seen", ["0", "1", "7"])
def test_a_form_left_open_does_not_bring_back_what_was_taken_back(app, left_open, draft, seen):  # noqa: F811
    said = left_open.post(f"/desk/library/{draft.id}", data=TYPED | {"seen": seen})
    assert (said.status_code, "took this story back" in said.text) == (410, True)
    with app.app_context():
        assert "secret" not in str(_row(draft).parts)


def test_nor_does_a_form_that_saves_itself_or_is_kept_for_later(app, left_open, draft):  # noqa: F811
    path = f"/desk/library/{draft.id}"
    assert left_open.post(f"{path}/draft", data=TYPED | {"mark": "1", "after": ""}).status_code == 410
    assert left_open.post(path, data=TYPED | {"do": "keep"}).status_code == 410
    assert left_open.post(f"{path}/history/0/restoration", data={"seen": "0"}).status_code in {404, 410}
    with app.app_context():
        assert db.session.scalars(select(Draft.fields).where(Draft.thing == f"item:{draft.id}")).all() == []


def test_a_copy_of_an_agreed_story_is_no_composite(make, people, draft, ask, answer):  # noqa: F811
    answer(ask(draft))
    with make._saved():
        kept = stories.written(_row(draft)).kept
    copy = make.nugget("Another title", published=False)
    rewrite(make, copy, **{name: words for name, words in kept.items() if name not in {"slug", "title"}})
    with make._saved(), pytest.raises(consenting.NotAComposite):
        consenting.declare(_row(copy), places=list(Place), by=db.session.get_one(Member, people.cory.id))


def test_a_story_a_client_was_asked_about_takes_no_files(app, make, people, draft, ask, answer):  # noqa: F811
    with make._saved():
        consenting.declare(_row(draft), by=db.session.get_one(Member, people.cory.id))
    rewrite(make, draft, result="Now it is somebody's.")
    answer(ask(draft))
    with app.app_context():
        kept = taking_in.keep(BytesIO(PDF), name="beside.pdf")
    with make._saved(), pytest.raises(publishing.NoFiles):
        publishing.add_version(_row(draft), files=[kept])
    with app.app_context():
        assert db.session.scalars(select(Version.id).where(Version.item_id == draft.id)).all() == []


def test_a_story_that_leaves_the_site_is_named_by_no_conversation(
    make,
    people,
    browse,
    draft,  # noqa: F811
    ask,  # noqa: F811
    answer,  # noqa: F811
):
    room, alice = make.room(), browse(people.alice)
    own = answer(ask(draft))
    publish(make, draft)
    alice.post(
        f"/library/{draft.slug}/thread", data={"title": draft.title, "room": room.slug, "body": "We have that too."}
    )
    assert draft.title in alice.get(f"/rooms/{room.slug}").text
    browse().post(f"/consent/yours/{own}/choice", data={"naming": "disguised", "places": ["air"]})
    assert draft.title not in alice.get(f"/rooms/{room.slug}").text


@pytest.mark.parametrize(
    ("name", "said", "offered"),
    [
        ("Jo Smith", "Smith said so.", {Naming.FULL}),
        ("Jo Smith", "Jo said so.", {Naming.FULL, Naming.FIRST}),
        ("Bo Li", "Then Li said so.", {Naming.FULL}),
        ("José García", "Garcia said so.", {Naming.FULL}),
        ("Dr. Maria Alvarez", "The Alvarez practice.", {Naming.FULL}),
        ("Dr. Maria Alvarez", "Maria said so.", {Naming.FULL, Naming.FIRST}),
        ("Dr. Maria Alvarez", "The doctor said so.", set(Naming)),
        ("Ada van der Berg", "The van of a den.", set(Naming)),
    ],
)
def test_no_naming_is_offered_that_the_story_breaks(make, draft, name, said, offered):  # noqa: F811
    with make._saved():
        words = replace(stories.written(_row(draft)), result=said)
    assert set(consenting.lines_for(words, name=name, role="the owner of a practice")) == offered


def test_a_title_is_no_first_name_and_a_role_says_no_name(make, draft):  # noqa: F811
    with make._saved():
        words = stories.written(_row(draft))
    lines = consenting.lines_for(words, name="Dr. Maria Alvarez", role="the owner of Alvarez Dental")
    assert lines[Naming.FIRST] == "Told with the consent of Maria."
    assert Naming.ROLE not in lines


def test_a_transcript_and_a_note_of_nothing_but_openings_are_read_once():
    """Each took ten seconds and more when every opening was read to the end; the run of the tests would show it."""
    assert transcripts.passages("WEBVTT\n\n00:00.000 --> 00:02.000\n" + "<v a " * 20_000)[0].words
    assert transcripts.passages("WEBVTT\n\n00:00.000 --> 00:02.000\n<v" + " " * 20_000)[0].words
    assert as_markdown("Before <!-- gone --> after " + "<!-- " * 30_000) == "Before after"
