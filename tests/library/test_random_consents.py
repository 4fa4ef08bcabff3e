"""Whatever coaches and a client do, in whatever order: nothing is shown that the client did not agree to.

Every word written is one of a kind, so that it is known again wherever it turns up. What was agreed to is what stood on
the page that the client had before them, not what the portal says of it. Each run lives a few short lives;
PORTAL_CONSENTS=200 makes them many.
"""

from __future__ import annotations

import os
import re
from contextlib import suppress
from datetime import timedelta
from itertools import count

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import select

from portal.accounts.models import Member
from portal.core.admission import Audience
from portal.core.clock import now
from portal.core.db import db, transaction
from portal.core.errors import Refusal
from portal.core.limits import limiter
from portal.core.search import SearchDoc
from portal.library import answering, consenting, publishing, stories
from portal.library.consent_models import Consent, Naming, Place
from portal.library.models import Nugget
from portal.topics import following
from portal.topics.models import Topic

LIVES = int(os.environ.get("PORTAL_CONSENTS", "15"))
FIELDS = ("title", "summary", "problem", "situation", "change", "result", "lesson", "practice_type")
TEASER = {"title", "summary", "problem", "practice_type"}  # what visitors see where only members may read
WORD = re.compile(r"wordno\d+x")
MARIA = {"name": "Maria Alvarez", "email": "maria@example.net", "role": "the owner of a dental practice"}

fields = st.sampled_from(FIELDS)
namings = st.sampled_from(list(Naming))
places = st.sets(st.sampled_from(list(Place)), min_size=1)


