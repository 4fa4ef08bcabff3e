"""Passkeys: a key in somebody's device signs a challenge of ours, after the device has asked for finger, face or PIN.

Each challenge is a step under way (steps.py): made for one thing, in one browser, used once. The names of the site
and its host come from PUBLIC_URL, never from the request.
"""

from __future__ import annotations

import json
import secrets
import unicodedata
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from flask import current_app
from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError

from portal.accounts import steps, two_step
from portal.accounts.models import Device, Member, Passkey, SignInStep, Step
from portal.core import audit
from portal.core.clock import now
from portal.core.db import db
from portal.core.errors import Refusal
from portal.core.markdown import says_something
from portal.core.web import plain_name

MOST = 20  # of one member
LONGEST_NAME = 60
_LONGEST = 20_000  # characters of what a browser hands over; a big one has three thousand


class NotThisPasskey(Refusal):
    message = "That passkey did not work here. Try again, or sign in another way."
    status = 422


class NotAdded(Refusal):
    message = "The passkey was not added. Try again; if your device asks for a PIN or finger, it has to be given."
    status = 422


class TooMany(Refusal):
    message = f"You have {MOST} passkeys. Remove one that you no longer use first."


class NameTaken(Refusal):
    message = "You have a passkey with that name already. Choose another name."
    status = 422


class NoName(Refusal):
    message = "Give it a name that can be read."
    status = 422


def of(member: Member) -> Sequence[Passkey]:
    return db.session.scalars(select(Passkey).where(Passkey.member_id == member.id).order_by(Passkey.id)).all()


def to_sign_in() -> str:
    """What the browser needs to let anybody sign in, as JSON. Names nobody, so it tells nobody who has an account."""
    return _request(steps.begin(Step.PASSKEY, None), [])


def to_prove(member: Member) -> str:
    """The same for somebody signed in, who may only use a passkey of theirs."""
    return _request(steps.begin(Step.PASSKEY_AGAIN, member.id), of(member))


def to_add(member: Member) -> str:
    """What the browser needs to make a new passkey, as JSON. Raises TooMany, two_step.ConfirmFirst."""
    import webauthn  # two hundred milliseconds that only these pages pay
    from webauthn.helpers import options_to_json, structs

    two_step.require_confirmed(member)
    present = of(member)
    if len(present) >= MOST:
        raise TooMany()
    options = webauthn.generate_registration_options(
        rp_id=_host(),
        rp_name=current_app.config["SITE_NAME"],
        user_id=member.uuid.encode(),
        user_name=member.email,
        user_display_name=member.name,
        challenge=_challenge(steps.begin(Step.PASSKEY_NEW, member.id)),
        exclude_credentials=_descriptors(present),
        authenticator_selection=structs.AuthenticatorSelectionCriteria(
            resident_key=structs.ResidentKeyRequirement.REQUIRED,  # offered by autofill, before any name is typed
            user_verification=structs.UserVerificationRequirement.REQUIRED,  # it stands for both factors
        ),
    )
    return options_to_json(options)


def sign_in(credential: str) -> Member:
    """Whose passkey signed the challenge of this browser. Raises NotThisPasskey, steps.StepOver."""
    return _verified(credential, steps.under_way(Step.PASSKEY)).member


def prove(credential: str, *, member: Member) -> None:
    """That `member` is who is sitting there. Raises NotThisPasskey, steps.StepOver."""
    step = steps.under_way(Step.PASSKEY_AGAIN)
    if step.member_id != member.id:  # begun in this browser as somebody else
        raise steps.StepOver()
    if _verified(credential, step).member_id != member.id:
        raise NotThisPasskey()


def add(device: Device, credential: str, *, name: str) -> Passkey:
    """Keep a passkey that was just made in this browser. Raises NotAdded, TooMany, steps.StepOver."""
    import webauthn  # as above
    from webauthn.helpers import bytes_to_base64url

    member = device.member
    step = steps.under_way(Step.PASSKEY_NEW)
    if step.member_id != member.id:
        raise steps.StepOver()
    steps.count_try(step)
    try:
        made = webauthn.verify_registration_response(
            credential=_read(credential),
            expected_challenge=_challenge(step),
            expected_rp_id=_host(),
            expected_origin=_origin(),
            require_user_verification=True,
        )
    except Exception:  # noqa: BLE001  # a parser of hostile bytes; whatever it stumbles over, the answer is no
        raise NotAdded() from None
    steps.finish(step)
    if len(of(member)) >= MOST:
        raise TooMany()
    passkey = Passkey(
        member_id=member.id,
        credential_id=bytes_to_base64url(made.credential_id),
        public_key=made.credential_public_key,
        sign_count=made.sign_count,
        name=_free_name(member, name),
    )
    try:
        with db.session.begin_nested():
            db.session.add(passkey)
            db.session.flush()
    except IntegrityError:  # somebody has it already
        raise NotAdded() from None
    device.strong_at = now()
    audit.record(member, "passkey.added", passkey)
    two_step.tell(member, "A passkey was added", f"A passkey called “{passkey.name}” now opens your account.")
    return passkey


