"""Builders: they show what matters to a test and hide the rest. Each really commits, in a transaction of its own."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from io import BytesIO
from itertools import count
from threading import Barrier
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from portal.accounts.models import Member, Role
from portal.core.clock import now
from portal.core.db import db, transaction

PASSWORD = "a calm and private place"
_numbers = count(1)


@dataclass
class People:
    """The cast of the tests."""

    alice: Member  # a member by grant, in good standing
    bob: Member  # another member
    lena: Member  # her membership has lapsed
    sam: Member  # an account, nothing paid
    mo: Member  # moderates
    cory: Member  # coaches
    olga: Member  # owns the site


class Make:
    def __init__(self, app: Flask) -> None:
        self.app = app

    @contextmanager
    def _saved(self) -> Iterator[None]:
        with self.app.app_context(), transaction():
            yield

    def member(self, name: str = "", *, role: Role = Role.MEMBER, entitled: bool = False, **more: Any) -> Member:
        """A confirmed account; `entitled=True` adds a grant without end."""
        with self._saved():
            member = self._account(name, role, **more)
            db.session.flush()
            if entitled:
                self._grant(member)
        return member

    def _account(self, name: str, role: Role = Role.MEMBER, **more: Any) -> Member:
        number = next(_numbers)
        name = name or f"Member {number}"
        handle = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") + ("" if name in _CAST else f"-{number}")
        values: dict[str, Any] = {
            "email": f"{handle}@example.com",
            "handle": handle,
            "confirmed_at": now() - timedelta(days=30),
            "password_hash": None,
        } | more
        member = Member(name=name, role=role, **values)
        db.session.add(member)
        return member

    def _grant(self, member: Member, until: Any = None) -> None:
        from portal.billing.models import Grant

        db.session.add(Grant(member_id=member.id, source="complimentary", because="test", until=until))

    def people(self) -> People:
        """In one transaction: nearly every test begins with them."""
        with self._saved():
            people = People(
                lena=self._account("Lena"),
                alice=self._account("Alice"),
                bob=self._account("Bob"),
                sam=self._account("Sam"),
                mo=self._account("Mo", Role.MODERATOR),
                cory=self._account("Cory", Role.COACH),
                olga=self._account("Olga", Role.OWNER),
            )
            db.session.flush()
            self._grant(people.lena, until=now() - timedelta(days=3))
            self._grant(people.alice)
            self._grant(people.bob)
        return people

    def profile(self, who: Member, **said: Any) -> None:
        """What somebody says about themselves, as their profile's form would keep it; `shown` is what members see."""
        from portal.practices.describing import describe

        with self._saved():
            describe(db.session.get_one(Member, who.id), **({"name": who.name} | said))

    def photo(self, who: Member, content: bytes = b"") -> str:
        """A photo of somebody, taken in as from the form; returns the token in its address."""
        from portal.practices import photos
        from portal.practices.models import Photo

        with self.app.app_context():
            drawn = photos.draw(BytesIO(content or picture()), name="me.jpg", declared="image/jpeg")
        with self._saved():
            member = db.session.get_one(Member, who.id)
            photos.keep(member, drawn)
            return db.session.scalars(select(Photo.token).where(Photo.member_id == member.id)).one()

    def room(self, title: str = "Leading people", **more: Any) -> Any:
        """A room open to members."""
        from portal.conversations.models import Room

        number = next(_numbers)
        with self._saved():
            room = Room(**({"slug": f"room-{number}", "title": title, "purpose": "For hard conversations."} | more))
            db.session.add(room)
        return room

    def circle(self, *named: Member, title: str = "The circle", hosts: Sequence[Member] = (), **more: Any) -> Any:
        """A closed circle of these people."""
        from portal.conversations.models import RoomKind, RoomMember

        room = self.room(title, kind=RoomKind.CIRCLE, **more)
        with self._saved():
            for who in [*named, *hosts]:
                host_since = now() if who in hosts else None
                db.session.add(RoomMember(room_id=room.id, member_id=who.id, host_since=host_since))
        return room

    def thread(self, *, by: Member, posts: int = 1, room: Any = None, title: str = "A question", body: str = "") -> Any:
        """A thread that somebody began, with `posts` posts of theirs in all."""
        from portal.conversations import posting
        from portal.conversations.models import Room

        room = room or self.room()
        with self._saved():
            author = db.session.get_one(Member, by.id)
            thread = posting.start(
                db.session.get_one(Room, room.id), title=title, body=body or "What would you do?", by=author
            )
            for number in range(2, posts + 1):
                posting.reply(thread, body=f"Post number {number}.", by=author)
            db.session.refresh(thread)
        return thread

    def reply(self, thread: Any, *, by: Member, body: str = "I would ask her.") -> Any:
        """A post in a thread, which search finds as soon as it does."""
        from portal.conversations import finding, posting
        from portal.conversations.models import Thread

        with self._saved():
            said = posting.reply(db.session.get_one(Thread, thread.id), body=body, by=db.session.get_one(Member, by.id))
        with self.app.app_context():
            finding.find_post(said.id)
        return said

    def attached(self, thread: Any, *, by: Member, name: str = "Plan.pdf", content: bytes = b"") -> Any:
        """A file beside a reply of theirs."""
        from werkzeug.datastructures import FileStorage

        from portal.conversations import attaching
        from portal.conversations.models import Post

        post = self.reply(thread, by=by, body=f"See {name}.")
        with self.app.app_context():
            (file,) = attaching.arrive([FileStorage(BytesIO(content or PDF), name)], place="thread", by=by)
        with self._saved():
            attaching.attach(db.session.get_one(Post, post.id), [file.id], alts={}, by=by)
        return file

    def password(self, who: Member, password: str = PASSWORD) -> str:
        """Give somebody a password they can really sign in with; returns it."""
        with self._saved():
            db.session.get_one(Member, who.id).password_hash = _hashed(password)
        return password

    def second_factor(self, who: Member) -> tuple[str, list[str]]:
        """Two-step sign-in as if set up a while ago: the secret of the app, and ten recovery codes."""
        from portal.accounts import two_step
        from portal.accounts.models import Authenticator

        with self._saved():
            member = db.session.get_one(Member, who.id)
            two_step.begin(member)
            app = db.session.query(Authenticator).filter_by(member_id=who.id).one()
            app.confirmed_at = now()
            return app.secret, two_step._new_codes(member)

    def strong(self, who: Member) -> None:
        """As if a second factor stood behind each of their sign-ins so far, which the pages for staff ask for."""
        from portal.accounts.models import Device

        with self._saved():
            db.session.query(Device).filter_by(member_id=who.id).update({"strong_at": now()})

    def link(self, who: Member, purpose: str = "reset") -> str:
        """The token of a mailed link, as its letter carries it."""
        from portal.accounts import links
        from portal.accounts.models import Purpose

        with self._saved():
            return links.issue(db.session.get_one(Member, who.id), Purpose(purpose))[0]

    def topic(self, title: str = "Role clarity", **more: Any) -> Any:
        """A subject of the library."""
        from portal.topics.models import Topic

        with self._saved():
            topic = Topic(**({"slug": title.lower().replace(" ", "-"), "title": title} | more))
            db.session.add(topic)
        return topic

    def tool(
        self, title: str = "Role card", *, file: str | None = "Role card.pdf", content: bytes = b"", **more: Any
    ) -> Any:
        """A published tool with one file; `content` is what stands in it."""
        from portal.library.models import Tool

        return self.item(Tool, title, files={file: content or PDF} if file else {}, **more)

    def item(
        self,
        kind: Any,
        title: str,
        *,
        files: dict[str, bytes] | None = None,
        body: str = "How to fill it in.",
        topics: Sequence[Any] = (),
        published: bool = True,
        at: Any = None,
        places: Sequence[str] = ("members",),
        **more: Any,
    ) -> Any:
        """Something in the library, of any kind; `published=False` leaves it a draft."""
        from portal.core import taking_in
        from portal.library import publishing
        from portal.library.models import Nugget
        from portal.topics.models import Topic

        slug = f"{re.sub(r'[^a-z0-9]+', '-', title.lower()).strip('-')}-{next(_numbers)}"
        with self.app.app_context():
            kept = [taking_in.keep(BytesIO(content), name=name) for name, content in (files or {}).items()]
        with self._saved():
            item = kind(**({"slug": slug, "title": title, "summary": f"What {title} is for."} | more))
            publishing.write(item, body)
            item.topics = [db.session.get_one(Topic, topic.id) for topic in topics]
            db.session.add(item)
            if kept:
                publishing.add_version(item, files=kept)
            if published and isinstance(item, Nugget):
                self._consent_to(item, places)
            if published:
                publishing.publish(item, at=at or now() - timedelta(minutes=1))
            db.session.flush()
            db.session.refresh(item)
        return item

    def _consent_to(self, nugget: Any, places: Sequence[str]) -> None:
        """As if its client had agreed to it as it is, without a name; or it is declared a composite."""
        from portal.library import consenting, stories
        from portal.library.consent_models import Consent, ConsentState, Naming

        if nugget.composite:
            consenting.declare(nugget, by=None)
            return
        db.session.flush()
        words = stories.written(nugget)
        lines = consenting.lines_for(words, name="Maria Alvarez", role="the owner of a dental practice")
        consent = Consent(
            nugget_id=nugget.id,
            state=ConsentState.AGREED,
            story=words.kept,
            lines=lines,
            words_sha256=words.sha256,
            told_sha256=words.told_sha256,
            sha256=words.sha256_with(lines[Naming.DISGUISED]),
            naming=Naming.DISGUISED,
            places=list(places),
            client_name="Maria Alvarez",
            client_email="maria@example.net",
            client_role="the owner of a dental practice",
            ask_hash=secrets.token_hex(32),
            keep_hash=secrets.token_hex(32),
            answered_at=now(),
        )
        db.session.add(consent)

    def nugget(self, title: str = "The surgeon who gave back the title", **more: Any) -> Any:
        """A published story in three parts, as its client agreed to it; `places` says where it may be told."""
        from portal.library.models import Nugget

        parts = {
            name: {"source": f"The {name} of it.", "html": f"<p>The {name} of it.</p>"}
            for name in ("situation", "change", "result")
        }
        return self.item(Nugget, title, **({"parts": parts} | more))

    def episode(self, title: str = "What a seat is for", *, content: bytes = b"", **more: Any) -> Any:
        """A published episode with audio; `guests` are their names, or name, role and link."""
        from portal.library.models import Episode, Guest

        guests = [Guest(name=guest) if isinstance(guest, str) else Guest(**guest) for guest in more.pop("guests", [])]
        values = {"number": next(_numbers), "aired_on": now().date(), "guests": guests} | more
        return self.item(Episode, title, files={f"{title}.mp3": content or MP3}, **values)

    def edition(self, item: Any, *, file: str = "Role card.pdf", content: bytes = b"", note: str = "") -> Any:
        """A newer edition of an item's file."""
        from portal.core import taking_in
        from portal.library import publishing
        from portal.library.models import Item

        with self.app.app_context():
            kept = taking_in.keep(BytesIO(content or PDF + b" "), name=file)
        with self._saved():
            return publishing.add_version(db.session.get_one(Item, item.id), files=[kept], note=note)

    def path(self, title: str = "The first ninety days", *, items: Sequence[Any] = (), published: bool = True) -> Any:
        """A path over these items, in this order."""
        from portal.library import paths
        from portal.library.models import Item

        with self._saved():
            path = paths.create(title=title, summary=f"What {title} is for.")
            paths.put_in_order(path, [db.session.get_one(Item, item.id) for item in items])
            if published:
                paths.publish(path)
        return path


