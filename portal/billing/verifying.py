"""Whether the sandbox was held against the real Stripe: the program that does it, and the note it left.

The comparison is part of stripe_sandbox, which the portal never imports and a production machine need not have: it runs
as a program of its own, with a test key.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from flask import current_app

from portal.billing.asking import API_VERSION

ROOT = Path(__file__).parents[2]
NOTE = ROOT / "deploy" / "verified-at-stripe.md"
COMMAND = "flask billing verify-real"


@dataclass(frozen=True)
class Compared:
    """What the note says: with which SDK and API version, on which day, how many checks differed."""

    sdk: str
    api: str
    day: str
    differ: int

    @property
    def is_of_today(self) -> bool:
        """Whether it was made with the versions that are installed now."""
        return (self.sdk, self.api) == (version("stripe"), API_VERSION)


def last_compared() -> Compared | None:
    """The note of the last comparison; None when there never was one."""
    if not NOTE.exists():
        return None
    told = re.search(r"^SDK (\S+), API (\S+), (\S+): \d+ checks the same, (\d+) differ", NOTE.read_text(), re.M)
    return Compared(told[1], told[2], told[3], int(told[4])) if told else None


def compare(*words: str) -> int:
    """Run the comparison and return its exit status: 0 the same, 1 something differs, 2 nothing was compared."""
    if find_spec("stripe_sandbox") is None:
        sys.stderr.write(
            "The comparison is part of stripe_sandbox, which is not installed here. Run this command in a checkout of "
            "the whole program, on your own machine, with a test key.\n"
        )
        return 2
    key = os.environ.get("STRIPE_VERIFY_KEY") or current_app.config["STRIPE_SECRET_KEY"]
    program = [sys.executable, "-m", "stripe_sandbox.comparing", "--note", str(NOTE), *words]
    return subprocess.run(program, cwd=ROOT, env=os.environ | {"STRIPE_VERIFY_KEY": key}, check=False).returncode
