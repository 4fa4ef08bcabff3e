"""The second step of signing in: six digits from an authenticator app, or a recovery code for whoever lost the phone.

Offered to members, required of staff (`STAFF_SECOND_FACTOR`), whose pages stay closed to a sign-in without one.
"""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass

from flask import current_app, request, url_for
from sqlalchemy import delete, func, select, update
from sqlalchemy.exc import IntegrityError

from portal.accounts import attempts, browsers
from portal.accounts.models import Authenticator, Device, Member, Passkey, RecoveryCode
from portal.accounts.signed_in import hashed, this_device
from portal.accounts.signing_in import end_all_devices
from portal.accounts.times import in_their_zone
from portal.core import audit, letters
from portal.core.clock import now
from portal.core.db import db
from portal.core.errors import Refusal
from portal.core.qr import code_of
from portal.core.web import absolute

SECONDS = 30  # of one code (RFC 6238)
DRIFT = 1  # codes before and after the present one that are taken too: clocks differ, typing takes time
CODES = 10
_LETTERS = "abcdefghijkmnpqrstuvwxyz23456789"  # nothing that looks like something else
_GROUPS, _GROUP = 4, 6  # 120 random bits, so a plain hash keeps them (ASVS 6.5.2)


class WrongCode(Refusal):
    message = "That code is not right, or was used before. Wait for the next one and try again."
    status = 422


class AlreadyOn(Refusal):
    message = "Two-step sign-in is on already."


class ConfirmFirst(Refusal):
    message = "Please confirm your address first: the link is in the letter that we sent you when you joined."


class NotBegun(Refusal):
    message = "The setting up has to be begun first."


def is_on(member: Member) -> bool:
    """Whether a first step alone opens nothing: they have an app, or are staff whose second factor is a passkey."""
    return has_app(member) or (is_required(member) and has_passkey(member))


def has_app(member: Member) -> bool:
    return authenticator_of(member) is not None


def has_passkey(member: Member) -> bool:
    return db.session.scalar(select(Passkey.id).where(Passkey.member_id == member.id).limit(1)) is not None


def authenticator_of(member: Member, *, confirmed: bool = True) -> Authenticator | None:
    """Their authenticator app: the one that counts, or the one being set up."""
    found = db.session.scalar(select(Authenticator).where(Authenticator.member_id == member.id))
    return found if found is not None and (found.confirmed_at is not None) is confirmed else None


def way_to_prove(wanted: str | None = None) -> str | None:
    """Where whoever opens a page for staff (or is about to) has to go first; None if their sign-in is strong enough."""
    device = this_device()
    if device.strong_at is not None or not is_required(device.member):
        return None
    if wanted is None and request.method == "GET":
        wanted = request.full_path.rstrip("?")
    return url_for("sign_in.again" if is_on(device.member) else "security.two_step", next=wanted)


def is_required(member: Member) -> bool:
    return member.is_staff and bool(current_app.config["STAFF_SECOND_FACTOR"])


def begin(member: Member) -> None:
    """A new secret for an app; it does not count until a code of it was typed. Raises ConfirmFirst, AlreadyOn."""
    import pyotp  # only whoever sets it up needs it

    require_confirmed(member)
    found = db.session.scalar(select(Authenticator).where(Authenticator.member_id == member.id).with_for_update())
    if found is not None and found.confirmed_at is not None:
        raise AlreadyOn()
    found = found or Authenticator(member_id=member.id)
    found.secret = pyotp.random_base32()
    try:
        with db.session.begin_nested():
            db.session.add(found)
            db.session.flush()
    except IntegrityError:  # another tab was first, and its secret stands
        return


def require_confirmed(member: Member) -> None:
    """Nobody locks an address with a factor of theirs before showing that it is theirs. Raises ConfirmFirst."""
    if not member.is_confirmed:
        raise ConfirmFirst()


def confirm(device: Device, typed: str) -> list[str]:
    """Switch it on with a first code of the app; ten recovery codes, shown once. Raises WrongCode, NotBegun, TooMuch.

    Every other browser is signed out: nobody was asked for a second step there.
    """
    member = device.member
    found = authenticator_of(member, confirmed=False)
    if found is None:
        raise NotBegun()
    attempts.begin_second(member.id)
    if not _is_right(found, typed):
        raise WrongCode()
    found.confirmed_at = device.strong_at = now()
    attempts.forgive_second(member.id)
    end_all_devices(member, but=device)
    audit.record(member, "two_step.on", member)
    tell(member, "Two-step sign-in is on", "From now on, signing in also asks for a code from your authenticator app.")
    return _new_codes(member)


