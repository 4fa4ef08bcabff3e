"""The demo's outbox shows letters, and nothing else of the disk."""

from __future__ import annotations

import pytest


@pytest.mark.parametrize("name", ["../portal.sqlite", "..%2fportal.sqlite", "x.eml", ".eml", "%00.eml"])
def test_the_outbox_shows_letters_and_no_other_file(browse, name: str):
    assert browse().get(f"/outbox/{name}").status_code == 404


def test_the_outbox_shows_the_letter_that_left(app, browse, make, work_off):
    from portal.core.mail import Message, send

    with app.app_context():
        send(Message(subject="Welcome, Alice", recipients=["alice@example.com"], body="Hello", html="<p>Hello</p>"))
    page = browse().get("/outbox").text
    assert "Welcome, Alice" in page
    name = page.split('href="/outbox/')[1].split('"')[0]
    assert "Hello" in browse().get(f"/outbox/{name}").text
    framed = browse().get(f"/outbox/{name}/html")
    assert "sandbox" in framed.headers["Content-Security-Policy"]
