"""Pages of notifications."""

from __future__ import annotations

from flask import Blueprint

from portal.notifications import models  # noqa: F401

bp = Blueprint("notifications", __name__)


def unsubscribe_now() -> str:
    return ""
