"""Before words go out: what may tell who somebody is is marked, and what leaders write about every day is not."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from portal.conversations import identifying
from portal.conversations.identifying import Kind
from portal.conversations.models import Post
from portal.core.db import db

PLANTED = [
    ("I had to tell Mrs. O'Brien that we were late again.", "O'Brien", Kind.NAME),
    ("Our receptionist Maria Delgado cries in the break room.", "Maria Delgado", Kind.NAME),
    ("I fired Jake Morrison last Friday.", "Jake Morrison", Kind.NAME),
    ("Sarah-Jane called in sick for the fourth Monday.", "Sarah-Jane", Kind.NAME),
    ("My associate Dr. Patel wants more money.", "Patel", Kind.NAME),
    ("Her date of birth: 14 March 1961, so she is close to retiring.", "14 March 1961", Kind.BIRTH),
    ("She is in the system as 03/09/1974.", "03/09/1974", Kind.BIRTH),
    ("It is all in chart no. 4471-B20.", "4471-B20", Kind.RECORD),
    ("They asked for her SSN, 123-45-6789, on the phone.", "123-45-6789", Kind.RECORD),
    ("Call the mother on (555) 010-4477 if you doubt it.", "(555) 010-4477", Kind.PHONE),
    ("He wrote from j.doe@familydental.example again.", "j.doe@familydental.example", Kind.MAIL),
    ("MRN: 00482915 was double-booked.", "00482915", Kind.RECORD),
    ("NHS number 943 476 5919 is on the letter.", "943 476 5919", Kind.RECORD),
    ("A client named Zoë Castañeda threatened us.", "Zoë Castañeda", Kind.NAME),
    ("Ms Nguyen-Smith leaves in June.", "Nguyen-Smith", Kind.NAME),
    ("Patient: Maria Gonzales, 54, complained about the bill.", "Maria Gonzales", Kind.NAME),
    ("We let Susan Miller go on Friday.", "Susan Miller", Kind.NAME),
    ("Dr. Okonkwo, my senior associate, wants out.", "Okonkwo", Kind.NAME),
    ("Jennifer from billing keeps crying.", "Jennifer", Kind.NAME),
    ("Nurse Jackie Lopez forgot the consent twice.", "Jackie Lopez", Kind.NAME),
    ("I asked hygienist Dana Whitfield to stay on Fridays.", "Dana Whitfield", Kind.NAME),
    ("Paralegal Ruth missed the deadline.", "Ruth", Kind.NAME),
    ("Our assistant Imani Grove is late each Monday.", "Imani Grove", Kind.NAME),
    ("DOB 1958-11-02, and still she works five days.", "1958-11-02", Kind.BIRTH),
]
ORDINARY = [
    "We stopped stocking Amoxicillin and moved to Clindamycin for allergies.",
    "Half of our patients ask about Ozempic and Wegovy now.",
    "Has anybody read The Five Dysfunctions of a Team by Patrick Lencioni?",
    "Brené Brown writes that clear is kind.",
    "Atul Gawande’s The Checklist Manifesto changed how our assistants prepare rooms.",
    "We opened a second location in St. Louis and a third in Ann Arbor.",
    "The practice on Martin Luther King Boulevard closed.",
    "Our manager Monday meeting starts at 7:30.",
    "We moved from Dentrix to Open Dental in 2019.",
    "The partners met on 12 March 2026 and again on 04/15/2026.",
    "Chairs cost between 4,500 and 12,000 dollars each.",
    "Collections went from $1,200,000 to $1,450,000.",
    "I lead twenty-three people across two sites.",
    "The paralegals bill 1,400 to 1,600 hours a year.",
    "Voir dire took three days, and res judicata settled the rest.",
    "Roe v. Wade came up in a partner meeting.",
    "Smith & Jones LLP offered us a merger.",
    "Dr. Seuss is on the wall of the waiting room.",
    "May I ask how you word the offer letter?",
    "Will anyone share their role card?",
    "Grace and hope are not a plan.",
    "We mark what helped with a pencil.",
    "Our technicians use a 10-blade, and then a 15.",
    "Page 112-118 of the handbook says so.",
    "Between 2019 and 2024-2025 we grew by 40 percent.",
    "Open from 8:00 to 17:30, Monday to Thursday.",
    "Our hygienists asked for Fridays off.",
    "The front desk runs on Slack, and the assistants on Teams.",
    "Medicare pays 62.50 for it, and Medicaid 41.",
    "We were founded in 1987 and renovated in 2003.",
    "A case of burnout is not a case of laziness.",
    "Our nurses follow the Patient Bill of Rights.",
    "The patient experience survey had 1,208 answers.",
    "Version 3.11.4 of the software broke printing.",
    "See ISO 9001:2015 and ANSI/ADA 1050.",
    "I told the team that Q3 was our best quarter.",
    "The Mayo Clinic and Kaiser Permanente do it otherwise.",
    "Our account manager at Henry Schein sends samples.",
    "Client: Monday, 9:00, bring the numbers.",
    "The patient: Needs and wants are not the same.",
    "Dr. Atul Gawande, my favourite author, writes of checklists.",
    "We let Monday go and start on Tuesdays.",
    "Nobody from billing came, and nobody at the front desk noticed.",
    "Traction by Gino Wickman has the accountability chart.",
    "Lidocaine and Articaine both run out by Thursday.",
    "In Saint Paul the rent is lower than in Minneapolis.",
    "Two of ours go to the assistant Manager Academy in May.",
    "Our nurse Maple Grove Academy place costs us nothing.",
    "Has anybody watched Nurse Jackie?",
    "Nurse Practitioner Week is in November.",
    "The nurse Residency Program at County takes two a year.",
    "Is the Nurse Licensure Compact worth it for a practice at the border?",
    "Chief Nurse Officer is a title we do not need.",
    "Her paralegal Certificate Program ended in June.",
    "Paralegal Studies at Boston University takes two years.",
    "A good Paralegal Training Plan fits on one page.",
    "Our receptionist Training Manual is two pages long.",
    "Receptionist Interview Questions that worked for us",
    "Hygienist Bonus Plans: what do you pay?",
    "Hygienist Appreciation Week came and went.",
    "The hygienist Schedule Template is in the library.",
    "Our office manager Leadership Summit is in Denver.",
    "The practice manager Job Description is on the shared drive.",
    "Our front desk coordinator Certification costs 900 dollars.",
    "Dr. Martin Luther King Day is a holiday for our hygienists.",
    "Dr. Pepper is not lunch.",
    "Mr. Coffee stands in the break room, and nobody cleans it.",
    "Our technicians trained at Red Rocks Community College.",
    "Every nurse reads the Nurse Staffing Policy of her state.",
]


@pytest.mark.parametrize(("sentence", "words", "kind"), PLANTED)
def test_what_may_tell_who_somebody_is_is_marked(sentence, words, kind):
    assert [(mark.words, mark.kind) for mark in identifying.look(sentence)] == [(words, kind)]


@pytest.mark.parametrize("sentence", ORDINARY)
def test_what_leaders_write_every_day_is_not(sentence):
    assert identifying.look(sentence) == []


@pytest.mark.parametrize(
    "hostile", ["a@" * 10_000, "1" * 20_000, "my " * 6_000, "Jane " * 4_000, "1-" * 10_000, "A'" * 9_999]
)
def test_a_hostile_text_is_looked_at_to_its_end(hostile):
    assert isinstance(identifying.look(hostile), list)


def _posts(app):
    with app.app_context():
        return db.session.scalars(select(Post.body).order_by(Post.id)).all()


@pytest.mark.parametrize("where", ["reply", "new thread", "edit", "a tool"])
def test_alice_is_asked_once_more_and_posts_it_anyway(app, browse, people, make, where):
    room = make.room()
    thread = make.thread(by=people.alice, room=room, body="First words.")
    with app.app_context():
        own = db.session.scalars(select(Post.id)).one()
    path, more = {
        "reply": (f"/threads/{thread.id}/posts", {}),
        "new thread": (f"/rooms/{room.slug}/threads/new", {"title": "What now?", "kind": "question"}),
        "edit": (f"/posts/{own}/edit", {}),
        "a tool": (f"/library/{make.tool().slug}/thread", {"title": "What now?", "room": room.slug}),
    }[where]
    alice = browse(people.alice)
    words = more | {"body": "I fired Jake Morrison last Friday."}
    answer = alice.post(path, data=words)
    assert answer.status_code == 422
    assert "“Jake Morrison” looks like the name of somebody" in answer.text
    assert "I fired Jake Morrison last Friday.</textarea>" in answer.text
    assert _posts(app) == ["First words."]
    own_button = answer.text.index(
        'type="submit">', answer.text.index("form__actions" if where != "a tool" else "cluster")
    )
    assert own_button < answer.text.index('name="anyway"')  # which Enter in a field never means
    seen = answer.text.split('name="anyway" value="')[1].split('"')[0]
    other = alice.post(path, data=words | {"body": "I fired Sarah Miller last Friday.", "anyway": seen})
    assert other.status_code == 422
    assert alice.post(path, data=words | {"anyway": seen}).status_code == 303
    with app.app_context():
        assert db.session.scalars(select(Post.overrode).order_by(Post.id.desc())).first() == {"name": 1}
    assert _posts(app)[-1] == words["body"]


def test_the_title_of_a_thread_is_looked_at_as_its_words_are(browse, people, make):
    path, named = f"/rooms/{make.room().slug}/threads/new", {"title": "I fired Jake Morrison", "kind": "question"}
    answer = browse(people.alice).post(path, data=named | {"body": "Was that right?"})
    assert answer.status_code == 422
    assert "“Jake Morrison” looks like the name of somebody" in answer.text


def test_bob_mends_it_and_nobody_asks_again(app, browse, people, make):
    thread = make.thread(by=people.alice)
    bob, path = browse(people.bob), f"/threads/{thread.id}/posts"
    assert bob.post(path, data={"body": "My associate Dr. Patel wants more."}).status_code == 422
    assert bob.post(path, data={"body": "My associate wants more."}).status_code == 303


def test_counts_are_said_in_words():
    assert identifying.in_words(None) == ""
    assert identifying.in_words({"mail": 1}) == "1 mail address"
    assert (
        identifying.in_words({"phone": 1, "mail": 2, "name": 3}) == "3 names, 1 telephone number and 2 mail addresses"
    )
