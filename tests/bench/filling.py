"""The full-size data set: 10,000 members, 200,000 posts, one thread of 10,000, one room of 50,000 threads, 500 items,
20,000 search documents, 2,000 flags. Bulk inserts; same numbers every time."""

from __future__ import annotations

import hashlib
import io
import random
import time
from collections.abc import Iterable, Iterator
from datetime import timedelta
from itertools import islice, product
from typing import Any

from flask import Flask
from sqlalchemy import Table, insert

from portal.accounts.models import Device, Member
from portal.billing.models import Grant
from portal.conversations.models import POSTS_A_PAGE, Follow, Post, Room, Thread
from portal.core import markdown, storage
from portal.core.clock import now
from portal.core.db import db
from portal.core.folding import fold
from portal.core.search import SearchDoc
from portal.library.models import File, Item, Resource, Tool, Version, item_topic
from portal.moderation.models import Flag
from portal.topics.models import Topic

MEMBERS, THREADS, POSTS_EACH, LONG_THREAD, CROWDED_ROOM, ITEMS, DOCUMENTS, FLAGS = (
    10_000,
    5_000,
    40,
    10_000,
    50_000,
    500,
    20_000,
    5_000,
)
POSTS = THREADS * POSTS_EACH + LONG_THREAD + CROWDED_ROOM
TOKEN, MODERATOR = "benchmark-token", "benchmark-moderator"
FILE_SIZE = 5 * 1024 * 1024
WORDS = [
    "practice",
    "seat",
    "owner",
    "clinic",
    "partner",
    "schedule",
    "surgeon",
    "assistant",
    "manager",
    "agreement",
    "clear",
    "week",
    "patient",
    "calm",
    "room",
    "team",
    "hour",
    "number",
    "meeting",
    "role",
    "card",
    "expectation",
    "respect",
    "pressure",
    "decide",
    "delegate",
    "hire",
    "trust",
    "review",
    "morning",
    "margin",
    "fee",
]
# Most words of a real text are rare, and PostgreSQL's estimates rest on there being some: two of these in a document.
RARE_WORDS = ["".join(syllables) for syllables in product(("ba", "ke", "li", "mo", "ru", "sa", "te"), repeat=3)]


class Ids:
    """What the measurements need to find: filled in while the data is made."""

    thread = 1  # of 40 posts
    long_thread = THREADS + 1
    crowded_room = 2


def fill(app: Flask) -> float:
    """Fill the empty tables; returns the seconds it took."""
    started = time.monotonic()
    chance = random.Random(20261123)
    with app.app_context():
        _members()
        _rooms_and_threads(chance)
        _library(chance)
        _documents(chance)
        db.session.commit()
        if db.engine.dialect.name == "sqlite":
            db.session.execute(db.text("ANALYZE"))
        else:
            for name in ("member_id_seq", "thread_id_seq", "post_id_seq", "room_id_seq", "item_id_seq", "topic_id_seq"):
                db.session.execute(db.text(f"SELECT setval('{name}', 1000000)"))
            db.session.commit()
            with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                connection.execute(db.text("VACUUM ANALYZE"))
        db.session.commit()
    return time.monotonic() - started


def _members() -> None:
    moment = now()
    _put(
        Member,
        (
            {
                "id": i,
                "uuid": f"{i:036}",
                "email": f"m{i}@example.com",
                "name": f"Member {i}",
                "handle": f"m{i}",
                "role": "moderator" if i == 2 else "member",
                "created_at": moment,
                "confirmed_at": moment,
            }
            for i in range(1, MEMBERS + 1)
        ),
    )
    _put(
        Grant,
        (
            {"member_id": i, "source": "complimentary", "because": "bench", "created_at": moment}
            for i in range(1, MEMBERS + 1)
        ),
    )
    for member_id, token in ((1, TOKEN), (2, MODERATOR)):
        device = Device(
            member_id=member_id,
            token_hash=hashlib.sha256(token.encode()).hexdigest(),
            label="bench",
            expires_at=moment + timedelta(days=30),
            strong_at=moment,
        )
        db.session.add(device)
    _put(
        Topic,
        (
            {
                "id": i,
                "slug": f"topic-{i}",
                "title": f"Topic {i}",
                "created_at": moment,
                "position": i,
                "description": "",
            }
            for i in range(1, 9)
        ),
    )


