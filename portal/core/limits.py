"""Rate windows on routes that invite abuse. Sign-in attempts are counted in the database (accounts/attempts.py)."""

from __future__ import annotations

import math
import time

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


def seconds_to_wait() -> int:
    """How long until the window of this request opens again; of the limit that was reached."""
    reached = limiter.current_limit
    return max(1, math.ceil(reached.reset_at - time.time())) if reached else 60


def init_app(app: Flask) -> None:
    """Flask-Limiter's own headers stay off: it would write its Retry-After over that of any other answer, a 303 too."""
    limiter.init_app(app)
    # No limit stands on all routes, and those that have one ask for themselves: nothing is to be asked before others.
    app.before_request_funcs[None].remove(limiter._check_request_limit)
