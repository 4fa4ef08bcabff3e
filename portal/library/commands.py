"""`flask library …`: what an owner does with the library from the command line."""

from __future__ import annotations

from pathlib import Path

import click
from flask import Flask
from flask.cli import AppGroup

from portal.core import keeping
from portal.core.db import transaction
from portal.core.errors import Refusal
from portal.library import importing, introducing, reading_feeds
from portal.library.importing import Fate

commands = AppGroup("library", help="The library.")


@commands.command("import-feed")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--dry-run", is_flag=True, help="Say what would happen, and change nothing.")
@click.option("--publish", is_flag=True, help="Published on the days they came out, with public notes; else drafts.")
def import_feed(file: Path, dry_run: bool, publish: bool) -> None:
    """Bring in the episodes of a public podcast from its feed's FILE. What is here already stays as it is."""
    try:
        entries = reading_feeds.read(file.read_bytes())
    except reading_feeds.NotAFeed as no:
        raise click.ClickException(no.message) from None
    if dry_run:
        lines = importing.plan(entries)
    else:
        with transaction():
            lines = importing.bring_in(entries, publish=publish)
    for line in lines:
        if line.fate is not Fate.HERE:
            click.echo(f"{line.fate}: {line.entry.title or 'without a title'}" + (f" ({line.why})" if line.why else ""))
    for fate, words in {Fate.NEW: "would come in" if dry_run else "came in", Fate.HERE: "here already"}.items():
        click.echo(f"{words}: {sum(line.fate is fate for line in lines)}")
    click.echo(f"left out: {sum(line.fate is Fate.WRONG for line in lines)}")


@commands.command("heard-on")
@click.argument("platform")
@click.argument("address", required=False)
def heard_on(platform: str, address: str | None) -> None:
    """The podcast can be heard on PLATFORM ("Overcast"), there under ADDRESS; it stands on every episode's page."""
    with transaction():
        try:
            introducing.is_heard_on(platform, address=address)
        except Refusal as no:
            raise click.ClickException(no.message) from None


@commands.command("closed")
@click.argument("platform")
def closed(platform: str) -> None:
    """PLATFORM went away: nothing links there any more. `heard-on` brings its links back."""
    with transaction():
        found = introducing.platform_called(platform)
        if found is None:
            raise click.ClickException(f"There is no platform called {platform}.")
        introducing.has_closed(found)


@commands.command("check")
def check() -> None:
    """Compare every stored file with what its row says of it: is it there, as long, and byte for byte the same?"""
    wrong = 0
    for each in keeping.check():
        click.echo(f"BAD {each}")
        wrong += 1
    if wrong:
        raise click.ClickException(f"{wrong} wrong")
    click.echo("ok  every file is there, as it was stored")


def init_app(app: Flask) -> None:
    app.cli.add_command(commands)