def test_no_sequence_ever_shows_what_was_not_agreed_to(app, make, people, browse, clock, outbox, work_off):
    topic = make.topic()
    with app.app_context(), transaction():
        following.follow(db.session.get_one(Topic, topic.id), by=db.session.get_one(Member, people.alice.id))
    visitor, alice = browse(), browse(people.alice)
    numbers = count(1)

    class Life(RuleBasedStateMachine):
        def __init__(self):
            super().__init__()
            self.field_of = {}  # every word ever written, and where
            self.begin()

        def begin(self):
            """A new story, with a new client."""
            word = self.word("title")
            self.nugget = make.nugget(f"A story {word}", published=False, topics=[topic])
            self.slug = self.nugget.slug
            self.link = self.own = self.seen = None
            self.agreed, self.naming, self.places = set(), None, set()
            outbox.clear()
            limiter.reset()
            self.do(self.say_everything)

        def say_everything(self, nugget):
            """A word of its own in every field, so that each of them is seen wherever it turns up."""
            words = {field: f"Words {self.word(field)}" for field in FIELDS}
            stories.write(nugget, stories.story(stories.written(nugget).kept | words))

        def teardown(self):
            """The next life begins with an empty library."""
            with app.app_context(), transaction():
                out = Nugget.published_at.is_not(None), Nugget.withdrawn_at.is_(None)
                for nugget in db.session.scalars(select(Nugget).where(*out)):
                    publishing.withdraw(nugget, because="The life is over", by=self.cory())
            work_off()

        def word(self, field):
            word = f"wordno{next(numbers)}x"
            self.field_of[word] = field
            return word

        def do(self, act):
            """As a request would: all of it or nothing; True if no rule said no."""
            try:
                with app.app_context(), transaction():
                    return act(db.session.get_one(Nugget, self.nugget.id)) is not False
            except Refusal:
                return False

        def cory(self):
            return db.session.get_one(Member, people.cory.id)

        def read_mail(self):
            """Let the letters go, and keep the newest links of the client."""
            work_off()
            for letter in outbox:
                for name, before in (("link", "/consent/"), ("own", "/consent/yours/")):
                    found = re.search(re.escape(before) + r"(pfn_[\w-]+)", letter.body)
                    if found:
                        setattr(self, name, found.group(1))
                if letter.recipients == [people.alice.email]:
                    told = set(WORD.findall(letter.body + (letter.html or "") + letter.subject))
                    assert told <= self.agreed, "a letter quotes what was not agreed to"
                    assert not told or Place.MAIL in self.places, "a letter quotes what may not be mailed"
            outbox.clear()

        @initialize(is_told=st.sampled_from([True, True, False]), naming=namings, places=places)
        def start(self, is_told, naming, places):
            """Most lives begin with a story that its client agreed to and that is out."""
            if is_told:
                self.tell_it_well(naming, places | {Place.MEMBERS})

        # What coaches do

        @rule(some=st.lists(fields, min_size=1, max_size=3))
        def write(self, some):
            words = {field: f"Words {self.word(field)}" for field in some}
            self.do(lambda nugget: stories.write(nugget, stories.story(stories.written(nugget).kept | words)))

        @rule()
        def write_past_the_rule(self):
            """Code that knows nothing of consents: refused where the story is out, harmless where it is not."""
            word = self.word("summary")

            def change(nugget):
                nugget.summary = f"Words {word}"

            with suppress(RuntimeError):
                self.do(change)

        @rule()
        def ask(self):
            if self.do(lambda nugget: consenting.ask(nugget, **MARIA, by=self.cory())):
                self.read_mail()

        @rule()
        def cancel(self):
            self.do(lambda nugget: consenting.cancel(consenting.open_of(nugget) or _nothing(), by=self.cory()))

        @rule(later=st.booleans(), announce=st.booleans())
        def publish(self, later, announce):
            at = now() + timedelta(hours=1) if later else None
            self.do(lambda nugget: publishing.publish(nugget, at=at, announce=announce, by=self.cory()))

        @rule()
        def take_down(self):
            self.do(lambda nugget: publishing.withdraw(nugget, because="For now", by=self.cory()))

        @rule()
        def bring_back(self):
            self.do(lambda nugget: nugget.published_at and publishing.bring_back(nugget, by=self.cory()))

        @rule()
        def unschedule(self):
            self.do(lambda nugget: publishing.unschedule(nugget, by=self.cory()))

        @rule()
        def declare(self):
            """Only where no client was asked; the coach answers for these words."""
            said = set()

            def declaring(nugget):
                consenting.declare(nugget, by=self.cory())
                said.update(WORD.findall(stories.written(nugget).words))

            if self.do(declaring):
                self.agreed, self.naming, self.places = said, Naming.DISGUISED, {Place.MEMBERS, Place.AIR, Place.MAIL}

        @rule()
        def an_hour_passes(self):
            clock.shift(timedelta(hours=1, minutes=1))
            self.read_mail()

        @rule(naming=namings, places=places)
        def tell_it_well(self, naming, places):
            """The whole way at once, so that a short life gets far."""
            self.ask()
            if self.link:
                self.open_the_letter()
            if self.seen:
                self.agree(naming, places)
            self.publish(later=False, announce=True)
            self.read_mail()

        # What the client does, with whatever page is before them

        @precondition(lambda self: self.link)
        @rule()
        def open_the_letter(self):
            page = visitor.get(f"/consent/{self.link}")
            found = re.search(r'name="sha256"[^>]*value="(\w+)"', page.text)
            if found:
                words = page.text[page.text.index("<article") : page.text.index("</article>")]
                self.seen = (self.link, found.group(1), set(WORD.findall(words)))

        @precondition(lambda self: self.seen)
        @rule(naming=namings, places=places)
        def agree(self, naming, places):
            link, sha256, words = self.seen
            data = {"naming": naming.value, "places": [place.value for place in places], "sha256": sha256}
            before = self.states()
            answer = visitor.post(f"/consent/{link}/agreement", data=data)
            if answer.status_code == 303 and before != self.states():
                self.agreed, self.naming, self.places = words, naming, set(places)
                self.read_mail()

        @precondition(lambda self: self.link)
        @rule(what=st.sampled_from(["wish", "refusal"]))
        def say_no(self, what):
            visitor.post(f"/consent/{self.link}/{what}", data={"wish": "Other words, please."})

        @precondition(lambda self: self.own)
        @rule(naming=namings, places=places)
        def choose_anew(self, naming, places):
            data = {"naming": naming.value, "places": [place.value for place in places]}
            if visitor.post(f"/consent/yours/{self.own}/choice", data=data).status_code == 303:
                self.naming, self.places = naming, set(places)

        @precondition(lambda self: self.own)
        @rule()
        def take_back(self):
            if visitor.post(f"/consent/yours/{self.own}/withdrawal").status_code == 303:
                self.agreed, self.naming, self.places = set(), None, set()
                self.read_mail()
                self.look()
                self.begin()

        def states(self):
            with app.app_context():
                return db.session.execute(
                    select(Consent.id, Consent.state).where(Consent.nugget_id == self.nugget.id)
                ).all()

        # What must hold after each of it

        @invariant()
        def look(self):
            for who, browser in ((Audience.ANYONE, visitor), (Audience.ENTITLED, alice)):
                pages = [browser.get(path).text for path in (f"/library/{self.slug}", "/nuggets")]
                pages += [browser.get(f"/topics/{topic.slug}").text, browser.get("/").text]
                with app.app_context():
                    audiences = [Audience.ANYONE, who]
                    docs = select(SearchDoc.title, SearchDoc.body).where(SearchDoc.audience.in_(audiences))
                    pages += [f"{title} {body}" for title, body in db.session.execute(docs)]
                self.check(" ".join(pages), is_member=who is Audience.ENTITLED)

        def check(self, text, *, is_member):
            shown = set(WORD.findall(text))
            may = set(self.agreed) if self.places & {Place.MEMBERS, Place.PUBLIC} else set()
            if not is_member and Place.PUBLIC not in self.places:
                may = {word for word in may if self.field_of[word] in TEASER}
            assert shown <= may, f"shows {[(w, self.field_of[w], is_member) for w in shown - may]}"
            assert "Alvarez" not in text or self.naming is Naming.FULL
            assert "Maria" not in text or self.naming in {Naming.FULL, Naming.FIRST}

    run_state_machine_as_test(
        Life,
        settings=settings(
            max_examples=LIVES,
            stateful_step_count=30,
            deadline=None,
            phases=[Phase.generate],  # a life that fails is short enough to read; making it shorter takes minutes
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


def _nothing():
    raise answering.AnsweredAlready()
