"""The demo's mailbox: with demo settings no letter leaves the machine, it becomes a file that these pages show."""

from __future__ import annotations

import email
import email.policy
import re
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from pathlib import Path

from flask import Blueprint, Flask, Response, abort, current_app, render_template

from portal.core.admission import Audience, admits

bp = Blueprint("outbox", __name__)
_NAME = re.compile(r"[0-9A-Za-z.-]{1,80}\.eml\Z")
_MOST = 200
# The letter's own style is inline, which the site's policy forbids; it is shown in a frame with its own, stricter one.
_LETTER_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'self'; sandbox"


@dataclass(frozen=True)
class Shown:
    """A letter as listed."""

    name: str
    to: str
    subject: str
    sent_at: datetime


def init_app(app: Flask) -> None:
    """These pages exist only where letters become files."""
    if app.config["OUTBOX"]:
        app.register_blueprint(bp)


@bp.get("/outbox")
@admits(Audience.ANYONE)
def outbox() -> str:
    newest = sorted(_folder().glob("*.eml"), reverse=True)[:_MOST]
    return render_template("desk/outbox.html", letters=[_shown(path) for path in newest])


@bp.get("/outbox/<name>")
@admits(Audience.ANYONE)
def letter(name: str) -> str:
    message = _read(name)
    text = message.get_body(("plain",))
    return render_template("desk/letter.html", letter=_shown(_path(name)), text=text.get_content() if text else "")


@bp.get("/outbox/<name>/html")
@admits(Audience.ANYONE)
def letter_html(name: str) -> Response:
    """The HTML part, for the frame on the letter's page."""
    html = _read(name).get_body(("html",))
    if html is None:
        abort(404)
    return Response(html.get_content(), mimetype="text/html", headers={"Content-Security-Policy": _LETTER_POLICY})


def _shown(path: Path) -> Shown:
    message = _parse(path)
    return Shown(path.name, str(message["To"]), str(message["Subject"]), message["Date"].datetime)


def _read(name: str) -> EmailMessage:
    return _parse(_path(name))


def _path(name: str) -> Path:
    path = _folder() / name
    if not _NAME.match(name) or not path.is_file():
        abort(404)
    return path


def _parse(path: Path) -> EmailMessage:
    message = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
    assert isinstance(message, EmailMessage)  # noqa: S101  # what policy.default makes; for mypy
    return message


def _folder() -> Path:
    return Path(current_app.config["INSTANCE"]) / "outbox"