def _rooms_and_threads(chance: random.Random) -> None:
    start = now() - timedelta(days=400)
    _put(
        Room,
        (
            {
                "id": i,
                "slug": f"room-{i}",
                "title": f"Room {i}",
                "purpose": "To measure.",
                "position": i,
                "created_at": start,
                "thread_count": 0,
                "notes_html": "",
            }
            for i in (1, 2)
        ),
    )
    sources = [_words(chance, 60) + "\n\n" + _words(chance, 40) for _ in range(50)]
    bodies = [(source, markdown.render(source)) for source in sources]

    def thread(number: int, room: int, posts: int) -> dict[str, Any]:
        at = start + timedelta(minutes=number * 9)
        return {
            "id": number,
            "room_id": room,
            "author_id": 1 + number % MEMBERS,
            "title": _words(chance, 7).capitalize(),
            "post_count": posts,
            "last_post_at": at,
            "last_author_id": 1 + number % MEMBERS,
            "created_at": at,
            "version": 1,
        }

    long, crowded = Ids.long_thread, range(THREADS + 2, THREADS + 2 + CROWDED_ROOM)
    _put(Thread, (thread(n, 1, POSTS_EACH) for n in range(1, THREADS + 1)))
    _put(Thread, [thread(long, 1, LONG_THREAD)])
    _put(Thread, (thread(n, Ids.crowded_room, 1) for n in crowded))

    def posts() -> Iterator[dict[str, Any]]:
        sizes = [(n, POSTS_EACH) for n in range(1, THREADS + 1)] + [(long, LONG_THREAD)] + [(n, 1) for n in crowded]
        for thread_id, size in sizes:
            for number in range(1, size + 1):
                source, html = bodies[(thread_id + number) % len(bodies)]
                yield {
                    "thread_id": thread_id,
                    "number": number,
                    "author_id": 1 + (thread_id * 7 + number) % MEMBERS,
                    "body": source,
                    "body_html": html,
                    "created_at": start + timedelta(minutes=number),
                }

    _put(Post, posts())
    _put(Follow, ({"thread_id": 1, "member_id": i, "created_at": start} for i in range(2, 52)))
    _put(
        Flag,
        (
            {
                "post_id": 1 + i * 3,
                "by_id": 1 + i % MEMBERS,
                "reason": "selling" if i % 100 == 0 else "off_topic",
                "words": "",
                "rank": 1,
                "created_at": start + timedelta(minutes=i),
            }
            for i in range(FLAGS)
        ),
    )


def _library(chance: random.Random) -> None:
    start = now() - timedelta(days=800)
    source = "\n\n".join(_words(chance, 80) for _ in range(6))
    html = markdown.render(source)
    _put(
        Item,
        (
            {
                "id": i,
                "kind": "tool" if i % 2 else "resource",
                "slug": f"item-{i}",
                "title": _words(chance, 5).capitalize(),
                "summary": _words(chance, 25),
                "body": source,
                "body_html": html,
                "is_free": False,
                "published_at": start + timedelta(days=i),
                "created_at": start,
            }
            for i in range(1, ITEMS + 1)
        ),
    )
    _put(Tool, ({"id": i, "minutes": 20} for i in range(1, ITEMS + 1, 2)))
    _put(Resource, ({"id": i} for i in range(2, ITEMS + 1, 2)))
    db.session.execute(
        insert(item_topic), [{"item_id": i, "topic_id": 1 + (i + k) % 8} for i in range(1, ITEMS + 1) for k in (0, 3)]
    )
    stored = storage.put(io.BytesIO(random.Random(5).randbytes(FILE_SIZE)))
    version = Version(item_id=1, number=1, created_at=start)
    db.session.add(version)
    db.session.flush()
    db.session.add(
        File(
            version_id=version.id,
            name="five megabytes.pdf",
            media_type="application/pdf",
            size=stored.size,
            sha256=stored.sha256,
            storage_key=stored.key,
        )
    )
    db.session.flush()


def _documents(chance: random.Random) -> None:
    def documents() -> Iterator[dict[str, Any]]:
        for i in range(1, DOCUMENTS + 1):
            title, rare = _words(chance, 6), chance.choices(RARE_WORDS, k=2) + ["zeppelin"] * (i % 100 == 0)
            body = " ".join([_words(chance, 120), *rare])
            yield {
                "kind": "post",
                "ref_id": i,
                "audience": "entitled",
                "title": title,
                "path": f"/posts/{i}",
                "body": body,
                "folded_title": fold(title),
                "folded_body": fold(body),
                "created_at": now(),
            }

    _put(SearchDoc, documents())


def _words(chance: random.Random, many: int) -> str:
    return " ".join(chance.choices(WORDS, k=many))


def _put(model: Any, rows: Iterable[dict[str, Any]]) -> None:
    """Core inserts in slices; columns with a Python default that a row leaves out get it."""
    table: Table = model.__table__
    defaults = {c.name: c.default.arg for c in table.columns if c.default is not None and c.default.is_scalar}
    rows = iter(rows)
    while part := list(islice(rows, 2000)):
        db.session.execute(insert(table), [defaults | row for row in part])


assert POSTS_A_PAGE == 20
