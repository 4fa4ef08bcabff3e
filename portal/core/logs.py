"""One JSON line per change of state: ids only, no words, addresses or tokens of members."""

from __future__ import annotations

import logging
import re
import sys
from typing import Any

import structlog
from flask import Flask

_SECRETS = [
    (re.compile(r"[\w.+-]+@[\w-]+\.[\w.-]+"), "<address>"),
    (re.compile(r"pf[lifn]_[\w-]+"), "<token>"),  # ours, wherever it stands: in a `next`, in a message of an error
    (re.compile(r"\b(sk|rk)_(test|live)_\w+|whsec_\w+"), "<key>"),
    (
        re.compile(
            r"(/(?:password/reset|sign-in/link|confirm|email/stop|stay|unsubscribe|feeds|invitations)/)[^/\s\"?]+"
        ),
        r"\1<token>",
    ),
]
_MAX = 2000  # characters of one value


def init_app(app: Flask) -> None:
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            _redact,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING if app.testing else logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )


def _redact(_logger: Any, _method: str, event: Any) -> Any:
    return {key: redacted(value) if isinstance(value, str) else value for key, value in event.items()}


def redacted(text: str) -> str:
    """The text without mail addresses, keys and tokens, on one line, cut at 2,000 characters."""
    for pattern, instead in _SECRETS:
        text = pattern.sub(instead, text)
    return text[:_MAX]
