"""When a rule says no, or something breaks: plain words, a fitting status, never a traceback."""

from __future__ import annotations

from typing import Any

import structlog
from flask import Flask, current_app, g, render_template, request
from flask_login import current_user
from flask_wtf import FlaskForm
from flask_wtf.csrf import CSRFError
from sqlalchemy.exc import DBAPIError, TimeoutError
from werkzeug.exceptions import HTTPException

from portal.core import db as database
from portal.core.admission import Audience, audience_of, way_out
from portal.core.limits import seconds_to_wait

log = structlog.get_logger()


class Refusal(Exception):
    """A rule of the program said no. `message` is for the member; `status` is the HTTP answer."""

    message = "That is not possible right now."
    status = 409
    retry_after: int | None = None  # whole seconds; None where waiting alone mends nothing

    def __init__(self, message: str | None = None) -> None:
        self.message = message or self.message
        super().__init__(self.message)

    @property
    def headers(self) -> dict[str, str]:
        """What the answer says beside the words: when to come back."""
        return {} if self.retry_after is None else {"Retry-After": str(self.retry_after)}


class TooMuch(Refusal):
    """A limit was reached."""

    status = 429

    def __init__(self, message: str, retry_after: int) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Unavailable(Refusal):
    """Something that we need (Stripe, storage, the database) is away for the moment."""

    status = 503
    retry_after = 30


class EndsInThePast(Refusal):
    message = "Choose an end that lies ahead."
    status = 422


_PAGES = {
    400: (
        "That request did not make sense",
        "Something in it was not what this page expects. Go back and try once more.",
    ),
    403: ("This page is not open to you", "Your account does not include it."),
    404: ("Nothing here", "The page may have moved, been withdrawn, or never existed."),
    405: ("That cannot be done here", "The page exists, but not for this kind of request."),
    409: ("Not possible right now", "Something changed in between, or a rule stands against it."),
    410: ("This is gone", "What stood here was withdrawn."),
    413: ("That is too large", "Shorten the text or choose a smaller file, then send it again."),
    415: ("That kind of file or form is not accepted", "Send the form from its own page."),
    416: ("That part of the file does not exist", "Start the download again from the beginning."),
    422: ("Some of it needs another look", "Go back and check what you typed."),
    429: ("A little too fast", "Wait a moment, then try again."),
    500: ("Something broke on our side", "It has been noted. Your words are still in the form if you go back."),
    503: ("We will be right back", "A part of the portal is not answering. Nothing is lost; try again in a minute."),
}


def init_app(app: Flask) -> None:
    app.register_error_handler(Refusal, _refused)
    app.register_error_handler(CSRFError, _csrf)
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(Exception, _broken)


def back_to_form(form: FlaskForm, refusal: Refusal, field: str | None = None) -> None:
    """Undo what was begun and put the refusal into the form, beside `field` or above all of it."""
    database.give_up()
    if field is None:
        form.form_errors.append(refusal.message)
    else:
        form[field].errors = [*form[field].errors, refusal.message]


def error_page(status: int, title: str | None = None, text: str | None = None) -> tuple[str, int]:
    standard = _PAGES.get(status, _PAGES[500] if status >= 500 else _PAGES[400])
    page = render_template("errors/error.html", status=status, heading=title or standard[0], text=text or standard[1])
    return page, status


def _refused(refusal: Refusal) -> Any:
    _give_up_safely()
    body, status = error_page(refusal.status, text=refusal.message)
    return body, status, refusal.headers


def _csrf(_error: CSRFError) -> Any:
    _give_up_safely()
    audience = audience_of(current_app, request.endpoint or "") if request.endpoint else None
    if audience not in {None, Audience.ANYONE} and not current_user.is_authenticated:
        return way_out(audience)  # their sign-in ended while they wrote, and the form's token with it
    return error_page(400, "This form has grown old", "Go back, reload the page, and send it again.")


def _http(error: HTTPException) -> Any:
    _give_up_safely()
    if error.code is None or error.code < 400:
        return error
    if error.response is not None:
        return error.response
    body, status = error_page(error.code)
    headers = {k: v for k, v in error.get_headers() if k.lower() not in {"content-type", "content-length"}}
    if error.code == 429:
        headers["Retry-After"] = str(seconds_to_wait())
    return body, status, headers


def _broken(error: Exception) -> Any:
    _give_up_safely()
    if isinstance(error, OSError | DBAPIError | TimeoutError):
        log.error("unavailable", path=request.path, kind=type(error).__name__, reason=_first_line(error))
        body, status = _page_without_database(503)
        return body, status, {"Retry-After": "30"}
    log.error("broken", path=request.path, kind=type(error).__name__, exc_info=error)
    return _page_without_database(500)


def _page_without_database(status: int) -> tuple[str, int]:
    g.plain_page = True  # the layout then asks nobody who is signed in
    return error_page(status)


def _first_line(error: Exception) -> str:
    origin = getattr(error, "orig", None) or error  # never the statement: it carries people's words
    return str(origin).splitlines()[0][:200] if str(origin) else ""


def _give_up_safely() -> None:
    try:
        database.give_up()
    except Exception:  # noqa: BLE001  # the database itself may be what broke
        g.gave_up = True
