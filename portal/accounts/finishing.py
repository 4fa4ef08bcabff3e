"""The one way to finish a sign-in, whatever it began with, so that every way in is as strong as the others.

A password, a mailed code or link, a reset and joining are first steps; whoever has a second factor is asked for it
after each of them. A passkey is both at once: the device asked for a finger, a face or a PIN before it signed.
"""

from __future__ import annotations

from enum import StrEnum

from flask import redirect, request, url_for
from werkzeug.wrappers import Response

from portal.accounts import browsers, steps, two_step
from portal.accounts.models import Device, Member, Step
from portal.accounts.signed_in import begin_session, this_device
from portal.accounts.signing_in import open_device
from portal.accounts.times import in_their_zone
from portal.core import letters
from portal.core.clock import now
from portal.core.web import absolute

AFTER_SIGN_IN = "/library"


class First(StrEnum):
    """What somebody proved first."""

    PASSWORD = "password"  # noqa: S105  # a word for it, not one
    MAILBOX = "mailbox"  # a mailed code or link
    RESET = "reset"
    JOINED = "joined"
    PASSKEY = "passkey"  # first and second at once


_TOLD_ALREADY = {First.RESET, First.JOINED}  # another letter tells of these


def after_first_step(member: Member, first: First, *, wanted: str) -> Response:
    """Sign this browser in, or ask for the second factor first."""
    if not two_step.is_on(member):
        return _sign_in(member, first, strong=False, wanted=wanted)
    if browsers.is_trusted(member):
        return _sign_in(member, first, strong=True, fresh=False, wanted=wanted)
    steps.begin(Step.SECOND, member.id, first_proof=first)
    return redirect(url_for("sign_in.second_step", next=wanted), 303)


def after_second_step(member: Member, first: First, *, trust: bool, wanted: str) -> Response:
    """Sign this browser in, and remember it for 30 days if asked to."""
    return _sign_in(member, first, strong=True, trust=trust, wanted=wanted)


def after_passkey(member: Member, *, wanted: str) -> Response:
    """Sign this browser in: a passkey is a thing they have, opened by what they know or are."""
    return _sign_in(member, First.PASSKEY, strong=True, wanted=wanted)


def _sign_in(
    member: Member, first: First, *, strong: bool, wanted: str, fresh: bool = True, trust: bool = False
) -> Response:
    """A new device and session; staff without a second factor are led to set one up before anything else."""
    begin_session(open_device(member, user_agent=request.user_agent.string, strong=strong, fresh=fresh))
    answer = redirect(two_step.way_to_prove(wanted) or wanted, 303)
    is_new = browsers.note(this_device(), trust=trust, answer=answer)
    # An address that nobody has shown to be theirs may be a stranger's, whose mailbox is not to be filled.
    if is_new and member.is_confirmed and first not in _TOLD_ALREADY:
        _tell_of_new_browser(this_device())
    return answer


def _tell_of_new_browser(device: Device) -> None:
    letters.post(
        "accounts/new-browser",
        to=device.member,
        browser=device.label,
        moment=in_their_zone(device.member, now()),
        link=absolute("accounts.security"),
    )
