"""The floor: what Flask, a session, SQLAlchemy and Jinja cost at the least for the same read on the same tables.

It checks no entitlement, runs no gate, adds no security header, escapes as Jinja does by itself, and its pages carry
the same bytes around the list as the portal's (`chrome.html`, taken from the portal when the benchmark starts).
"""

from __future__ import annotations

import os
from pathlib import Path

from flask import Flask, redirect, render_template, request, send_file, session
from flask_compress import Compress
from sqlalchemy import create_engine, text

engine = create_engine(os.environ["DATABASE_URL"], pool_size=10)
app = Flask(__name__)
app.secret_key = os.environ["SECRET_KEY"]
app.config |= {"COMPRESS_BR_LEVEL": 4, "COMPRESS_MIN_SIZE": 500}
Compress(app)
HEAD, FOOT = (Path(os.environ["FLOOR_CHROME"]) / name for name in ("head.html", "foot.html"))
CHROME = {"head": HEAD.read_text(encoding="utf-8"), "foot": FOOT.read_text(encoding="utf-8")}

MEMBER = text("SELECT m.id, m.name FROM device d JOIN member m ON m.id = d.member_id WHERE d.token_hash = :token")
POSTS = text(
    "SELECT p.id, p.number, p.body_html, p.created_at, m.name, m.handle FROM post p JOIN member m ON m.id = p.author_id"
    " WHERE p.thread_id = :thread AND p.number > :after AND p.number <= :upto ORDER BY p.number"
)
THREAD = text("SELECT id, title, post_count FROM thread WHERE id = :thread")
THREADS = text(
    "SELECT t.id, t.title, t.post_count, t.last_post_at, m.name FROM thread t JOIN member m ON m.id = t.author_id"
    " WHERE t.room_id = :room ORDER BY t.last_post_at DESC, t.id DESC LIMIT 30"
)
ITEMS = text(
    "SELECT id, slug, title, summary, kind, published_at FROM item ORDER BY published_at DESC, id DESC LIMIT 20"
)
ITEM = text("SELECT id, slug, title, summary, body_html FROM item WHERE slug = :slug")
FILE = text("SELECT f.storage_key, f.name FROM file f WHERE f.id = :id")


@app.get("/sign-in/<token>")
def sign_in(token: str):
    session["token"] = token
    return "signed in"


@app.get("/")
def empty():
    return "ok"


@app.get("/threads/<int:thread>")
def thread(thread: int):
    page = int(request.args.get("page", 1))
    with engine.connect() as connection:
        member = _member(connection)
        found = connection.execute(THREAD, {"thread": thread}).one()
        span = {"thread": thread, "after": (page - 1) * 20, "upto": page * 20}
        posts = connection.execute(POSTS, span).all()
    return render_template("thread.html", member=member, thread=found, posts=posts, **CHROME)


@app.get("/rooms/<int:room>")
def room(room: int):
    with engine.connect() as connection:
        return render_template(
            "list.html", member=_member(connection), rows=connection.execute(THREADS, {"room": room}).all(), **CHROME
        )


@app.get("/library")
def library():
    with engine.connect() as connection:
        return render_template("list.html", member=_member(connection), rows=connection.execute(ITEMS).all(), **CHROME)


@app.get("/library/<slug>")
def item(slug: str):
    with engine.connect() as connection:
        found = connection.execute(ITEM, {"slug": slug}).one()
        return render_template("item.html", member=_member(connection), item=found, **CHROME)


@app.get("/files/<int:number>")
def file(number: int):
    """Bare send_file: the row, the path, the bytes."""
    with engine.connect() as connection:
        if _member(connection) is None:
            return redirect("/")
        key, name = connection.execute(FILE, {"id": number}).one()
    path = Path(os.environ["STORAGE_DIR"]) / key[:2] / key
    return send_file(path, as_attachment=True, download_name=name, mimetype="application/pdf", conditional=True)


def _member(connection):
    return connection.execute(MEMBER, {"token": session["token"]}).one()
