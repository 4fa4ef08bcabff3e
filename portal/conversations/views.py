"""Pages of conversations."""

from __future__ import annotations

from flask import Blueprint

from portal.conversations import models  # noqa: F401

bp = Blueprint("conversations", __name__)
