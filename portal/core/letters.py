"""Letters: written inside the transaction, sent after it. A rolled-back change sends nothing; a sent letter is true.

A template folder holds three files a letter: `welcome.subject.txt`, `welcome.txt`, `welcome.html`. Once sent, the
words are wiped from the table; that it was sent, to whom and when, stays.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection, Iterable
from datetime import datetime
from typing import Any, Protocol
from urllib.parse import urlsplit

import structlog
from flask import current_app, render_template
from sqlalchemy import delete, select
from sqlalchemy.orm import Mapped, mapped_column

from portal.core import mail
from portal.core.audit import HasId
from portal.core.clock import now
from portal.core.db import Model, Words, db, transaction
from portal.core.jobs import Job, enqueue, job
from portal.core.web import written_for

log = structlog.get_logger()


class Addressee(Protocol):
    id: Any
    email: Any
    name: Any
    time_zone: Any
    locale: Any


class Letter(Model):
    """One e-mail: waiting, sent (`sent_at`), or dropped because its reader may no longer see what it tells."""

    __tablename__ = "letter"

    kind: Mapped[str]  # "billing/welcome", the template
    key: Mapped[str] = mapped_column(unique=True)  # one letter per key, for ever; also the Message-ID
    member_id: Mapped[int] = mapped_column(index=True)
    address: Mapped[str]
    subject: Mapped[str | None]
    text: Mapped[str | None] = mapped_column(Words)  # wiped when sent: it may hold a token
    html: Mapped[str | None] = mapped_column(Words)
    unsubscribe_url: Mapped[str | None] = mapped_column(Words)
    about_kind: Mapped[str | None]
    about_id: Mapped[int | None]
    sent_at: Mapped[datetime | None]
    dropped_at: Mapped[datetime | None]


_PARTS = ("subject.txt", "txt", "html")
MayRead = Callable[[int, int], bool]
_may_read: dict[str, MayRead] = {}
Wording = Callable[["Letter"], "dict[str, Any] | None"]
_wordings: dict[str, Wording] = {}


def readers_of(kind: str) -> Callable[[MayRead], MayRead]:
    """Register who may (still) read of a thing: `@readers_of("post") def may_read(member_id, post_id) -> bool`.

    Asked when the letter is sent, not when it is written; a letter about a kind nobody answers for is dropped.
    """

    def register(may_read: MayRead) -> MayRead:
        _may_read[kind] = may_read
        return may_read

    return register


def worded_when_sent(kind: str) -> Callable[[Wording], Wording]:
    """Register what letters of a kind say, asked as they leave (see post_later); None: it has nothing to say."""

    def register(wording: Wording) -> Wording:
        _wordings[kind] = wording
        return wording

    return register


def post(
    kind: str,
    *,
    to: Addressee,
    key: str | None = None,
    address: str | None = None,
    about: HasId | None = None,
    unsubscribe_url: str | None = None,
    **words: Any,
) -> bool:
    """Write a letter, to be sent after the commit; False if one with that key was written before.

    `address` overrides the member's own (an old mailbox told of a change). Links in `words` must be absolute:
    see `web.absolute`.
    """
    key = key or f"{kind}:{secrets.token_hex(12)}"
    if db.session.scalar(select(Letter.id).where(Letter.key == key)) is not None:
        return False
    words |= {"to": to, "unsubscribe_url": unsubscribe_url}
    subject, text, html = _worded(kind, to, words)
    letter = Letter(
        kind=kind,
        key=key,
        member_id=to.id,
        address=address or to.email,
        subject=subject,
        text=text,
        html=html,
        unsubscribe_url=unsubscribe_url,
        about_kind=getattr(type(about), "__tablename__", None) if about else None,
        about_id=about.id if about else None,
    )
    db.session.add(letter)
    db.session.flush()
    enqueue(send, key=f"letter:{letter.once}", letter_id=letter.id)
    return True


def post_later(kind: str, *, to: Addressee, key: str, unsubscribe_url: str | None = None) -> Letter | None:
    """A letter that gets its words as it leaves, from `worded_when_sent`; None if one with that key was written before.

    For what tells of several things, each of which its reader may or may not know of by then.
    """
    if db.session.scalar(select(Letter.id).where(Letter.key == key)) is not None:
        return None
    letter = Letter(kind=kind, key=key, member_id=to.id, address=to.email, unsubscribe_url=unsubscribe_url)
    db.session.add(letter)
    db.session.flush()
    enqueue(send, key=f"letter:{letter.once}", letter_id=letter.id)
    return letter


def forget(member_id: int) -> None:
    """Delete every letter to a member, sent or not, with the work that would send it."""
    written = db.session.scalars(select(Letter).where(Letter.member_id == member_id)).all()
    db.session.execute(delete(Job).where(Job.key.in_([f"letter:{letter.once}" for letter in written])))
    db.session.execute(delete(Letter).where(Letter.member_id == member_id))


def drop_about(kind: str, ids: Collection[int]) -> None:
    """Letters about these things that wait to be sent are not sent; their words go at once."""
    waiting = select(Letter).where(Letter.about_kind == kind, Letter.sent_at.is_(None), Letter.dropped_at.is_(None))
    drop([letter for letter in db.session.scalars(waiting) if letter.about_id in ids])


def drop(waiting: Iterable[Letter]) -> None:
    """These are not sent; their words go at once."""
    for letter in waiting:
        letter.dropped_at = now()
        _wipe(letter)


@job("letters.send")
def send(letter_id: int) -> None:
    """Send one letter unless it was sent or its reader may not know any more."""
    with transaction():
        letter = db.session.get(Letter, letter_id)
        if letter is None or letter.sent_at or letter.dropped_at:
            return  # None: its reader is gone
        if not (_may_still_read(letter) and _has_words(letter)):
            letter.dropped_at = now()
            _wipe(letter)
            log.info("letter.dropped", letter=letter_id, kind=letter.kind)
            return
        message = _message(letter)
    mail.send(message)
    with transaction():
        letter = db.session.get(Letter, letter_id)
        if letter is not None:
            letter.sent_at = now()
            _wipe(letter)
    log.info("letter.sent", letter=letter_id)


def _may_still_read(letter: Letter) -> bool:
    if letter.about_kind is None or letter.about_id is None:
        return True
    ask = _may_read.get(letter.about_kind)
    return ask is not None and ask(letter.member_id, letter.about_id)


def _has_words(letter: Letter) -> bool:
    """Give it those that are true now, if it gets them as it leaves."""
    ask = _wordings.get(letter.kind)
    if ask is None:
        return True
    words = ask(letter)
    if words is None:
        return False
    to = words["to"]
    words["unsubscribe_url"] = letter.unsubscribe_url
    letter.subject, letter.text, letter.html = _worded(letter.kind, to, words)
    return True


def _worded(kind: str, to: Addressee, words: dict[str, Any]) -> tuple[str, str, str]:
    with written_for(to):
        subject, text, html = (render_template(f"mail/{kind}.{part}", **words) for part in _PARTS)
    return " ".join(subject.split()), text.strip() + "\n", _with_inline_style(html)


def _message(letter: Letter) -> mail.Message:
    message = mail.Message(
        subject=letter.subject or "",
        recipients=[letter.address],
        body=letter.text,
        html=letter.html,
        reply_to=current_app.config["REPLY_TO"],
        extra_headers={"Auto-Submitted": "auto-generated"},
    )
    if letter.unsubscribe_url:  # RFC 8058: one POST, no sign-in
        message.extra_headers |= {  # type: ignore[operator]  # set above, so not None
            "List-Unsubscribe": f"<{letter.unsubscribe_url}>",
            "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        }
    domain = urlsplit(current_app.config["PUBLIC_URL"]).hostname
    message.msgId = f"<{_token(letter.key)}@{domain}>"
    return message


def _token(key: str) -> str:
    return "".join(c if c.isalnum() else "." for c in key)


def _wipe(letter: Letter) -> None:
    letter.subject = letter.text = letter.html = letter.unsubscribe_url = None
    if letter.member_id == 0:  # somebody without an account: nothing but the letter needs their address
        letter.address = ""


def _with_inline_style(html: str) -> str:
    import css_inline  # only the writer of a letter needs it

    return css_inline.inline(html)
