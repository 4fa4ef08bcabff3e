"""Pages of billing."""

from __future__ import annotations

from flask import Blueprint

bp = Blueprint("billing", __name__)


def stripe_events() -> str:
    return ""
