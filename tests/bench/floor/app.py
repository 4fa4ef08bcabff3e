"""The floor: the smallest honest application with the same packages that does the same read on the same tables.

Flask, Flask-Login, Flask-SQLAlchemy and Jinja as their own quick-starts use them. It asks for no entitlement, runs no
gate, limits nothing and adds no header. Its pages are as large as ours: what stands around a list is taken from the
portal's own page when the benchmark starts, as finished strings, and the rows of the list are drawn with the same
markup from the columns that the floor reads.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

from flask import Flask, redirect, render_template, request, send_file, session
from flask_compress import Compress
from flask_login import LoginManager, UserMixin, current_user, login_required
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import Column, ForeignKey, Table, Text, select
from sqlalchemy.orm import DeclarativeBase, Mapped, joinedload, mapped_column, relationship, selectinload


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
AROUND = {
    name: {
        part: (Path(os.environ["FLOOR_AROUND"]) / f"{name}.{part}.html").read_text(encoding="utf-8")
        for part in ("head", "foot")
    }
    for name in ("thread", "room", "library", "item")
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
    last_author_id: Mapped[int] = mapped_column(ForeignKey("member.id"))
    author: Mapped[Member] = relationship(foreign_keys=author_id)
    last_author: Mapped[Member] = relationship(foreign_keys=last_author_id)


class Post(db.Model):
    thread_id: Mapped[int]
    number: Mapped[int]
    body_html: Mapped[str]
    author_id: Mapped[int] = mapped_column(ForeignKey("member.id"))
    author: Mapped[Member] = relationship()


class Topic(db.Model):
    slug: Mapped[str]
    title: Mapped[str]


item_topic = Table(
    "item_topic",
    db.metadata,
    Column("item_id", ForeignKey("item.id"), primary_key=True),
    Column("topic_id", ForeignKey("topic.id"), primary_key=True),
)


class Item(db.Model):
    kind: Mapped[str]
    slug: Mapped[str]
    title: Mapped[str]
    summary: Mapped[str]
    body_html: Mapped[str]
    published_at: Mapped[datetime]
    topics: Mapped[list[Topic]] = relationship(secondary=item_topic)


class FloorNote(db.Model):
    """What a floor's reply writes: one row, in a table of its own."""

    member_id: Mapped[int]
    body: Mapped[str] = mapped_column(Text)


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
    return _page("thread", thread=db.get_or_404(Thread, thread_id), posts=db.session.scalars(posts).all())


@app.post("/threads/<int:thread_id>/posts")
@login_required
def reply(thread_id: int):
    db.session.add(FloorNote(member_id=current_user.id, body=request.form["body"], created_at=datetime.now(UTC)))
    db.session.commit()
    return redirect(f"/threads/{thread_id}", 303)


@app.get("/rooms/<int:room_id>")
@login_required
def room(room_id: int):
    newest = Thread.last_post_at.desc(), Thread.id.desc()
    people = joinedload(Thread.author), joinedload(Thread.last_author)
    threads = select(Thread).where(Thread.room_id == room_id).order_by(*newest).options(*people)
    return _page("room", threads=db.session.scalars(threads.limit(30)).all())


@app.get("/library")
@login_required
def library():
    items = select(Item).order_by(Item.published_at.desc(), Item.id.desc()).limit(20)
    items = items.options(selectinload(Item.topics))
    return _page("library", items=db.session.scalars(items).all())


@app.get("/library/<slug>")
@login_required
def item(slug: str):
    return _page("item", item=db.one_or_404(select(Item).where(Item.slug == slug)))


@app.get("/files/<int:file_id>")
@login_required
def file(file_id: int):
    """Bare send_file: the row, the path, the bytes."""
    found = db.get_or_404(File, file_id)
    path = Path(os.environ["STORAGE_DIR"]) / found.storage_key[:2] / found.storage_key
    return send_file(path, as_attachment=True, download_name=found.name, mimetype="application/pdf", conditional=True)


def _page(name: str, **words):
    return render_template(f"{name}.html", member=current_user, **AROUND[name], **words)


with app.app_context():
    FloorNote.__table__.create(db.engine, checkfirst=True)
    db.engine.dispose()  # the server forks
