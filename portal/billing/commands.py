"""`flask billing …`: prices, reconciling, and a check of everything that has to be right at Stripe."""

from __future__ import annotations

import sys

import click
from flask import Flask, current_app
from flask.cli import AppGroup

from portal.billing import checking, comparing, prices, reconciling, setting_up, verifying
from portal.billing.asking import StripeAway, StripeRefused
from portal.core import jobs

commands = AppGroup("billing", help="Plans, payments and Stripe.")


@commands.command("sync-prices")
def sync_prices() -> None:
    """Find each plan's price at Stripe by its lookup key, and open or close the plan for joining."""
    try:
        findings = prices.sync_prices()
        if current_app.config["STRIPE_API_BASE"]:  # nobody sets up a sandbox by hand
            setting_up.ensure_portal()
    except (StripeAway, StripeRefused) as error:
        sys.exit(f"Stripe did not answer: {error}")
    _say(findings)
    if any(found.problem for found in findings):
        sys.exit(1)


@commands.command("setup")
def setup() -> None:
    """Prices, the hosted billing portal, and the webhook endpoint, each made or brought up to date at Stripe."""
    try:
        findings = prices.sync_prices()
        portal = setting_up.ensure_portal()
        endpoint, secret = setting_up.ensure_endpoint()
    except (StripeAway, StripeRefused) as error:
        sys.exit(f"Stripe did not answer, or said no: {error}")
    checking.ask_stripe()  # what was amiss until now is mended, and the desk says so
    _say(findings)
    click.echo(f"{'portal':10} {portal}")
    click.echo(f"{'endpoint':10} {endpoint}")
    if secret:
        click.echo(f"New endpoint. Its secret is told only now: STRIPE_WEBHOOK_SECRET={secret}")
    if any(found.problem for found in findings):
        sys.exit(1)


def _say(findings: list[prices.Finding]) -> None:
    for found in findings:
        click.echo(f"{found.plan:10} {found.price_id or '-':32} {found.problem or 'open for joining'}")


@commands.command("reconcile")
def reconcile() -> None:
    """Fetch events that were missed, work off what lies about, and compare everything with Stripe."""
    try:
        missed = reconciling.fetch_missed_events()
        reconciling.pick_up_leftovers()
        jobs.work_off()
        report = comparing.compare_everything()
    except (StripeAway, StripeRefused) as error:
        sys.exit(f"Stripe did not answer: {error}")
    report.missed_events = missed
    reconciling.tell_of_dates()
    jobs.work_off()
    for line in comparing.as_lines(report):
        click.echo(line)
    if report.needs_a_person:
        sys.exit(1)


@commands.command("check")
def check() -> None:
    """Say what is right and what is not, each with the command that mends it. Exits 1 if something is not."""
    findings = checking.findings()
    for found in findings:
        click.echo(f"{'ok ' if found.is_well else 'BAD'} {found.name}: {found.finding}")
        if not found.is_well:
            click.echo(f"      {found.mend}")
    if not all(found.is_well for found in findings):
        sys.exit(1)


@commands.command("verify-real", context_settings={"ignore_unknown_options": True})
@click.argument("words", nargs=-1, type=click.UNPROCESSED)
def verify_real(words: tuple[str, ...]) -> None:
    """Ask a real Stripe account, in test mode, what the sandbox answers, and print what differs.

    Put a test key into STRIPE_VERIFY_KEY, or have one in the settings. WORDS choose checks by name; --list shows them
    all, with what only a person can look at; --again asks anew what was answered in an earlier run. Exits 0 when all is
    the same, 1 when something differs, 2 when nothing could be compared. It ends with a note to commit, which
    `flask billing check` reads.
    """
    sys.exit(verifying.compare(*words))


def init_app(app: Flask) -> None:
    app.cli.add_command(commands)
