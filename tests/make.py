"""Builders: they show what matters to a test and hide the rest. Each really commits, in a transaction of its own."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from itertools import count
from threading import Barrier
from typing import Any

from flask import Flask
from flask.testing import FlaskClient

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
        number = next(_numbers)
        name = name or f"Member {number}"
        handle = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") + ("" if name in _CAST else f"-{number}")
        values: dict[str, Any] = {
            "email": f"{handle}@example.com",
            "handle": handle,
            "confirmed_at": now() - timedelta(days=30),
            "password_hash": None,
        } | more
        with self._saved():
            member = Member(name=name, role=role, **values)
            db.session.add(member)
            db.session.flush()
            if entitled:
                self._grant(member)
        return member

    def _grant(self, member: Member, until: Any = None) -> None:
        from portal.billing.models import Grant

        db.session.add(Grant(member_id=member.id, source="complimentary", because="test", until=until))

    def people(self) -> People:
        lena = self.member("Lena")
        with self._saved():
            self._grant(lena, until=now() - timedelta(days=3))
        return People(
            alice=self.member("Alice", entitled=True),
            bob=self.member("Bob", entitled=True),
            lena=lena,
            sam=self.member("Sam"),
            mo=self.member("Mo", role=Role.MODERATOR),
            cory=self.member("Cory", role=Role.COACH),
            olga=self.member("Olga", role=Role.OWNER),
        )

    def room(self, title: str = "Leading people", **more: Any) -> Any:
        """A room open to members."""
        from portal.conversations.models import Room

        number = next(_numbers)
        with self._saved():
            room = Room(**({"slug": f"room-{number}", "title": title, "purpose": "For hard conversations."} | more))
            db.session.add(room)
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
        """A post in a thread."""
        from portal.conversations import posting
        from portal.conversations.models import Thread

        with self._saved():
            return posting.reply(db.session.get_one(Thread, thread.id), body=body, by=db.session.get_one(Member, by.id))

    def password(self, who: Member, password: str = PASSWORD) -> str:
        """Give somebody a password they can really sign in with; returns it."""
        with self._saved():
            db.session.get_one(Member, who.id).password_hash = _hashed(password)
        return password

    def link(self, who: Member, purpose: str = "reset") -> str:
        """The token of a mailed link, as its letter carries it."""
        from portal.accounts import links
        from portal.accounts.models import Purpose

        with self._saved():
            return links.issue(db.session.get_one(Member, who.id), Purpose(purpose))[0]


@cache
def _hashed(password: str) -> str:
    from portal.accounts import passwords

    return passwords.hashed(password)


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
        """A device row as signing in makes it, without the slow hash."""
        from portal.accounts.signing_in import open_device

        with self.application.app_context(), transaction():
            token = open_device(db.session.get_one(Member, who.id), user_agent="test")
        with self.session_transaction() as session:
            session["_user_id"] = token
            session["_fresh"] = True

    def post(self, *args: Any, csrf: bool = True, **kwargs: Any) -> Any:
        if csrf and "data" in kwargs and isinstance(kwargs["data"], dict) and "csrf_token" not in kwargs["data"]:
            kwargs["data"] = kwargs["data"] | {"csrf_token": self.csrf_token()}
        elif csrf and not kwargs:
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
