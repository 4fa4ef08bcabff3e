"""A fresh sign-in before what matters most: whoever finds a laptop open cannot take the account over.

`needs_fresh_sign_in` stands below `@admits(...)` of a view. The device row remembers when its member last proved who
they are; proving it again renews the session's token, so a token that was copied before is worth nothing after.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar
from urllib.parse import urlsplit

from flask import current_app, redirect, request, url_for
from sqlalchemy import update
from werkzeug.exceptions import HTTPException

from portal.accounts import attempts, mailed_codes, passkeys, passwords, steps, two_step
from portal.accounts.models import Device, SignInStep
from portal.accounts.signed_in import hashed, this_device
from portal.core.clock import now
from portal.core.db import db
from portal.core.errors import Refusal
from portal.core.web import local_path

View = TypeVar("View", bound=Callable[..., Any])


class NotProved(Refusal):
    message = "That is not your password. Check it and try again."
    status = 422


class CodeNeeded(Refusal):
    message = "Two-step sign-in is on, so this alone is not enough. Type a code of your app instead."


class SignedOutMeanwhile(Refusal):
    message = "This browser was signed out in the meantime. Please sign in again."


def needs_fresh_sign_in(view: View) -> View:
    """Lead whoever has not proved who they are in the last quarter hour to `/sign-in/again`, and back.

    What a form sent is not kept: they come back to the page the form stands on, and send it once more.
    """

    @wraps(view)
    def asked_first(*args: Any, **values: Any) -> Any:
        if is_proved(this_device()):
            return view(*args, **values)
        return redirect(url_for("sign_in.again", next=_way_back()), 303)

    return asked_first  # type: ignore[return-value]  # the same view with a question before it


def is_proved(device: Device) -> bool:
    """Whether they proved a moment ago all that they have: a password alone is not enough where there is more."""
    return device.is_fresh and (device.strong_at is not None or not two_step.is_on(device.member))


def prove_by_password(device: Device, password: str, *, network: str | None) -> str:
    """The new token for the session of `device`. Raises NotProved, CodeNeeded, TooMuch, SignedOutMeanwhile. Slow."""
    member = device.member
    if two_step.is_on(member):
        raise CodeNeeded()  # or whoever reads a password over a shoulder could switch the second step off
    attempts.begin(member.email, network)
    if not passwords.fits(password, member.password_hash):
        raise NotProved()
    attempts.forgive(member.email, network)
    return renew(device)


def prove_by_code(device: Device, code: str) -> str:
    """By their authenticator app or a recovery code. Raises two_step.WrongCode, TooMuch, SignedOutMeanwhile."""
    two_step.prove(device.member, code)
    return renew(device, strong=True)


def prove_by_passkey(device: Device, credential: str) -> str:
    """By a passkey of theirs. Raises passkeys.NotThisPasskey, steps.StepOver, SignedOutMeanwhile."""
    passkeys.prove(credential, member=device.member)
    return renew(device, strong=True)


def prove_by_mail(device: Device, step: SignInStep, code: str) -> str:
    """By a code mailed to them. Raises mailed_codes.WrongCode, CodeNeeded, steps.StepOver, SignedOutMeanwhile."""
    if two_step.is_on(device.member):
        raise CodeNeeded()
    if step.member_id != device.member_id:  # begun in this browser as somebody else
        raise steps.StepOver()
    mailed_codes.take(step, code)
    return renew(device)


def renew(device: Device, *, fresh: bool = True, strong: bool = False) -> str:
    """They proved who they are: a new token for the same device, fresh from now. Raises SignedOutMeanwhile.

    One conditional UPDATE, so that a device ended in the meantime stays ended, and of two at once one renews.
    """
    token, before = secrets.token_urlsafe(32), device.token_hash
    changes: dict[str, Any] = {"token_hash": hashed(token)}
    changes |= {"fresh_at": now()} if fresh else {}
    changes |= {"strong_at": now()} if strong else {}
    renewed = db.session.scalar(
        update(Device)
        .where(Device.id == device.id, Device.token_hash == before, Device.ended_at.is_(None))
        .values(**changes)
        .returning(Device.id)
    )
    if renewed is None:
        raise SignedOutMeanwhile()
    return token


def _way_back() -> str:
    """The page asked for; for a form, the page it stands on."""
    if request.method in {"GET", "HEAD"}:
        return request.full_path.rstrip("?")
    came_from = urlsplit(request.referrer or "")
    if came_from.netloc == request.host:
        page = came_from.path + (f"?{came_from.query}" if came_from.query else "")
        return local_path(page, _page_here())
    return _page_here()


def _page_here() -> str:
    """This address, if there is a page at it and not only a form's target."""
    try:
        current_app.url_map.bind("portal").match(request.path, method="GET")
    except HTTPException:
        return url_for("membership.account")
    return request.path
