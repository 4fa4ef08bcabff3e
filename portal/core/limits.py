"""Rate windows on routes that invite abuse. Sign-in attempts are counted in the database (accounts/attempts.py)."""

from flask import Flask
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from flask_login import current_user


def _who() -> str:
    """A signed-in person is counted as one, wherever they are; others by address."""
    if current_user.is_authenticated:
        return f"member:{current_user.member_id}"
    return f"address:{get_remote_address()}"


limiter = Limiter(_who)


def init_app(app: Flask) -> None:
    limiter.init_app(app)
