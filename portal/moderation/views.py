"""Pages of moderation."""

from __future__ import annotations

from flask import Blueprint

from portal.moderation import models  # noqa: F401

bp = Blueprint("moderation", __name__)
