"""Pages of library."""

from __future__ import annotations

from flask import Blueprint

from portal.library import models  # noqa: F401

bp = Blueprint("library", __name__)
