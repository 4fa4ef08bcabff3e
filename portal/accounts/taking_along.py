"""What somebody takes along of their account. Hashes and secrets stay: they open doors and say nothing."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import or_, select

from portal.accounts.models import (
    AddressChange,
    Authenticator,
    Device,
    Draft,
    Invitation,
    KnownBrowser,
    Member,
    OneTimeLink,
    Passkey,
    RecoveryCode,
    SignInStep,
)
from portal.accounts.rules_models import RulesAcceptance
from portal.core.audit import Record
from portal.core.letters import Letter
from portal.core.taking_along import Part, part


def parts_of(member: Member) -> Iterator[Part]:
    yield part(
        "account",
        "Your account",
        "What you told us about yourself, and how your account stands.",
        select(
            Member.id.label("number"),
            Member.uuid.label("number_at_stripe"),
            Member.name,
            Member.handle,
            Member.email,
            Member.role,
            Member.bio,
            Member.practice.label("practice_before"),
            Member.title.label("title_before"),
            Member.time_zone,
            Member.locale,
            Member.created_at.label("joined_at"),
            Member.confirmed_at,
            Member.renamed_at,
            Member.suspended_until,
            Member.suspended_because,
            Member.silenced_until,
            Member.silenced_because,
            Member.leaving_since,
            Member.words_go_too,
            Member.charges_ended_at,
        ).where(Member.id == member.id),
        {
            "number": "your number here; the log speaks of you by it",
            "number_at_stripe": "the number under which Stripe knows you",
            "name": "as the others read it",
            "handle": "the end of your profile's address",
            "email": "where we write to, and what you sign in with",
            "role": "what you may do beside reading and writing",
            "bio": "what you say about yourself",
            "practice_before": "your practice, from before profiles had fields for it",
            "title_before": "your title, from before profiles had fields for it",
            "time_zone": "in which you read dates; empty: the program's",
            "locale": "how you read dates and sums; empty: the program's",
            "joined_at": "when the account was made",
            "confirmed_at": "when your address was shown to be yours",
            "renamed_at": "when your name, handle or role last changed",
            "suspended_until": "until when your account is suspended, or was the last time",
            "suspended_because": "the reason a moderator gave",
            "silenced_until": "until when you may not write to others, or could not the last time",
            "silenced_because": "the reason a moderator gave",
            "leaving_since": "when you asked for the account to be deleted",
            "words_go_too": "whether the words of your posts go with it",
            "charges_ended_at": "when Stripe confirmed that nothing more is charged",
        },
    )
    yield from _signing_in(member)
    yield part(
        "address-changes",
        "Changes of your address",
        "Each time you asked to be reached elsewhere, for a month.",
        select(
            AddressChange.created_at.label("asked_at"),
            AddressChange.old_email,
            AddressChange.new_email,
            AddressChange.done_at,
            AddressChange.stopped_at,
        ).where(AddressChange.member_id == member.id),
        {
            "asked_at": "when",
            "old_email": "the address until then",
            "new_email": "the address you asked for",
            "done_at": "when it was confirmed",
            "stopped_at": "when it was stopped, or replaced by another wish",
        },
    )
    yield part(
        "invitations",
        "Invitations to you",
        "How you were invited here, if you were.",
        select(
            Invitation.created_at.label("invited_at"), Invitation.email, Invitation.role, Invitation.open_until
        ).where(or_(Invitation.member_id == member.id, Invitation.email == member.email)),
        {
            "invited_at": "when",
            "email": "the mailbox it was sent to",
            "role": "as what",
            "open_until": "until when membership was free with it",
        },
    )
    yield part(
        "letters",
        "Letters to you",
        "Which letters we sent, to which address. Their words lie in your mailbox; we wipe ours when they are sent.",
        select(
            Letter.created_at.label("written_at"),
            Letter.kind,
            Letter.address,
            Letter.subject,
            Letter.text,
            Letter.sent_at,
            Letter.dropped_at,
        )
        .where(Letter.member_id == member.id)
        .order_by(Letter.id),
        {
            "written_at": "when it was written",
            "kind": "what it is about",
            "address": "where it went",
            "subject": "only while it waits to be sent",
            "text": "only while it waits to be sent",
            "sent_at": "when the mail server took it",
            "dropped_at": "when it was thrown away, because what it told was no longer to be read",
        },
    )
    yield part(
        "drafts",
        "Words not sent yet",
        "What you began to write in a form and have neither sent nor thrown away.",
        select(Draft.thing, Draft.fields, Draft.saved_at).where(Draft.member_id == member.id).order_by(Draft.id),
        {"thing": "what it is about", "fields": "what stands in each field", "saved_at": "when you last typed"},
    )
    yield part(
        "house-rules",
        "The house rules you agreed to",
        "Each version since the first. To the one that was in force when you joined you agreed by joining.",
        select(RulesAcceptance.version, RulesAcceptance.created_at.label("agreed_at"))
        .where(RulesAcceptance.member_id == member.id)
        .order_by(RulesAcceptance.version),
        {"version": "which one; it stands under /rules/ and this number", "agreed_at": "when"},
    )
    yield part(
        "log",
        "The log",
        "What you did that is recorded, and what was recorded about your account. Without the reasons others gave.",
        select(
            Record.created_at.label("at"), Record.action, Record.ref_kind.label("thing"), Record.ref_id.label("number")
        )
        .where(or_(Record.by_id == member.id, (Record.ref_kind == "member") & (Record.ref_id == member.id)))
        .order_by(Record.id),
        {"at": "when", "action": "what happened", "thing": "to what kind of thing", "number": "to which one"},
    )


def _signing_in(member: Member) -> Iterator[Part]:
    yield part(
        "devices",
        "Browsers you signed in with",
        "Each browser that was signed in, until you end it.",
        select(
            Device.label, Device.created_at.label("signed_in_at"), Device.seen_at, Device.expires_at, Device.ended_at
        )
        .where(Device.member_id == member.id)
        .order_by(Device.id),
        {
            "label": "which browser",
            "signed_in_at": "since when",
            "seen_at": "last used, to the quarter hour",
            "expires_at": "until when at most",
            "ended_at": "when it was signed out",
        },
    )
    yield part(
        "sign-in-links",
        "Links we sent you",
        "Links to confirm your address, to sign in and to set a password, for a week after they ran out.",
        select(OneTimeLink.created_at.label("sent_at"), OneTimeLink.purpose, OneTimeLink.email, OneTimeLink.used_at)
        .where(OneTimeLink.member_id == member.id)
        .order_by(OneTimeLink.id),
        {"sent_at": "when", "purpose": "what for", "email": "to which mailbox", "used_at": "when it was used"},
    )
    yield part(
        "passkeys",
        "Your passkeys",
        "Which you added, and when you last used them.",
        select(Passkey.name, Passkey.created_at.label("added_at"), Passkey.used_at)
        .where(Passkey.member_id == member.id)
        .order_by(Passkey.id),
        {"name": "as you called it", "added_at": "when", "used_at": "when it last signed you in"},
    )
    for name, title, kind in (
        ("authenticator", "Your authenticator app", Authenticator),
        ("recovery-codes", "Your recovery codes", RecoveryCode),
        ("known-browsers", "Browsers that we know", KnownBrowser),
        ("sign-in-steps", "Sign-ins under way", SignInStep),
    ):
        yield part(
            name,
            title,
            "That there is one, and since when. What it opens is not written here.",
            select(kind.created_at.label("made_at")).where(kind.member_id == member.id).order_by(kind.id),
            {"made_at": "when it was made"},
        )