PDF = b"%PDF-1.4\n" + bytes(range(256)) * 40 + b"\n%%EOF\n"
MP3 = b"ID3\x03\x00\x00\x00\x00\x00\x00" + (b"\xff\xfb\x90\x00" + bytes(413)) * 60  # sixty silent frames


def picture(width: int = 400, height: int = 300, *, kind: str = "JPEG", mode: str = "RGB", **saving: Any) -> bytes:
    """A picture as a camera would send it, of one colour."""
    from PIL import Image

    out = BytesIO()
    Image.new(mode, (width, height), "teal" if mode not in {"L", "1"} else 128).save(out, kind, **saving)
    return out.getvalue()


@cache
def _hashed(password: str) -> str:
    from portal.accounts import passwords

    return passwords.hashed(password)


def again(row: Any) -> Any:
    """The same row, read in the session that is open here."""
    return db.session.get_one(type(row), row.id)


def at_once(times: int, do: Callable[[int], Any]) -> list[Any]:
    """Call `do(0)`, `do(1)`, … in as many threads, released together; what each returned, or what it raised."""
    gate = Barrier(times)

    def run(number: int) -> Any:
        gate.wait()
        try:
            return do(number)
        except Exception as error:  # noqa: BLE001  # the test looks at it
            return error

    with ThreadPoolExecutor(times) as threads:
        return list(threads.map(run, range(times)))


