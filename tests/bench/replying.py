"""What a reply costs: members who write, each in their own browser, beside a floor that puts one row on the disk."""

from __future__ import annotations

import hashlib
import secrets
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from flask import Flask, session
from flask_wtf.csrf import generate_csrf

from portal.accounts.models import Device
from portal.core.clock import now
from portal.core.db import db, transaction
from tests.bench import filling
from tests.bench.serving import Form, Measured, Server, middle

WRITERS = 60  # nobody may post more than sixty times in ten minutes, so many write a little
BODY = (
    "Last week we tried exactly that. **Two seats** changed hands, and nobody missed the old way.\n\n- first\n- then\n"
)
TURNS = 9


class Writers:
    """Members with a signed-in browser each, and forms that only they can send."""

    def __init__(self, app: Flask) -> None:
        self._app = app
        self._sent = 0
        self._browsers = [self._sign_in(number) for number in range(2, WRITERS + 2)]

    def replies(self, count: int) -> list[Form]:
        """Replies to as many threads, of one member after the other; no two are the same."""
        return [self._reply() for _ in range(count)]

    def _reply(self) -> Form:
        self._sent += 1
        cookie, token = self._browsers[self._sent % WRITERS]
        fields = {"csrf_token": token, "body": f"{BODY}\n{self._sent}", "send_key": secrets.token_urlsafe(16)}
        return Form(f"/threads/{self._sent % 2000 + 2}/posts", fields, cookie)

    def _sign_in(self, member_id: int) -> tuple[str, str]:
        token = f"{filling.TOKEN}-{member_id}"
        with self._app.app_context(), transaction():
            self._remember(member_id, token)
        with self._app.test_request_context(base_url="https://bench.example"):
            session["_user_id"], session["_fresh"], session.permanent = token, True, True
            csrf = generate_csrf()
            signed = self._app.session_interface.get_signing_serializer(self._app).dumps(dict(session))
        return f"{self._app.config['SESSION_COOKIE_NAME']}={signed}", csrf

    def _remember(self, member_id: int, token: str) -> None:
        digest = hashlib.sha256(token.encode()).hexdigest()
        until = now() + timedelta(days=30)
        db.session.add(Device(member_id=member_id, token_hash=digest, label="bench", expires_at=until))


def beside(portal: Server, floor: Server, writers: Writers, count: int) -> tuple[Measured, Measured]:
    """A reply of ours and one row of the floor's, in short turns; the turn with the middle ratio."""
    portal.send(writers.replies(40))
    each = count // 3
    form = Form("/threads/1/posts", {"body": BODY}, floor.cookie)
    return middle([(portal.send(writers.replies(each)), floor.send([form] * each)) for _ in range(TURNS)])


def while_written(portal: Server, writers: Writers, path: str, count: int) -> Measured:
    """A thread's page for fourteen readers at once while two write."""
    with ThreadPoolExecutor(1) as beside_it:
        written = beside_it.submit(portal.send, writers.replies(count // 4), at_once=2)
        read = portal.load([path], count=count, at_once=14)
        read.bad += written.result().bad
    return read
