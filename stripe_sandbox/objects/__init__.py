"""One file for each family of Stripe objects; importing this fills the table of calls."""

from stripe_sandbox.objects import (
    account,
    catalog,
    checkout_sessions,
    customers,
    events,
    invoices,
    payment_methods,
    payments,
    portal_sessions,
    subscription_schedules,
    subscriptions,
    tax_ids,
    test_clocks,
    webhook_endpoints,
)

__all__ = [
    "account",
    "catalog",
    "checkout_sessions",
    "customers",
    "events",
    "invoices",
    "payment_methods",
    "payments",
    "portal_sessions",
    "subscription_schedules",
    "subscriptions",
    "tax_ids",
    "test_clocks",
    "webhook_endpoints",
]
