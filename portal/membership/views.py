"""Pages of membership."""

from __future__ import annotations

from flask import Blueprint

bp = Blueprint("membership", __name__)
