"""`flask seed`: a first start finds a living program. A second run changes nothing."""

from __future__ import annotations

from datetime import timedelta

import click
from flask import Flask, current_app
from flask.cli import with_appcontext
from sqlalchemy import Select, select

from portal.accounts.models import Member
from portal.core.db import db, transaction
from portal.library.models import Item
from portal.seeds import consents, conversations, library, paying, people, reading


def init_app(app: Flask) -> None:
    app.cli.add_command(seed)


@click.command("seed")
@click.option("--print-people", is_flag=True, help="Only print whom one can sign in as in the demo.")
@click.option("--content", is_flag=True, help="Only the library and empty rooms: no people, no threads.")
@with_appcontext
def seed(print_people: bool, content: bool) -> None:
    """Load the demo people and the starter content into an empty database."""
    demo = current_app.config["ENV"] in {"development", "testing"}
    if not demo and not content:
        raise click.ClickException("Demo people exist only in development. `flask seed --content` loads the rest.")
    if print_people:
        _print_people()
    elif content:
        load_content()
    else:
        load_demo()


def load_demo() -> None:
    """Everything: people, library, rooms, threads, flags. Does nothing if there is a member already."""
    if _is_there(select(Member.id)):
        click.echo("There are members already; nothing was loaded.")
        return
    files, password_hash, shift = library.keep_files(), people.hashed_password(), reading.days_until_yesterday()
    portraits = people.draw_portraits()
    with transaction():
        members = people.load(password_hash, portraits)
        items, ways = library.load(files, shift=shift), library.load_paths()
        library.load_platforms()
        items += consents.load(members)
        rooms = conversations.load_rooms()
        threads, posts = conversations.load_threads(members, shift=shift)
        conversations.load_replies(members["cory"])
    paid = paying.pay_all({handle: member.id for handle, member in members.items()})
    click.echo(f"Loaded {len(members)} people, {paid} of them with a subscription in the sandbox, {items} items,")
    click.echo(f"{ways} paths, {rooms} rooms, {threads} threads with {posts} posts.")


def load_content() -> None:
    """What a program of one's own begins with: the library as it was written, and the rooms, for which there is no
    page yet. Does nothing if there is an item already."""
    if _is_there(select(Item.id)):
        click.echo("There are items in the library already; nothing was loaded.")
        return
    files = library.keep_files()
    with transaction():
        items, ways = library.load(files, shift=timedelta()), library.load_paths()
        rooms = conversations.load_rooms()
    click.echo(f"Loaded {items} items, {ways} paths and {rooms} rooms.")


def _is_there(query: Select[int]) -> bool:
    with transaction():
        return db.session.scalar(query.limit(1)) is not None


def _print_people() -> None:
    with transaction():
        rows = people.sign_ins()
    if not rows:
        raise click.ClickException("There are no demo people here.")
    click.echo(f"Sign in as, all with the password “{people.PASSWORD}”:")
    for role, name, email in rows:
        click.echo(f"  {role:<11} {name:<16} {email}")
