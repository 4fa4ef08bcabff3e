"""Members, their devices and second factors, sign-ins under way, one-time links, and the count of sign-in attempts."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, String, UniqueConstraint, false, text
from sqlalchemy.orm import Mapped, mapped_column, relationship, validates

from portal.core.clock import now
from portal.core.db import Model, Words


class Role(StrEnum):
    """What someone may do beside paying; each includes the ones before it."""

    MEMBER = "member"
    MODERATOR = "moderator"
    COACH = "coach"
    OWNER = "owner"

    def is_at_least(self, role: Role) -> bool:
        return _RANK.index(self) >= _RANK.index(role)


_RANK = list(Role)
_FORMS_OF_ADDRESS = {"dr", "prof", "professor", "mr", "mrs", "ms", "mx"}
IDLE = timedelta(days=30)  # a browser unused for so long is signed out
LEAVES_AFTER = timedelta(days=7)  # so long whoever asked for their account to be deleted may take that back
FRESH_FOR = timedelta(minutes=15)  # so long a proof of who they are opens what asks for a fresh one


class Member(Model):
    """A person with an account, whether or not they have paid."""

    __tablename__ = "member"

    uuid: Mapped[str] = mapped_column(String(36), unique=True, default=lambda: str(uuid.uuid4()))  # known to Stripe
    email: Mapped[str] = mapped_column(unique=True)  # canonical form, see accounts/addresses.py
    name: Mapped[str] = mapped_column(String(80))
    handle: Mapped[str] = mapped_column(String(40), unique=True)  # /members/<handle>
    password_hash: Mapped[str | None]  # Argon2id with its parameters; None: signs in another way
    role: Mapped[Role] = mapped_column(default=Role.MEMBER)
    confirmed_at: Mapped[datetime | None]  # the address was shown to be theirs; posting waits for it
    suspended_until: Mapped[datetime | None]  # set by moderation/sanctioning.py alone; expires by itself
    suspended_because: Mapped[str | None] = mapped_column(Words)
    silenced_until: Mapped[datetime | None]  # as `suspended_until`: they read, and write nothing that reaches others
    silenced_because: Mapped[str | None] = mapped_column(Words)
    time_zone: Mapped[str | None]  # IANA name; None: the site's
    locale: Mapped[str | None] = mapped_column(String(16))  # "en_GB", how dates and money are written; None: the site's
    practice: Mapped[str | None] = mapped_column(deferred=True)  # moved to the area practices; a later release drops it
    title: Mapped[str | None] = mapped_column(deferred=True)  # as `practice`
    bio: Mapped[str | None] = mapped_column(Words)
    photo: Mapped[str | None] = mapped_column(String(32))  # the address of what members see; None: none, or hidden
    renamed_at: Mapped[datetime | None] = mapped_column(
        index=True
    )  # pages that browsers kept show the name, or photo, before
    leaving_since: Mapped[datetime | None]  # they asked for the account to be deleted: access is off, undo is possible
    words_go_too: Mapped[bool] = mapped_column(
        default=False, server_default=false()
    )  # with it, the words of their posts
    charges_ended_at: Mapped[datetime | None]  # while leaving: Stripe confirmed that nothing more will be charged
    closed_at: Mapped[datetime | None]  # the account was deleted; only its posts remain, without a name

    @validates("name", "handle", "role", "photo", "closed_at")
    def _note_renaming(self, _key: str, value: object) -> object:
        if self.id is not None:
            self.renamed_at = now()
        return value

    @property
    def initials(self) -> str:
        return initials_of(self.name)

    @property
    def first_name(self) -> str:
        """How a letter greets them: "Nora" for Dr. Nora Feld."""
        words = _without_forms_of_address(self.name)
        return words[0] if words else self.name

    @property
    def is_confirmed(self) -> bool:
        return self.confirmed_at is not None

    @property
    def is_suspended(self) -> bool:
        return self.suspended_until is not None and self.suspended_until > now()

    @property
    def is_silenced(self) -> bool:
        return self.silenced_until is not None and self.silenced_until > now()

    @property
    def is_leaving(self) -> bool:
        return self.leaving_since is not None

    @property
    def leaves_at(self) -> datetime | None:
        """When the account will be deleted for good."""
        return self.leaving_since + LEAVES_AFTER if self.leaving_since is not None else None

    @property
    def is_staff(self) -> bool:
        return self.role is not Role.MEMBER

    def is_at_least(self, role: Role) -> bool:
        return self.role.is_at_least(role)


def initials_of(name: str) -> str:
    """One or two letters for the avatar."""
    parts = [word for word in _without_forms_of_address(name) if word[:1].isalnum()]
    return (parts[0][0] + (parts[-1][0] if len(parts) > 1 else "")).upper() if parts else "·"


def _without_forms_of_address(name: str) -> list[str]:
    """The words of a name, without "Dr." and the like unless there are no others."""
    words = name.split()
    return [word for word in words if word.rstrip(".").lower() not in _FORMS_OF_ADDRESS] or words


class Device(Model):
    """One signed-in browser. The cookie holds a random token, this row its SHA-256; ending the row ends the sign-in."""

    __tablename__ = "device"

    member_id: Mapped[int] = mapped_column(ForeignKey("member.id", ondelete="CASCADE"), index=True)
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    label: Mapped[str]  # "Firefox on Windows"
    fresh_at: Mapped[datetime] = mapped_column(default=now)  # when they last proved who they are
    seen_at: Mapped[datetime] = mapped_column(default=now)  # kept to the quarter hour
    expires_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    strong_at: Mapped[datetime | None]  # a second factor or a passkey stands behind this sign-in
    member: Mapped[Member] = relationship(lazy="joined", innerjoin=True)

    # What Flask-Login asks of a "user". Whoever wants the person calls signed_in.me().
    is_authenticated = True
    is_active = True
    is_anonymous = False

    def get_id(self) -> str:
        """The raw token, known only while signing in and from the cookie that brought it."""
        token: str = self._token  # type: ignore[attr-defined]  # no column; signed_in sets it
        return token

    @property
    def is_open(self) -> bool:
        return self.ended_at is None and self.expires_at > now() and self.seen_at > now() - IDLE

    @property
    def is_fresh(self) -> bool:
        """Whether they proved who they are a moment ago; see accounts/stepping_up.py."""
        return self.fresh_at > now() - FRESH_FOR


class KnownBrowser(Model):
    """A browser somebody signed in with. Its cookie outlives signing out; it holds a token, this row the hash."""

    __tablename__ = "known_browser"
    __table_args__ = (UniqueConstraint("member_id", "token_hash"),)

    member_id: Mapped[int] = mapped_column(ForeignKey("member.id", ondelete="CASCADE"))
    token_hash: Mapped[str] = mapped_column(String(64))
    device_id: Mapped[int | None] = mapped_column(
        ForeignKey("device.id", ondelete="SET NULL"), index=True
    )  # the latest
    trusted_until: Mapped[datetime | None]  # until then no second step is asked for there


class Authenticator(Model):
    """Somebody's authenticator app (RFC 6238). It counts from `confirmed_at`, when a first code of it was right."""

    __tablename__ = "authenticator"

    member_id: Mapped[int] = mapped_column(ForeignKey("member.id", ondelete="CASCADE"), unique=True)
    secret: Mapped[str] = mapped_column(String(64))  # base32, shared with the app
    confirmed_at: Mapped[datetime | None]
    last_step: Mapped[int] = mapped_column(default=0)  # the half minute of the last code; none up to it is good again


