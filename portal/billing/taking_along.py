"""What somebody takes along of their membership: plans, sums and dates as Stripe last told them to us."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import select

from portal.accounts.models import Member
from portal.billing.models import (
    BillingCustomer,
    CheckoutAttempt,
    Grant,
    Invoice,
    PaymentReversal,
    Plan,
    Subscription,
    SubscriptionChange,
)
from portal.core.taking_along import Part, part

_SUM = "in the smallest unit of the currency: 9900 are 99.00"


def parts_of(member: Member) -> Iterator[Part]:
    theirs = BillingCustomer.member_id == member.id
    yield part(
        "customer",
        "You at Stripe",
        "Under which number Stripe, who takes the payments, knows you.",
        select(
            BillingCustomer.customer_id,
            BillingCustomer.created_at.label("made_at"),
            BillingCustomer.email_pushed,
            BillingCustomer.trial_used_at,
            BillingCustomer.gone_at,
        ).where(theirs),
        {
            "customer_id": "your number there",
            "made_at": "since when",
            "email_pushed": "the address we last told Stripe",
            "trial_used_at": "when a free trial began",
            "gone_at": "when it was deleted there",
        },
    )
    yield part(
        "subscriptions",
        "Subscriptions",
        "What you subscribed to.",
        select(
            Subscription.sub_id,
            Plan.name.label("plan"),
            Subscription.status,
            Subscription.quantity,
            Subscription.amount_minor,
            Subscription.discount_minor,
            Subscription.currency,
            Subscription.started_at,
            Subscription.period_start,
            Subscription.period_end,
            Subscription.trial_end,
            Subscription.ends_at,
            Subscription.ended_at,
            Subscription.cancel_reason,
            Subscription.cancel_comment,
            Subscription.card,
            Subscription.past_due_since,
            Subscription.declined_because,
            Subscription.latest_invoice_url,
        )
        .join(BillingCustomer, BillingCustomer.id == Subscription.customer_id)
        .outerjoin(Plan, Plan.id == Subscription.plan_id)
        .where(theirs)
        .order_by(Subscription.id),
        {
            "sub_id": "its number at Stripe",
            "plan": "what it is called here",
            "status": "Stripe's word for how it stands",
            "quantity": "how many places",
            "amount_minor": f"for one period, before discounts and tax, {_SUM}",
            "discount_minor": f"off each period, {_SUM}",
            "currency": "of the sums",
            "started_at": "when it was begun",
            "period_start": "the period that is paid for",
            "period_end": "and its end",
            "trial_end": "the end of a free trial",
            "ends_at": "when it will end, once it was cancelled",
            "ended_at": "when it ended",
            "cancel_reason": "what you ticked when you cancelled",
            "cancel_comment": "what you wrote then",
            "card": "the card, as far as we know it",
            "past_due_since": "since when a payment is open",
            "declined_because": "why the bank refused it",
            "latest_invoice_url": "where its latest invoice is",
        },
    )
    yield part(
        "changes",
        "Changes of your subscription",
        "Each change of plan, cancellation or taking it back that you asked for.",
        select(
            SubscriptionChange.created_at.label("asked_at"),
            SubscriptionChange.kind,
            Plan.name.label("plan"),
            SubscriptionChange.state,
            SubscriptionChange.due_minor,
            SubscriptionChange.renews_minor,
            SubscriptionChange.currency,
            SubscriptionChange.renews_at,
            SubscriptionChange.begins_at,
            SubscriptionChange.settled_at,
            SubscriptionChange.invoice_id,
            SubscriptionChange.invoice_url,
        )
        .outerjoin(Plan, Plan.id == SubscriptionChange.plan_id)
        .where(SubscriptionChange.member_id == member.id)
        .order_by(SubscriptionChange.id),
        {
            "asked_at": "when",
            "kind": "what",
            "plan": "to which plan",
            "state": "what became of it",
            "due_minor": f"charged with it, {_SUM}",
            "renews_minor": f"of each further period, before discounts and tax, {_SUM}",
            "currency": "of the sums",
            "renews_at": "when it was to renew",
            "begins_at": "when it was to begin",
            "settled_at": "when it was done or failed",
            "invoice_id": "the invoice it was paid with",
            "invoice_url": "where that invoice is",
        },
    )
    yield part(
        "invoices",
        "Invoices",
        "Each invoice and where it lies.",
        select(
            Invoice.number,
            Invoice.invoice_id,
            Invoice.status,
            Invoice.reason,
            Invoice.currency,
            Invoice.total_minor,
            Invoice.paid_minor,
            Invoice.due_minor,
            Invoice.covers_from,
            Invoice.covers_until,
            Invoice.issued_at,
            Invoice.hosted_url,
            Invoice.pdf_url,
        )
        .join(BillingCustomer, BillingCustomer.id == Invoice.customer_id)
        .where(theirs)
        .order_by(Invoice.issued_at, Invoice.id),
        {
            "number": "as printed on it",
            "invoice_id": "its number at Stripe",
            "status": "Stripe's word for how it stands",
            "reason": "what it came from",
            "currency": "of the sums",
            "total_minor": f"after discounts and with tax, {_SUM}",
            "paid_minor": f"paid, {_SUM}",
            "due_minor": f"still to pay, {_SUM}",
            "covers_from": "what it is for",
            "covers_until": "until",
            "issued_at": "when it was made",
            "hosted_url": "Stripe's page of it",
            "pdf_url": "as a PDF",
        },
    )
    yield part(
        "refunds",
        "Refunds and disputes",
        "Money that went back, or is asked back.",
        select(
            PaymentReversal.reversal_id,
            PaymentReversal.created_at.label("seen_at"),
            PaymentReversal.kind,
            PaymentReversal.invoice_id,
            PaymentReversal.charge_id,
            PaymentReversal.amount_minor,
            PaymentReversal.currency,
            PaymentReversal.status,
        )
        .join(BillingCustomer, BillingCustomer.id == PaymentReversal.customer_id)
        .where(theirs)
        .order_by(PaymentReversal.id),
        {
            "reversal_id": "its number at Stripe",
            "seen_at": "when we heard of it",
            "kind": "refund or dispute",
            "invoice_id": "the invoice that was paid with it",
            "charge_id": "the payment",
            "amount_minor": f"how much, {_SUM}",
            "currency": "of the sum",
            "status": "Stripe's word for how it stands",
        },
    )
    yield part(
        "free-access",
        "Access given to you",
        "Membership without payment.",
        select(Grant.created_at.label("given_at"), Grant.source, Grant.until, Grant.taken_at)
        .where(Grant.member_id == member.id)
        .order_by(Grant.id),
        {
            "given_at": "when",
            "source": "in which way",
            "until": "until when; empty: without end",
            "taken_at": "when it was taken back",
        },
    )
    yield part(
        "checkouts",
        "Ways to Stripe's payment page",
        "Each time you pressed the button of a plan.",
        select(
            CheckoutAttempt.created_at.label("at"),
            Plan.name.label("plan"),
            CheckoutAttempt.session_id,
            CheckoutAttempt.state,
            CheckoutAttempt.expires_at,
        )
        .join(Plan, Plan.id == CheckoutAttempt.plan_id)
        .where(CheckoutAttempt.member_id == member.id)
        .order_by(CheckoutAttempt.id),
        {
            "at": "when",
            "plan": "of which plan",
            "session_id": "its number at Stripe",
            "state": "what became of it",
            "expires_at": "until when the page was open",
        },
    )
