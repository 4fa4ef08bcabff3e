"""Letters leave after the commit, once, whole, and only to whoever may still read them. A real mail server here."""

from __future__ import annotations

import email
import re
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from email import policy
from email.message import EmailMessage
from pathlib import Path

import pytest
import trustme
from aiosmtpd.controller import Controller
from sqlalchemy import select

from portal.accounts.models import Member
from portal.core import letters
from portal.core.clock import now
from portal.core.db import db, transaction
from portal.core.jobs import Job, JobState
from portal.core.letters import Letter
from tests.live import free_port


class Mailbox:
    """What a mail server got, as bytes, the recipients beside it."""

    def __init__(self) -> None:
        self.got: list[tuple[list[str], bytes]] = []

    async def handle_DATA(self, _server, _session, envelope) -> str:  # as aiosmtpd calls it
        self.got.append((envelope.rcpt_tos, envelope.content))
        return "250 OK"

    def letters(self) -> list[EmailMessage]:
        return [email.message_from_bytes(raw, policy=policy.default) for _, raw in self.got]


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def server(app, port, monkeypatch) -> Callable[..., Iterator[Mailbox]]:
    """`with server() as mailbox:` a mail server that runs meanwhile; before and after it is down."""
    settings = app.extensions["mail"]
    for name, value in {"suppress": False, "server": "localhost", "port": port, "use_tls": False}.items():
        monkeypatch.setattr(settings, name, value)

    @contextmanager
    def running(**tls) -> Iterator[Mailbox]:
        mailbox = Mailbox()
        controller = Controller(mailbox, hostname="127.0.0.1", port=port, **tls)
        controller.start()
        try:
            yield mailbox
        finally:
            controller.stop()

    return running


@pytest.fixture(scope="module")
def certificate(tmp_path_factory) -> tuple[Path, Path]:
    """For "localhost", signed by nobody known: as a stranger between us and the mail server could make it."""
    folder = tmp_path_factory.mktemp("tls")
    key, cert = folder / "key.pem", folder / "cert.pem"
    authority = trustme.CA()
    made = authority.issue_cert("localhost")
    made.private_key_pem.write_to_path(key)
    made.cert_chain_pems[0].write_to_path(cert)
    authority.cert_pem.write_to_path(folder / "authority.pem")
    return key, cert


def _write(app, who: Member, **more) -> None:
    words = {"moment": "Tuesday", "forgot": "http://localhost/password/forgot"}
    with app.app_context(), transaction():
        letters.post("accounts/password-changed", to=who, **(words | more))


def _rows(app) -> list[Letter]:
    with app.app_context():
        return db.session.scalars(select(Letter).order_by(Letter.id)).all()


def _jobs(app) -> list[Job]:
    with app.app_context():
        return db.session.scalars(select(Job).where(Job.work == "letters.send").order_by(Job.id)).all()


def test_a_letter_arrives_in_text_and_html_with_an_address_to_answer(app, people, server, work_off):
    with server() as mailbox:
        _write(app, people.alice)
        assert mailbox.got == []  # nothing leaves before the commit and the worker
        work_off()
    ((to, raw),) = mailbox.got
    (letter,) = mailbox.letters()
    assert to == [people.alice.email]
    assert letter["To"] == people.alice.email
    assert letter["Reply-To"] == "hello@example.com"
    assert letter["Subject"] == "Your password for Practice Freedom was changed"
    assert letter["Auto-Submitted"] == "auto-generated"
    assert "Tuesday" in letter.get_body(("plain",)).get_content()
    html = letter.get_body(("html",)).get_content()
    assert "Tuesday" in html
    assert len(raw) < 60_000
    assert not re.search(r"<(img|script|link)\b", html)  # nothing is fetched, nobody is counted


def test_a_change_that_is_rolled_back_sends_nothing(app, people, server, work_off):
    with server() as mailbox:
        with pytest.raises(RuntimeError), app.app_context(), transaction():  # noqa: PT012
            letters.post("accounts/password-changed", to=people.alice, moment="x", forgot="y")
            raise RuntimeError
        work_off()
    assert mailbox.got == []
    assert _rows(app) == []


def test_one_key_is_one_letter_for_ever(app, people, server, work_off):
    with server() as mailbox:
        for _ in range(3):
            _write(app, people.alice, key="welcome:1")
            work_off()
    assert len(mailbox.got) == 1


def test_what_was_sent_is_wiped_but_that_it_was_sent_is_known(app, people, server, work_off):
    with server():
        _write(app, people.alice, forgot="http://localhost/secret-link")
        assert "secret-link" in _rows(app)[0].text
        work_off()
    (letter,) = _rows(app)
    assert letter.sent_at is not None
    assert (letter.subject, letter.text, letter.html) == (None, None, None)
    assert letter.address == people.alice.email


def test_long_lines_and_every_script_arrive_as_they_were_written(app, people, server, work_off):
    """RFC 5321 allows 998 bytes a line; a paragraph in Chinese or German is longer."""
    words = "Grüße – 你好 – שלום – 🎻 " * 400
    with server() as mailbox:
        _write(app, people.alice, moment=words)
        work_off()
    ((_, raw),) = mailbox.got
    assert max(len(line) for line in raw.split(b"\r\n")) <= 998
    plain = mailbox.letters()[0].get_body(("plain",)).get_content()
    assert words.strip() in plain.replace("\r\n", "\n")


def test_a_name_cannot_add_a_header(app, people, server, work_off):
    with app.app_context(), transaction():
        db.session.get_one(Member, people.alice.id).name = "Alice\r\nBcc: everyone@example.com"
    with app.app_context():
        alice = db.session.get_one(Member, people.alice.id)
    with server() as mailbox:
        _write(app, alice)
        work_off()
    assert [to for to, _ in mailbox.got] == [[people.alice.email]]
    assert mailbox.letters()[0]["Bcc"] is None