class RecoveryCode(Model):
    """One of ten ways in for whoever lost the phone: stored hashed, good once."""

    __tablename__ = "recovery_code"

    member_id: Mapped[int] = mapped_column(ForeignKey("member.id", ondelete="CASCADE"), index=True)
    code_hash: Mapped[str] = mapped_column(String(64), unique=True)
    used_at: Mapped[datetime | None]


class Passkey(Model):
    """A key pair in somebody's phone, computer or password manager; we keep its public half (WebAuthn)."""

    __tablename__ = "passkey"

    member_id: Mapped[int] = mapped_column(ForeignKey("member.id", ondelete="CASCADE"), index=True)
    credential_id: Mapped[str] = mapped_column(String(1400), unique=True)  # base64url; at most 1,023 bytes
    public_key: Mapped[bytes]  # COSE
    sign_count: Mapped[int] = mapped_column(BigInteger)  # of the last use; 0 for good where the device does not count
    name: Mapped[str] = mapped_column(String(60))  # only its member reads it
    used_at: Mapped[datetime | None]
    member: Mapped[Member] = relationship(lazy="joined", innerjoin=True)


class Step(StrEnum):
    """What a sign-in under way waits for; what was begun for one thing finishes nothing else."""

    CODE = "code"  # the code in a letter, as the first step
    CODE_AGAIN = "code again"  # the code in a letter, from somebody signed in
    SECOND = "second"  # the second factor, after a first one that was right
    PASSKEY = "passkey"  # what a passkey signs, to sign in
    PASSKEY_AGAIN = "passkey again"  # the same from somebody signed in
    PASSKEY_NEW = "new passkey"  # the same from a key that is being added


