"""`flask accounts …`: what has to be done before anybody can do it on a page."""

from __future__ import annotations

import click
from flask import Flask
from flask.cli import AppGroup
from sqlalchemy import select

from portal.accounts import passkeys, two_step
from portal.accounts.addresses import canonical
from portal.accounts.models import Member, Role
from portal.core import audit
from portal.core.db import db, transaction
from portal.core.errors import Refusal

commands = AppGroup("accounts", help="People and what they may do.")


@commands.command("make-owner")
@click.argument("email")
def make_owner(email: str) -> None:
    """Make the member with this address an owner. They join on the site first and confirm their address."""
    try:
        address = canonical(email)
    except Refusal as no:
        raise click.ClickException(no.message) from None
    with transaction():
        member = db.session.scalar(select(Member).where(Member.email == address).with_for_update())
        if member is None or member.closed_at is not None:
            raise click.ClickException(f"Nobody has an account with {address}. Join on the site first.")
        if not member.is_confirmed:
            # Whoever knows the owner's address could have joined with it; only the letter shows whose mailbox it is.
            raise click.ClickException(f"{address} is not confirmed yet. Follow the link in the letter first.")
        if member.role is Role.OWNER:
            click.echo(f"{member.name} is an owner already; nothing was changed.")
            return
        audit.record(None, "member.made_owner", member, because="flask accounts make-owner", was=member.role.value)
        member.role = Role.OWNER
        click.echo(f"{member.name} is an owner now.")


@commands.command("forget-second-factor")
@click.argument("email")
def forget_second_factor(email: str) -> None:
    """Let the member with this address sign in without a second factor, when phone, codes and passkeys are lost.

    Whoever asks for it may be a stranger: speak to them first. They are told by letter.
    """
    with transaction():
        try:
            member = db.session.scalar(
                select(Member).where(Member.email == canonical(email), Member.closed_at.is_(None))
            )
        except Refusal as no:
            raise click.ClickException(no.message) from None
        if member is None:
            raise click.ClickException(f"Nobody has an account with {email}.")
        if not (two_step.has_app(member) or two_step.has_passkey(member)):
            click.echo(f"{member.name} is asked for no code; nothing was changed.")
            return
        for passkey in passkeys.of(member):
            passkeys.remove(passkey)
        two_step.turn_off(member, by=None)
        click.echo(f"Signing in asks for no code of {member.name} any more; they were told by letter.")


def init_app(app: Flask) -> None:
    app.cli.add_command(commands)