_CAST = {"Alice", "Bob", "Lena", "Sam", "Mo", "Cory", "Olga"}


def browser(app: Flask, who: Member | None) -> FlaskClient:
    """A test client that keeps cookies and puts the CSRF token of its session into every form it sends."""
    client = _Browser(app, app.response_class, use_cookies=True)
    if who is not None:
        client.sign_in(who)
    return client


class _Browser(FlaskClient):
    def sign_in(self, who: Member) -> None:
        """A device row as signing in with a second factor makes it, without the slow hash."""
        from portal.accounts.signing_in import open_device

        with self.application.app_context(), transaction():
            token = open_device(db.session.get_one(Member, who.id), user_agent="test", strong=True)
        with self.session_transaction() as session:
            session["_user_id"] = token
            session["_fresh"] = True

    def post(self, *args: Any, csrf: bool = True, **kwargs: Any) -> Any:
        if csrf and "data" in kwargs and isinstance(kwargs["data"], dict) and "csrf_token" not in kwargs["data"]:
            kwargs["data"] = kwargs["data"] | {"csrf_token": self.csrf_token()}
        elif csrf and not {"data", "json"} & kwargs.keys():
            kwargs["data"] = {"csrf_token": self.csrf_token()}
        return super().post(*args, **kwargs)

    def csrf_token(self) -> str:
        """The token a form of this session carries."""
        from flask_wtf.csrf import generate_csrf

        with self.application.test_request_context():
            from flask import session as flask_session

            with self.session_transaction() as session:
                flask_session.update(session)
                token = generate_csrf()
                session["csrf_token"] = flask_session["csrf_token"]
        return token