def rename(passkey: Passkey, name: str) -> None:
    """Raises NoName, NameTaken."""
    cleaned = _clean(name)
    if not says_something(cleaned):
        raise NoName()
    if _folded(cleaned) in {_folded(other.name) for other in of(passkey.member) if other.id != passkey.id}:
        raise NameTaken()
    passkey.name = cleaned


def remove(passkey: Passkey) -> None:
    """It opens nothing any more."""
    member = passkey.member
    audit.record(member, "passkey.removed", passkey)
    db.session.delete(passkey)
    db.session.flush()
    two_step.weaken(member)
    two_step.tell(member, "A passkey was removed", f"The passkey called “{passkey.name}” no longer opens your account.")


def _verified(credential: str, step: SignInStep) -> Passkey:
    """The passkey that signed the step's challenge; the step is used up, and the passkey's counter moved on."""
    import webauthn  # as above
    from webauthn.helpers import bytes_to_base64url, parse_authentication_credential_json

    steps.count_try(step)
    try:
        handed = parse_authentication_credential_json(_read(credential))
    except Exception:  # noqa: BLE001  # as above
        raise NotThisPasskey() from None
    passkey = db.session.scalar(
        select(Passkey)
        .join(Member, Member.id == Passkey.member_id)
        .where(Passkey.credential_id == bytes_to_base64url(handed.raw_id), Member.closed_at.is_(None))
    )
    if passkey is None or handed.response.user_handle not in {None, passkey.member.uuid.encode()}:
        raise NotThisPasskey()
    try:
        signed = webauthn.verify_authentication_response(
            credential=handed,
            expected_challenge=_challenge(step),
            expected_rp_id=_host(),
            expected_origin=_origin(),
            credential_public_key=passkey.public_key,
            credential_current_sign_count=passkey.sign_count,
            require_user_verification=True,
        )
    except Exception:  # noqa: BLE001  # as above
        raise NotThisPasskey() from None
    steps.finish(step)
    moved_on = db.session.scalar(
        update(Passkey)
        .where(
            Passkey.id == passkey.id,
            Passkey.sign_count == passkey.sign_count,  # the one the signature was compared with
        )
        .values(sign_count=signed.new_sign_count, used_at=now())
        .returning(Passkey.id)
    )
    if moved_on is None:  # a copy of the key has signed meanwhile
        raise NotThisPasskey()
    return passkey


def _request(step: SignInStep, allowed: Sequence[Passkey]) -> str:
    import webauthn  # as above
    from webauthn.helpers import options_to_json, structs

    options = webauthn.generate_authentication_options(
        rp_id=_host(),
        challenge=_challenge(step),
        allow_credentials=_descriptors(allowed) or None,
        user_verification=structs.UserVerificationRequirement.REQUIRED,
    )
    return options_to_json(options)


def _challenge(step: SignInStep) -> bytes:
    """The challenge of a step, made when it is first asked for."""
    if step.secret is None:
        step.secret = secrets.token_urlsafe(32)
    return step.secret.encode()


def _descriptors(passkeys: Sequence[Passkey]) -> list[Any]:
    from webauthn.helpers import base64url_to_bytes, structs

    return [structs.PublicKeyCredentialDescriptor(id=base64url_to_bytes(key.credential_id)) for key in passkeys]


def _read(credential: str) -> dict[str, Any]:
    """The JSON object that a browser hands over. Raises ValueError."""
    if len(credential) > _LONGEST:
        raise ValueError("longer than any browser's")
    found = json.loads(credential)
    if not isinstance(found, dict):
        raise ValueError("no object")
    return found


def _host() -> str:
    return urlsplit(current_app.config["PUBLIC_URL"]).hostname or ""


def _origin() -> str:
    address = urlsplit(current_app.config["PUBLIC_URL"])
    return f"{address.scheme}://{address.netloc}"


def _clean(name: str) -> str:
    """In one form, so that two names that look the same are the same (full-width and ligatures fold)."""
    return plain_name(unicodedata.normalize("NFKC", name))[:LONGEST_NAME].strip()


def _folded(name: str) -> str:
    return unicodedata.normalize("NFKC", name).casefold()


def _free_name(member: Member, wanted: str) -> str:
    """ "Chrome on Windows", then "Chrome on Windows 2"."""
    name = _clean(wanted)[: LONGEST_NAME - 3] or "Passkey"
    taken = {_folded(key.name) for key in of(member)}
    tries = [name, *(f"{name} {number}" for number in range(2, MOST + 2))]
    return next(each for each in tries if _folded(each) not in taken)
