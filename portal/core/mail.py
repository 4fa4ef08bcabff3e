"""Flask-Mail with its known faults mended (found by trying version 0.10.0): long List-Unsubscribe addresses stayed
whole only under a wider header policy, long non-ASCII lines were refused by servers, a newline in an extra header
injected headers, and TLS accepted any certificate."""

from __future__ import annotations

import hashlib
import smtplib
import ssl
from email import policy
from email.charset import QP, Charset
from email.mime.base import MIMEBase
from email.mime.text import MIMEText
from pathlib import Path
from typing import Any

import flask_mail
from flask import Flask, current_app

from portal.core.clock import now

_TIMEOUT = 20  # seconds, for the connection and for each answer


class Message(flask_mail.Message):
    """A letter on its way: utf-8, quoted-printable bodies, headers never folded into encoded words."""

    def _mimetext(self, text: str | None, subtype: str = "plain") -> MIMEText:
        charset = Charset("utf-8")
        charset.body_encoding = QP
        return MIMEText(text or "", subtype, charset)  # type: ignore[arg-type]  # typeshed wants a str

    def _message(self) -> MIMEBase:
        message = super()._message()
        message.policy = policy.SMTP.clone(max_line_length=998)
        return message

    def has_bad_headers(self) -> bool:
        extra = (self.extra_headers or {}).items()
        return super().has_bad_headers() or any(c in f"{k}{v}" for k, v in extra for c in "\r\n\0")


class _Connection(flask_mail.Connection):
    def configure_host(self) -> smtplib.SMTP | smtplib.SMTP_SSL:
        mail = self.mail
        context = ssl.create_default_context(cafile=current_app.config.get("MAIL_CA_FILE"))
        host: smtplib.SMTP | smtplib.SMTP_SSL
        if mail.use_ssl:
            host = smtplib.SMTP_SSL(mail.server, mail.port, timeout=_TIMEOUT, context=context)
        else:
            host = smtplib.SMTP(mail.server, mail.port, timeout=_TIMEOUT)
        if mail.use_tls:
            host.starttls(context=context)
        if mail.username and mail.password:
            host.login(mail.username, mail.password)
        return host


class _Mail(flask_mail.Mail):
    def connect(self) -> flask_mail.Connection:
        return _Connection(current_app.extensions["mail"])


mail = _Mail()


def init_app(app: Flask) -> None:
    mail.init_app(app)
    if app.config["OUTBOX"]:
        flask_mail.email_dispatched.connect(_into_a_file, app, weak=False)


def send(message: Message) -> None:
    """Hand one message to the server. Raises OSError or smtplib.SMTPException; the job that calls tries again."""
    with mail.connect() as connection:
        connection.send(message)


def _into_a_file(app: Flask, message: Any, **_more: Any) -> None:
    """With demo settings a letter becomes `instance/outbox/<moment>.<id>.eml`, whole or not at all."""
    folder = Path(app.config["INSTANCE"]) / "outbox"
    folder.mkdir(parents=True, exist_ok=True)
    name = f"{now():%Y%m%d-%H%M%S-%f}.{hashlib.sha256(message.msgId.encode()).hexdigest()[:12]}"
    aside = folder / f"{name}.part"
    aside.write_bytes(message.as_bytes())
    aside.rename(folder / f"{name}.eml")
