"""Signing in by mailbox: a letter with a code for the browser that asked, and a link for any other.

The code works only in the browser that asked for it (Ghost GHSA-9m84-wc28-w895), so nobody gets in with a code they
talked out of somebody without also having that browser. The same steps are taken for every address, known or not.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from datetime import timedelta

from flask import current_app
from sqlalchemy import func, select

from portal.accounts import first_proof, links, steps
from portal.accounts.addresses import whose
from portal.accounts.models import Member, Purpose, SignInStep, Step
from portal.core import letters
from portal.core.clock import now
from portal.core.db import db, transaction
from portal.core.errors import Refusal
from portal.core.jobs import enqueue, job
from portal.core.web import absolute

DIGITS = 8
LETTERS_PER_HOUR = 10  # a stranger's asking fills no mailbox, and each of the letters lets its reader in


class WrongCode(Refusal):
    message = "That is not the code in the letter. Check it, or have another one sent."
    status = 422


def ask(email: str) -> None:
    """Begin a sign-in in this browser, and have a code sent if the address is somebody's."""
    member_id = db.session.scalar(select(Member.id).where(whose(email)))
    enqueue(send, step_id=steps.begin(Step.CODE, member_id).id)


def ask_again(member: Member) -> None:
    """The same for somebody signed in, who has to show once more who they are."""
    enqueue(send, step_id=steps.begin(Step.CODE_AGAIN, member.id).id)


@job("accounts.send_sign_in_code")
def send(step_id: int) -> None:
    """Write the letter, to the one address we know. Nobody's step and too many letters end in silence."""
    with transaction():
        step = db.session.get(SignInStep, step_id)
        if step is None or step.member_id is None or step.secret is not None or step.used_at is not None:
            return
        member = db.session.get_one(Member, step.member_id)
        if member.closed_at is not None or _sent_lately(member) >= LETTERS_PER_HOUR:
            return
        code = f"{secrets.randbelow(10**DIGITS):0{DIGITS}}"
        step.secret = _keyed(step, code)
        link = None
        if step.kind is Step.CODE:
            link = absolute("sign_in.link", token=links.issue(member, Purpose.SIGN_IN)[0])
        letters.post(
            "accounts/sign-in-code",
            to=member,
            key=f"accounts/sign-in-code:{step.once}",
            code=f"{code[: DIGITS // 2]} {code[DIGITS // 2 :]}",
            link=link,
            minutes=int(steps.LASTS.total_seconds() // 60),
        )


def take(step: SignInStep, typed: str) -> Member:
    """Whose mailbox the code was read in; it and its link are used up. Raises WrongCode, steps.StepOver."""
    steps.count_try(step)
    expected = step.secret or "nothing was sent"
    if not hmac.compare_digest(expected, _keyed(step, "".join(typed.split()))) or step.member_id is None:
        raise WrongCode()
    steps.finish(step)
    links.void(step.member_id, Purpose.SIGN_IN)
    member = db.session.get_one(Member, step.member_id)
    if step.kind is Step.CODE_AGAIN:  # signed in already, and now the mailbox as well: both are one person's
        member.confirmed_at = member.confirmed_at or now()
    else:
        first_proof.show(member)
    return member


def take_link(token: str) -> Member:
    """Whose mailbox the link was read in; it and its code are used up. Raises links.LinkSpent."""
    member = links.use(token, Purpose.SIGN_IN)
    steps.void(member)
    first_proof.show(member)
    return member


def _sent_lately(member: Member) -> int:
    sent = select(func.count()).select_from(SignInStep)
    lately = SignInStep.created_at > now() - timedelta(hours=1)
    return db.session.scalar(sent.where(SignInStep.member_id == member.id, SignInStep.secret.is_not(None), lately)) or 0


def _keyed(step: SignInStep, code: str) -> str:
    """How a code is kept: eight digits would be found from a plain hash, so our key is part of it."""
    key = str(current_app.config["SECRET_KEY"]).encode()
    return hmac.new(key, f"sign-in code:{step.id}:{code}".encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()
