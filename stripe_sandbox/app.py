"""The sandbox as a WSGI application: the API, the hosted pages, the control door."""

from __future__ import annotations

import os
from pathlib import Path

from flask import Flask, Response, current_app
from jinja2 import StrictUndefined
from werkzeug.exceptions import HTTPException
from werkzeug.http import http_date

from stripe_sandbox import api, checkout_page, control, control_page, deliveries, invoice_page, portal_page
from stripe_sandbox.pages import page
from stripe_sandbox.sandbox import Sandbox, listen_as_environment_says


def create_app(
    database: Path | str,
    *,
    delivery: str = "thread",
    seed: int | None = None,
    retry_seconds: tuple[float, ...] | None = None,
    public_url: str | None = None,
) -> Flask:
    """`delivery="thread"` sends webhooks in the background once `app.extensions["sandbox"].start()` was called;
    "manual" leaves it to `.deliver(send)`. `seed` shuffles the order of what is due."""
    if delivery not in ("thread", "manual"):
        raise ValueError("delivery is thread or manual")
    app = Flask(__name__)
    app.config["PUBLIC_URL"] = public_url or os.environ.get("SANDBOX_PUBLIC_URL")
    app.config["MAX_CONTENT_LENGTH"] = 1024 * 1024
    app.jinja_env.undefined = StrictUndefined
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    sandbox = Sandbox(database, delivery=delivery, seed=seed, retry_seconds=retry_seconds or _retry_seconds())
    app.extensions["sandbox"] = sandbox
    listen_as_environment_says(sandbox)
    app.after_request(_say_the_time)
    app.register_error_handler(HTTPException, _error_page)
    for blueprint in (api.bp, checkout_page.bp, portal_page.bp, invoice_page.bp, control.bp, control_page.bp):
        app.register_blueprint(blueprint)
    return app


def _error_page(problem: HTTPException) -> Response:
    """Whatever goes wrong on a page, it still says that this is no real Stripe."""
    return page("trouble.html", problem.code or 500, problem=problem)


def _say_the_time(response: Response) -> Response:
    sandbox: Sandbox = current_app.extensions["sandbox"]
    with sandbox.store.read() as tx:
        response.headers["Date"] = http_date(deliveries.told_time(tx))
    return response


def _retry_seconds() -> tuple[float, ...]:
    text = os.environ.get("SANDBOX_RETRY_SECONDS")
    return tuple(float(part) for part in text.split(",")) if text else deliveries.RETRY_SECONDS
