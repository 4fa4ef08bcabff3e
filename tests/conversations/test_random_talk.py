"""Five people talk, take back, read, follow, hold, hide, move and join threads at random. Unread counts, order,
counters and search always equal a plain model that keeps every post and who has read it.

Small in every run; PORTAL_TALKS=200 tries that many lives.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count

import pytest
from hypothesis import HealthCheck, settings
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

from portal.conversations import following, holding, moving, posting, reading, taking_back
from portal.conversations.models import Hold, Level, Post, Room, Thread
from portal.core import jobs, search
from portal.core.admission import Audience
from portal.core.clock import now
from portal.core.db import db, transaction
from portal.moderation import carrying_out, ruling
from tests.make import again

NAMES = ["alice", "bob", "mo", "cory", "olga"]
TALKS = int(os.environ.get("PORTAL_TALKS", "6"))
people_ = st.sampled_from(NAMES)
some = st.integers(0, 10_000)
levels = st.sampled_from(list(Level))


@dataclass(eq=False)
class Said:
    """A post in the model: whose, what word stands in it, and who has read it."""

    id: int
    by: str
    word: str
    read_by: set[str]
    hidden: bool = False
    held: bool = False  # hidden until a moderator has looked
    gone_at: datetime | None = None


@dataclass(eq=False)
class Talk:
    """A thread in the model."""

    id: int
    room: int
    by: str
    posts: list[Said] = field(default_factory=list)
    hidden: bool = False
    held: bool = False
    taken_back: bool = False  # with the only post in it
    woken: int = 0  # the turn at which somebody last spoke in it
    levels: dict[str, Level] = field(default_factory=dict)


class Talking(RuleBasedStateMachine):
    app = make = None  # given by the test

    @initialize()
    def begin(self):
        from tests.conftest import _empty

        with self.app.app_context():
            _empty()
        cast = self.make.people()
        self.who = {name: getattr(cast, name) for name in NAMES}
        self.rooms = [self.make.room(f"Room {n}", position=n) for n in (1, 2)]
        self.talks: list[Talk] = []
        self.gone: dict[int, Talk] = {}  # address of a joined thread -> where its posts stand
        self.room_levels: dict[tuple[str, int], Level] = {}
        self.mutes: set[tuple[str, str]] = set()
        self.marks: dict[str, tuple] = {}  # the last one of each, and what was unread before it
        self.turn, self.words = count(1), count(1)

    # What people do

    @rule(who=people_, room=some)
    def start(self, who, room):
        kept = self.rooms[room % len(self.rooms)]
        word = self._word()
        with self._doing():
            thread = posting.start(again(kept), title=f"About {word}", body=f"{word} it is.", by=self._me(who))
            first = db.session.scalars(select(Post.id).where(Post.thread_id == thread.id)).one()
        talk = Talk(thread.id, kept.id, who, [Said(first, who, word, {who})], woken=next(self.turn))
        talk.levels[who] = Level.ALL
        self.talks.append(talk)

    @precondition(lambda self: self._open())
    @rule(who=people_, which=some)
    def reply(self, who, which):
        talk, word = self._pick(self._open(), which), self._word()
        with self._doing():
            post = posting.reply(self._thread(talk), body=f"{word} too.", by=self._me(who))
        talk.posts.append(Said(post.id, who, word, {who}))
        talk.woken = next(self.turn)
        talk.levels.setdefault(who, Level.ALL)

    @precondition(lambda self: self._open())
    @rule(who=people_, which=some, number=some)
    def read(self, who, which, number):
        talk = self._pick(self._open(), which)
        number = 1 + number % len(talk.posts)
        with self._doing():
            reading.see(self._thread(talk), up_to=number, by=self._me(who))
        # Numbers say how far: whoever read to the fifth has passed the four before it, unless they read farther before.
        for said in talk.posts[:number]:
            self._reads(who, said)

    @precondition(lambda self: self._open())
    @rule(who=people_, which=some, number=some)
    def put_back(self, who, which, number):
        talk = self._pick(self._open(), which)
        number = 1 + number % len(talk.posts)
        with self._doing():
            reading.put_back(self._thread(talk), to=number, by=self._me(who))
        for place, said in enumerate(talk.posts, 1):
            if place < number:
                self._reads(who, said)
            elif said.by != who:
                said.read_by.discard(who)

    @rule(who=people_, room=some, both=st.booleans())
    def mark_all(self, who, room, both):
        rooms = self.rooms if both else [self.rooms[room % len(self.rooms)]]
        with self._doing():
            until = now()
            reading.mark_rooms([again(kept) for kept in rooms], until=until, by=self._me(who))
        ids = {kept.id for kept in rooms}
        found = [said for talk in self.talks if talk.room in ids for said in talk.posts]
        self.marks[who] = until, {said for said in found if who not in said.read_by}
        for said in found:
            said.read_by.add(who)

    @precondition(lambda self: self.marks)
    @rule(which=some)
    def undo_mark(self, which):
        who = sorted(self.marks)[which % len(self.marks)]
        until, only_marked = self.marks.pop(who)
        with self._doing():
            reading.undo_marks(until, by=self._me(who))
        for said in only_marked:
            said.read_by.discard(who)

    @precondition(lambda self: self._open())
    @rule(which=some, place=some)
    def hide_or_restore_a_post(self, which, place):
        talk = self._pick(self._open(), which)
        said = talk.posts[place % len(talk.posts)]
        if said.gone_at:
            with pytest.raises(carrying_out.TakenBack), self._doing():
                ruling.restore(db.session.get_one(Post, said.id), because="So.", by=self._me("olga"))
            return
        with self._doing():
            do = ruling.restore if said.hidden and not said.held else ruling.hide
            do(db.session.get_one(Post, said.id), because="So.", by=self._me("olga"))
        said.hidden, said.held = said.held or not said.hidden, False

    @precondition(lambda self: self.talks)
    @rule(which=some, place=some)
    def hold_or_release_a_post(self, which, place):
        talk = self._pick(self.talks, which)
        said = talk.posts[place % len(talk.posts)]
        with self._doing():
            post = db.session.get_one(Post, said.id)
            stood = not (said.hidden or said.gone_at)
            assert holding.release(post) if said.held else holding.hold(post, Hold.WORDS) == stood
        said.hidden, said.held = (False, False) if said.held else (said.hidden or stood, stood)

    @precondition(lambda self: self.talks)
    @rule(which=some)
    def hold_or_release_a_thread(self, which):
        talk = self._pick(self.talks, which)
        with self._doing():
            thread, stood = self._thread(talk), not talk.hidden
            assert holding.release(thread) if talk.held else holding.hold(thread, Hold.NEWCOMER) == stood
        if talk.held:  # what its author took back while it waited stays gone
            talk.hidden = talk.taken_back = len(talk.posts) == 1 and talk.posts[0].gone_at is not None
        talk.hidden, talk.held = talk.hidden or stood, stood

    @precondition(lambda self: self.talks)
    @rule(which=some, place=some)
    def take_back(self, which, place):
        talk = self._pick(self.talks, which)
        said = talk.posts[place % len(talk.posts)]
        if said.gone_at or (said.hidden and not said.held):
            return
        with self._doing():
            taking_back.take_back(db.session.get_one(Post, said.id), by=self._me(said.by))
        said.gone_at = now()
        if len(talk.posts) == 1 and not talk.hidden:
            talk.hidden = talk.taken_back = True

    @rule(which=some)
    def undo_taking_back(self, which):
        soon = now() - taking_back.UNDO_FOR / 2
        found = [(t, s) for t in self.talks for s in t.posts if s.gone_at and s.gone_at > soon]
        if not found:
            return
        talk, said = self._pick(found, which)
        with self._doing():
            taking_back.undo(db.session.get_one(Post, said.id), by=self._me(said.by))
        said.gone_at = None
        if talk.taken_back:
            talk.hidden = talk.taken_back = False

    @precondition(lambda self: self.talks)
    @rule(which=some)
    def hide_or_restore_a_thread(self, which):
        talk = self._pick(self.talks, which)
        if talk.taken_back:
            with pytest.raises(carrying_out.TakenBack), self._doing():
                ruling.restore_thread(self._thread(talk), because="So.", by=self._me("olga"))
            return
        with self._doing():
            do = ruling.restore_thread if talk.hidden and not talk.held else ruling.hide_thread
            do(self._thread(talk), because="So.", by=self._me("olga"))
        talk.hidden, talk.held = talk.held or not talk.hidden, False

    @precondition(lambda self: self.talks)
    @rule(which=some)
    def move(self, which):
        talk = self._pick(self.talks, which)
        other = next(kept for kept in self.rooms if kept.id != talk.room)
        with self._doing():
            moving.move(self._thread(talk), to=again(other), by=self._me("mo"))
        talk.room = other.id
        self.marks.clear()  # what was marked is written down now, and undoing it says nothing of a thread that moved

    @precondition(lambda self: len(self._open()) > 1)
    @rule(one=some, other=some)
    def merge(self, one, other):
        found = self._open()
        talk = self._pick(found, one)
        into = self._pick([each for each in found if each is not talk], other)
        with self._doing():
            moving.merge(self._thread(talk), into=self._thread(into), by=self._me("mo"))
        into.posts += talk.posts
        into.woken = max(into.woken, talk.woken)
        into.levels = talk.levels | into.levels
        self.talks.remove(talk)
        self.gone = {old: into if at is talk else at for old, at in self.gone.items()} | {talk.id: into}
        self.marks.clear()

    @precondition(lambda self: self._open())
    @rule(who=people_, which=some, level=levels)
    def follow_thread(self, who, which, level):
        talk = self._pick(self._open(), which)
        with self._doing():
            following.choose(self._thread(talk), level, by=self._me(who))
        talk.levels[who] = level

    @rule(who=people_, room=some, level=levels)
    def follow_room(self, who, room, level):
        kept = self.rooms[room % len(self.rooms)]
        with self._doing():
            following.choose_for_room(again(kept), level, by=self._me(who))
        self.room_levels[who, kept.id] = level

    @rule(who=people_, whom=people_)
    def mute_or_unmute(self, who, whom):
        if who == whom:
            return
        muted = (who, whom) in self.mutes
        with self._doing():
            following.choose_for_person(self._me(whom), Level.MINE if muted else Level.NONE, by=self._me(who))
        self.mutes ^= {(who, whom)}

    # What is so after each of it

    @invariant()
    def what_is_unread_is_what_the_model_says(self):
        with self.app.app_context():
            for name in NAMES:
                member = self._me(name)
                counted = {count_.room_id: count_.count for count_ in reading.counts(member)}
                wanted = {kept.id: 0 for kept in self.rooms}
                by_thread = reading.in_threads(member, [talk.id for talk in self.talks])
                for talk in self.talks:
                    new = [place for place, said in enumerate(talk.posts, 1) if self._is_unread(name, talk, said)]
                    wanted[talk.room] += len(new)
                    found = by_thread.get(talk.id)
                    assert (found and (found.count, found.first)) == ((len(new), new[0]) if new else None), name
                    known = reading.thread_for(member, self._thread(talk).id)
                    assert (known[1] if known else None) == found
                assert counted == wanted, name

    @invariant()
    def threads_stand_in_order_with_all_their_posts(self):
        with self.app.app_context():
            for kept in self.rooms:
                rows = db.session.scalars(
                    select(Thread)
                    .where(Thread.room_id == kept.id, Thread.merged_into_id.is_(None))
                    .order_by(Thread.last_post_at.desc(), Thread.id.desc())
                ).all()
                model = sorted((t for t in self.talks if t.room == kept.id), key=lambda t: -t.woken)
                assert [row.id for row in rows] == [talk.id for talk in model]
                assert db.session.get_one(Room, kept.id).thread_count == sum(not talk.hidden for talk in model)
                for row, talk in zip(rows, model, strict=True):
                    posts = db.session.execute(
                        select(Post.number, Post.id).where(Post.thread_id == row.id).order_by(Post.number)
                    ).all()
                    assert [tuple(post) for post in posts] == [(n, s.id) for n, s in enumerate(talk.posts, 1)]
                    assert row.post_count == len(talk.posts)
            for old, talk in self.gone.items():
                assert db.session.get_one(Thread, old).merged_into_id == talk.id

    @invariant()
    def search_finds_what_may_be_read_and_where_it_stands(self):
        with self.app.app_context():
            jobs.work_off()
            for talk in self.talks:
                for place, said in enumerate(talk.posts, 1):
                    hits = search.search(said.word, audiences={Audience.ENTITLED}, kinds=["thread", "post"], most=200)
                    opens = place == 1
                    path = f"/threads/{talk.id}" if opens else f"/posts/{said.id}"
                    readable = not (talk.hidden or said.hidden or said.gone_at)
                    assert (path in [hit.path for hit in hits if said.word in str(hit.snippet)]) == readable

    def _reads(self, who, said):
        """One by one, so that undoing a mark does not take it back."""
        said.read_by.add(who)
        if who in self.marks:
            self.marks[who][1].discard(said)

    def _is_unread(self, name, talk, said):
        level = talk.levels.get(name) or self.room_levels.get((name, talk.room)) or Level.MINE
        return not (
            talk.hidden
            or said.hidden
            or said.gone_at
            or level is Level.NONE
            or (name, said.by) in self.mutes
            or name in said.read_by
        )

    def _open(self):
        return [talk for talk in self.talks if not talk.hidden]

    def _pick(self, found, which):
        return found[which % len(found)]

    def _word(self):
        return "word" + "".join(chr(97 + int(digit)) for digit in str(next(self.words)))

    def _me(self, name):
        return again(self.who[name])

    def _thread(self, talk):
        return db.session.get_one(Thread, talk.id)

    @contextmanager
    def _doing(self):
        with self.app.app_context(), transaction():
            yield


def test_unread_counts_order_and_search_equal_a_plain_model(app, make):
    Talking.app, Talking.make = app, make
    run_state_machine_as_test(
        Talking,
        settings=settings(
            max_examples=TALKS,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            database=None,
        ),
    )


def test_a_life_in_which_each_thing_happens_equals_it_as_well(app, make):
    """Of the few lives of every run chance may leave out a join or a move; this one has them all."""
    Talking.app, Talking.make = app, make
    life = Talking()
    life.begin()
    first, second = {"which": 0}, {"which": 1}
    for does, chosen in (
        (life.start, {"who": "alice", "room": 0}),
        (life.start, {"who": "bob", "room": 0}),
        (life.reply, first | {"who": "cory"}),
        (life.reply, second | {"who": "alice"}),
        (life.read, first | {"who": "olga", "number": 0}),
        (life.follow_thread, second | {"who": "mo", "level": Level.NONE}),
        (life.follow_room, {"who": "cory", "room": 1, "level": Level.ALL}),
        (life.mute_or_unmute, {"who": "olga", "whom": "bob"}),
        (life.merge, {"one": 0, "other": 0}),
        (life.put_back, first | {"who": "olga", "number": 1}),
        (life.mark_all, {"who": "cory", "room": 0, "both": True}),
        (life.undo_mark, first),
        (life.take_back, first | {"place": 3}),
        (life.undo_taking_back, first),
        (life.hide_or_restore_a_post, first | {"place": 1}),
        (life.hold_or_release_a_post, first | {"place": 2}),
        (life.start, {"who": "mo", "room": 1}),
        (life.mark_all, {"who": "bob", "room": 0, "both": False}),
        (life.move, first),
        (life.hide_or_restore_a_thread, first),
        (life.hold_or_release_a_thread, second),
        (life.hide_or_restore_a_thread, first),
        (life.hold_or_release_a_thread, second),
        (life.hold_or_release_a_post, first | {"place": 2}),
        (life.hide_or_restore_a_post, first | {"place": 1}),
        (life.merge, {"one": 1, "other": 0}),
    ):
        does(**chosen)
        life.what_is_unread_is_what_the_model_says()
        life.threads_stand_in_order_with_all_their_posts()
        life.search_finds_what_may_be_read_and_where_it_stands()