def test_an_address_with_a_line_break_in_it_is_never_handed_over(app, people, server, work_off):
    with server() as mailbox:
        _write(app, people.alice, unsubscribe_url="http://localhost/u/x>\r\nBcc: everyone@example.com")
        work_off()
    assert mailbox.got == []
    assert _rows(app)[0].sent_at is None


def test_a_very_long_unsubscribe_address_stays_in_one_piece(app, people, server, work_off):
    address = "http://localhost/unsubscribe/" + "a1B2-_" * 60
    with server() as mailbox:
        _write(app, people.alice, unsubscribe_url=address)
        work_off()
    ((_, raw),) = mailbox.got
    assert f"\r\nList-Unsubscribe: <{address}>\r\n".encode() in raw
    assert b"\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n" in raw
    assert b"=?utf-8?" not in raw.split(b"\r\n\r\n", 1)[0].split(b"List-Unsubscribe", 1)[1].split(b"\r\n", 1)[0]


def test_letters_wait_while_the_server_is_down_and_none_is_lost_or_doubled(app, people, server, work_off, clock):
    for number in range(5):
        _write(app, people.alice, key=f"letter:{number}")
    work_off()  # nobody answers
    assert [job.state for job in _jobs(app)] == [JobState.WAITING] * 5
    assert all(letter.sent_at is None and letter.text for letter in _rows(app))
    clock.shift(timedelta(hours=1))
    with server() as mailbox:
        work_off()
        clock.shift(timedelta(days=3))
        work_off()
    assert len(mailbox.got) == 5
    assert all(letter.sent_at for letter in _rows(app))


def test_a_letter_sent_again_after_a_crash_carries_the_same_message_id(
    app, people, server, work_off, clock, monkeypatch
):
    """A crash between handing over and writing it down cannot be told from one before: mail programs show it once."""
    monkeypatch.setattr(letters, "_wipe", _crash_once(letters._wipe))
    with server() as mailbox:
        _write(app, people.alice, key="billing/welcome:7")
        work_off()
        assert _rows(app)[0].sent_at is None
        clock.shift(timedelta(minutes=1))
        work_off()
    first, second = mailbox.letters()
    assert first["Message-ID"] == second["Message-ID"] == "<billing.welcome.7@localhost>"
    assert _rows(app)[0].sent_at is not None


def _crash_once(real):
    crashes = iter([True])

    def wipe(letter) -> None:
        if next(crashes, False):
            raise RuntimeError("the power went")
        real(letter)

    return wipe


def test_a_job_that_runs_again_after_all_went_well_sends_no_second_letter(app, people, server, work_off):
    with server() as mailbox:
        _write(app, people.alice)
        work_off()
        with app.app_context(), transaction():
            db.session.scalars(select(Job)).one().try_again()
        work_off()
    assert len(mailbox.got) == 1


def test_a_letter_is_dropped_when_its_reader_may_no_longer_read_what_it_tells(app, make, people, server, work_off):
    post = make.reply(make.thread(by=people.alice), by=people.bob)
    with server() as mailbox:
        work_off()
        mailbox.got.clear()
        _write(app, people.alice, about=post)
        _write(app, people.lena, about=post)  # her membership has lapsed
        _write(app, people.bob, about=people.alice)  # a kind nobody answers for
        work_off()
    assert [to for to, _ in mailbox.got] == [[people.alice.email]]
    dropped = [letter for letter in _rows(app) if letter.dropped_at]
    assert {letter.address for letter in dropped} == {people.lena.email, people.bob.email}
    assert all(letter.text is None and letter.html is None for letter in dropped)


def test_a_certificate_signed_by_nobody_known_is_not_trusted(app, people, server, certificate, work_off, monkeypatch):
    monkeypatch.setattr(app.extensions["mail"], "use_tls", True)
    with server(tls_context=_tls(certificate), require_starttls=True) as mailbox:
        _write(app, people.alice)
        work_off()
    assert mailbox.got == []
    assert "CERTIFICATE_VERIFY_FAILED" in _jobs(app)[0].last_error


def test_a_certificate_the_owner_trusts_is_used(app, people, server, certificate, work_off, monkeypatch):
    monkeypatch.setattr(app.extensions["mail"], "use_tls", True)
    monkeypatch.setitem(app.config, "MAIL_CA_FILE", str(certificate[1].with_name("authority.pem")))
    with server(tls_context=_tls(certificate), require_starttls=True) as mailbox:
        _write(app, people.alice)
        work_off()
    assert len(mailbox.got) == 1


def test_a_server_without_tls_gets_no_letter_when_tls_is_asked_for(app, people, server, work_off, monkeypatch):
    monkeypatch.setattr(app.extensions["mail"], "use_tls", True)
    with server() as mailbox:
        _write(app, people.alice)
        work_off()
    assert mailbox.got == []
    assert "STARTTLS" in _jobs(app)[0].last_error


def _tls(certificate: tuple[Path, Path]) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate[1], certificate[0])
    return context


def test_an_old_mailbox_can_be_told_of_a_change(app, people, server, work_off):
    with server() as mailbox:
        _write(app, people.alice, address="alice.before@example.com")
        work_off()
    assert mailbox.got[0][0] == ["alice.before@example.com"]


def test_the_moment_of_sending_is_kept_in_utc(app, people, server, work_off):
    before = now()
    with server():
        _write(app, people.alice)
        work_off()
    assert before <= _rows(app)[0].sent_at <= now()