class SignInStep(Model):
    """One step of a sign-in under way in one browser: its session holds a random token, this row the hash."""

    __tablename__ = "sign_in_step"

    kind: Mapped[Step]
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    member_id: Mapped[int | None] = mapped_column(  # None: the address typed is nobody's
        ForeignKey("member.id", ondelete="CASCADE"), index=True
    )
    first_proof: Mapped[str | None] = mapped_column(String(16))  # how they began, when the second factor is awaited
    secret: Mapped[str | None]  # keyed hash of the mailed code, once it was written; the challenge of a passkey
    tries: Mapped[int] = mapped_column(default=0)
    expires_at: Mapped[datetime] = mapped_column(index=True)
    used_at: Mapped[datetime | None]


class Purpose(StrEnum):
    """What a mailed link is good for; a link for one thing opens nothing else."""

    CONFIRM = "confirm"
    RESET = "reset"
    SIGN_IN = "sign in"
    STAY = "stay"  # undo the deletion of an account


class OneTimeLink(Model):
    """A mailed token: stored hashed, for one purpose, used once, until it expires."""

    __tablename__ = "one_time_link"

    member_id: Mapped[int] = mapped_column(ForeignKey("member.id", ondelete="CASCADE"), index=True)
    purpose: Mapped[Purpose]
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    email: Mapped[str]  # the mailbox it was sent to; a link to an old mailbox confirms nothing new
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
    member: Mapped[Member] = relationship(lazy="joined", innerjoin=True)


class AddressChange(Model):
    """A wish to be reached elsewhere: done by a link in the new mailbox, stopped by one in the old, or run out."""

    __tablename__ = "address_change"

    member_id: Mapped[int] = mapped_column(ForeignKey("member.id", ondelete="CASCADE"), index=True)
    old_email: Mapped[str]
    new_email: Mapped[str]
    confirm_hash: Mapped[str] = mapped_column(String(64), unique=True)
    stop_hash: Mapped[str] = mapped_column(String(64), unique=True)
    expires_at: Mapped[datetime]
    done_at: Mapped[datetime | None]
    stopped_at: Mapped[datetime | None]


class Invitation(Model):
    """A place kept for whoever reads one mailbox: as staff, or as a member without charge. At most one waits for each.

    Taking it back, accepting it and replacing it all set `ended_at`; `member_id` tells who came by it.
    """

    __tablename__ = "invitation"
    __table_args__ = (
        Index(
            "ix_invitation_one_open",
            "email",
            unique=True,
            sqlite_where=text("ended_at IS NULL"),
            postgresql_where=text("ended_at IS NULL"),
        ),
    )

    email: Mapped[str]  # canonical form; whoever accepts has this address
    role: Mapped[Role]
    open_until: Mapped[datetime | None]  # of the free access that a member gets with it; None: without end
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    invited_by_id: Mapped[int | None] = mapped_column(ForeignKey("member.id", ondelete="SET NULL"))
    expires_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    member_id: Mapped[int | None] = mapped_column(ForeignKey("member.id", ondelete="SET NULL"))
    invited_by: Mapped[Member | None] = relationship(foreign_keys=[invited_by_id])

    @property
    def is_open(self) -> bool:
        return self.ended_at is None and self.expires_at > now()


class SignInAttempt(Model):
    """A failed sign-in, kept a day: counted per account and per network address, shared by all processes."""

    __tablename__ = "sign_in_attempt"
    __table_args__ = (
        Index("ix_sign_in_attempt_account", "account_hash", "created_at"),
        Index("ix_sign_in_attempt_address", "address_hash", "created_at"),
        Index("ix_sign_in_attempt_created_at", "created_at"),
    )

    account_hash: Mapped[str] = mapped_column(String(64))  # of the e-mail typed, known or not
    address_hash: Mapped[str] = mapped_column(String(64))


class Draft(Model):
    """What a member has typed into a form and not sent: kept for them alone, until they send it or throw it away."""

    __tablename__ = "draft"
    __table_args__ = (UniqueConstraint("member_id", "thing"),)

    member_id: Mapped[int] = mapped_column(ForeignKey("member.id", ondelete="CASCADE"))
    thing: Mapped[str] = mapped_column(String(80))  # what is written, as its page calls it: "item:7"
    fields: Mapped[dict[str, Any]]  # name of a field: everything that was typed or ticked under it
    mark: Mapped[str] = mapped_column(String(64))  # changes with each saving; by it a page knows the words it has
    saved_at: Mapped[datetime]