def prove(member: Member, typed: str) -> None:
    """Six digits of their app, or a recovery code. Raises WrongCode, TooMuch."""
    attempts.begin_second(member.id)
    app = authenticator_of(member)
    plain = "".join(typed.split()).casefold()
    if app is None or not (_is_right(app, plain) or _spend(member, plain)):
        raise WrongCode()
    attempts.forgive_second(member.id)


def new_codes(member: Member) -> list[str]:
    """Ten new recovery codes; the ones before open nothing any more."""
    audit.record(member, "recovery_codes.renewed", member)
    tell(member, "You have new recovery codes", "The recovery codes you had before no longer work.")
    return _new_codes(member)


def codes_left(member: Member) -> int:
    return (
        db.session.scalar(
            select(func.count())
            .select_from(RecoveryCode)
            .where(RecoveryCode.member_id == member.id, RecoveryCode.used_at.is_(None))
        )
        or 0
    )


def turn_off(member: Member, *, by: Member | None) -> None:
    """Signing in takes one step again, and no browser is remembered. `by` None: on the command line."""
    db.session.execute(delete(Authenticator).where(Authenticator.member_id == member.id))
    db.session.execute(delete(RecoveryCode).where(RecoveryCode.member_id == member.id))
    browsers.trust_none(member)
    audit.record(by, "two_step.off", member)
    weaken(member)
    tell(member, "Two-step sign-in is off", "From now on, signing in no longer asks for a code from an app.")


def weaken(member: Member) -> None:
    """Once nothing is left that they could prove, no sign-in of theirs counts as strong."""
    if not (has_app(member) or has_passkey(member)):
        db.session.execute(update(Device).where(Device.member_id == member.id).values(strong_at=None))


@dataclass(frozen=True)
class ForTheApp:
    """What an authenticator app takes in: a QR code as the path of an SVG, its width in modules, and the secret."""

    path: str
    width: int
    secret: str


def for_the_app(authenticator: Authenticator, member: Member) -> ForTheApp:
    """How the secret reaches the phone: by its camera, or typed in groups of four."""
    import pyotp  # only whoever sets it up needs it

    address = pyotp.TOTP(authenticator.secret).provisioning_uri(
        name=member.email, issuer_name=current_app.config["SITE_NAME"]
    )
    code, secret = code_of(address), authenticator.secret
    return ForTheApp(code.path, code.width, " ".join(secret[at : at + 4] for at in range(0, len(secret), 4)))


def _is_right(app: Authenticator, typed: str) -> bool:
    """Whether it is a code of this moment that was not used before; one conditional UPDATE uses it up."""
    digits = "".join(typed.split())
    if not (digits.isascii() and digits.isdigit() and len(digits) == 6):
        return False
    import pyotp  # only whoever proves a code needs it

    present = int(now().timestamp()) // SECONDS
    codes = pyotp.TOTP(app.secret)
    fitting = [
        step
        for step in range(present - DRIFT, present + DRIFT + 1)
        if hmac.compare_digest(codes.generate_otp(step), digits)
    ]
    if not fitting:
        return False
    used = db.session.scalar(
        update(Authenticator)
        .where(Authenticator.id == app.id, Authenticator.last_step < fitting[-1])
        .values(last_step=fitting[-1])
        .returning(Authenticator.id)
    )
    return used is not None


def _spend(member: Member, typed: str) -> bool:
    """Whether it is a recovery code of theirs; one conditional UPDATE uses it up."""
    spent = db.session.scalar(
        update(RecoveryCode)
        .where(
            RecoveryCode.member_id == member.id,
            RecoveryCode.code_hash == hashed(typed.replace("-", "")),
            RecoveryCode.used_at.is_(None),
        )
        .values(used_at=now())
        .returning(RecoveryCode.id)
    )
    if spent is None:
        return False
    left = codes_left(member)
    audit.record(member, "recovery_code.used", member, left=left)
    tell(member, "A recovery code was used", f"Somebody signed in with one of your recovery codes. {left} are left.")
    return True


def _new_codes(member: Member) -> list[str]:
    db.session.execute(delete(RecoveryCode).where(RecoveryCode.member_id == member.id))
    made = [
        "-".join("".join(secrets.choice(_LETTERS) for _ in range(_GROUP)) for _ in range(_GROUPS)) for _ in range(CODES)
    ]
    db.session.add_all(RecoveryCode(member_id=member.id, code_hash=hashed(code.replace("-", ""))) for code in made)
    db.session.flush()
    return made


def tell(member: Member, headline: str, sentence: str) -> None:
    """A letter about what they sign in with."""
    letters.post(
        "accounts/sign-in-changed",
        to=member,
        headline=headline,
        sentence=sentence,
        moment=in_their_zone(member, now()),
        link=absolute("accounts.security"),
    )
