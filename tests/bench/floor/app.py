"""The floor: the smallest honest application with the same packages that does the same read on the same tables.

Flask, Flask-Login, Flask-SQLAlchemy and Jinja as their own quick-starts use them. It asks for no entitlement, runs no
gate, draws no navigation of its own (`chrome.html`, taken from the portal when the benchmark starts, carries the same
bytes around the list), limits nothing and adds no header.
"""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path

from flask import Flask, render_template, request, send_file, session
from flask_compress import Compress
from flask_login import LoginManager, UserMixin, current_user, login_required
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import ForeignKey, select
from sqlalchemy.orm import DeclarativeBase, Mapped, joinedload, mapped_column, relationship


class Base(DeclarativeBase):
    id: Mapped[int] = mapped_column(primary_key=True)
    created_at: Mapped[datetime]


app = Flask(__name__)
app.config |= {
    "SECRET_KEY": os.environ["SECRET_KEY"],
    "SQLALCHEMY_DATABASE_URI": os.environ["DATABASE_URL"],
    "COMPRESS_BR_LEVEL": 4,
    "COMPRESS_MIN_SIZE": 500,
}
db = SQLAlchemy(app, model_class=Base)
login = LoginManager(app)
Compress(app)
CHROME = {
    name: (Path(os.environ["FLOOR_CHROME"]) / f"{name}.html").read_text(encoding="utf-8") for name in ("head", "foot")
}


class Member(db.Model, UserMixin):
    name: Mapped[str]
    handle: Mapped[str]


class Device(db.Model):
    token_hash: Mapped[str]
    member_id: Mapped[int] = mapped_column(ForeignKey("member.id"))
    member: Mapped[Member] = relationship(lazy="joined", innerjoin=True)


class Thread(db.Model):
    title: Mapped[str]
    room_id: Mapped[int]
    post_count: Mapped[int]
    last_post_at: Mapped[datetime]
    author_id: Mapped[int] = mapped_column(ForeignKey("member.id"))
    author: Mapped[Member] = relationship()


class Post(db.Model):
    thread_id: Mapped[int]
    number: Mapped[int]
    body_html: Mapped[str]
    author_id: Mapped[int] = mapped_column(ForeignKey("member.id"))
    author: Mapped[Member] = relationship()


class Item(db.Model):
    kind: Mapped[str]
    slug: Mapped[str]
    title: Mapped[str]
    summary: Mapped[str]
    body_html: Mapped[str]
    published_at: Mapped[datetime]


class File(db.Model):
    name: Mapped[str]
    storage_key: Mapped[str]


@login.user_loader
def load(token_hash: str) -> Member | None:
    device = db.session.scalar(select(Device).where(Device.token_hash == token_hash))
    return device.member if device else None


@app.get("/sign-in/<token_hash>")
def sign_in(token_hash: str):
    session["_user_id"] = token_hash
    return "signed in"


@app.get("/")
def empty():
    return "ok"


@app.get("/threads/<int:thread_id>")
@login_required
def thread(thread_id: int):
    page = int(request.args.get("page", 1))
    posts = (
        select(Post)
        .where(Post.thread_id == thread_id, Post.number > (page - 1) * 20, Post.number <= page * 20)
        .order_by(Post.number)
        .options(joinedload(Post.author))
    )
    return _page("thread.html", thread=db.get_or_404(Thread, thread_id), posts=db.session.scalars(posts).all())


@app.get("/rooms/<int:room_id>")
@login_required
def room(room_id: int):
    newest = Thread.last_post_at.desc(), Thread.id.desc()
    threads = select(Thread).where(Thread.room_id == room_id).order_by(*newest).options(joinedload(Thread.author))
    return _page("room.html", threads=db.session.scalars(threads.limit(30)).all())


@app.get("/library")
@login_required
def library():
    items = select(Item).order_by(Item.published_at.desc(), Item.id.desc()).limit(20)
    return _page("library.html", items=db.session.scalars(items).all())


@app.get("/library/<slug>")
@login_required
def item(slug: str):
    return _page("item.html", item=db.one_or_404(select(Item).where(Item.slug == slug)))


@app.get("/files/<int:file_id>")
@login_required
def file(file_id: int):
    """Bare send_file: the row, the path, the bytes."""
    found = db.get_or_404(File, file_id)
    path = Path(os.environ["STORAGE_DIR"]) / found.storage_key[:2] / found.storage_key
    return send_file(path, as_attachment=True, download_name=found.name, mimetype="application/pdf", conditional=True)


def _page(template: str, **words):
    return render_template(template, member=current_user, **CHROME, **words)
