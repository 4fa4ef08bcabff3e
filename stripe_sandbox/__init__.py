"""A small, honest stand-in for Stripe: its own process, its own SQLite file, no money."""

from stripe_sandbox.app import create_app

__all__ = ["create_app"]
