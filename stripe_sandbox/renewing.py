"""What the calendar brings: renewals, trial ends, collection an hour later, retries, and giving up."""

from __future__ import annotations

from collections.abc import Callable

from stripe_sandbox import checking_out, invoicing, periods, refunding, scheduling, subscribing, switching
from stripe_sandbox.store import Object, Transaction, changes


def renew(tx: Transaction, subscription: Object) -> None:
    """The next period begins. `active` comes before the money: the invoice is a draft for an hour (documented)."""
    if subscription["status"] not in ("active", "past_due", "trialing", "unpaid"):
        return
    if subscribing.period_end(subscription) > tx.now:
        subscribing.plan_period(tx, subscription)
        return
    before = dict(subscription)
    if subscription["status"] == "trialing":
        if not _may_leave_trial(tx, subscription):
            return
        subscription["status"] = "active"
    due = [i["id"] for i in subscription["items"]["data"] if i["current_period_end"] <= tx.now]
    if subscription["schedule"]:
        scheduling.turn_page(tx, subscription)
    data = []
    for item in subscription["items"]["data"]:
        start = item["current_period_end"]
        data.append(
            item
            if start > tx.now
            else item
            | {
                "current_period_start": start,
                "current_period_end": periods.end_of(subscription["billing_cycle_anchor"], item["price"], start),
            }
        )
    subscription["items"] = subscription["items"] | {"data": data}
    if subscription["cancel_at_period_end"]:
        subscription["cancel_at"] = subscribing.period_end(subscription)
    subscribing.plan_period(tx, subscription)
    lines = switching.take_waiting_lines(tx, subscription)
    lines += [line for line in invoicing.regular_lines(subscription) if line.item["id"] in due]
    paused = subscription["pause_collection"]
    invoice = invoicing.draw_up(
        tx, subscription, lines, reason="subscription_cycle", base_url=tx.setting("base_url", "")
    )
    invoice["period_start"] = before["items"]["data"][0]["current_period_start"]
    invoice["period_end"] = before["items"]["data"][0]["current_period_end"]
    subscribing.save_and_announce(tx, subscription, before)
    if subscription["status"] == "unpaid" or (paused and paused["behavior"] == "keep_as_draft"):
        invoice["auto_advance"] = False
        tx.save(invoice)
        return
    invoice["automatically_finalizes_at"] = tx.now + invoicing.DRAFT_SECONDS
    tx.save(invoice)
    tx.plan("finalise", invoice["id"], tx.now + invoicing.DRAFT_SECONDS)


def finalise(tx: Transaction, invoice: Object) -> None:
    if invoice["status"] != "draft":
        return
    subscription = invoicing.subscription_of(tx, invoice)
    invoice = invoicing.finalise(tx, invoice, base_url="")
    paused = subscription["pause_collection"] if subscription else None
    if invoice["status"] != "open":
        return
    if paused and paused["behavior"] == "void":
        invoicing.void(tx, invoice)
    elif paused:
        invoicing.write_off(tx, invoice, reason="subscription_paused")
    else:
        invoicing.collect(tx, invoice)


def retry(tx: Transaction, invoice: Object) -> None:
    if invoice["status"] == "open":
        invoicing.collect(tx, invoice)


def give_up(tx: Transaction, invoice: Object) -> None:
    """After the last retry the account's setting decides: cancel, unpaid, paused, or leave it overdue."""
    subscription = invoicing.subscription_of(tx, invoice)
    if invoice["status"] != "open" or subscription is None or subscription["status"] in subscribing.DEAD:
        return
    ending = tx.setting("dunning_end", "cancel")
    if ending == "cancel":
        subscribing.end_now(tx, subscription, reason="payment_failed")
    elif ending == "paused":
        switching.pause(tx, subscription, why="final_payment_failure")
    elif ending == "unpaid":
        before = dict(subscription)
        subscription["status"] = "unpaid"
        subscribing.save_and_announce(tx, subscription, before)


def trial_notice(tx: Transaction, subscription: Object) -> None:
    if subscription["status"] == "trialing":
        tx.emit("customer.subscription.trial_will_end", subscription)


def cancel(tx: Transaction, subscription: Object) -> None:
    if (
        subscription["cancel_at"] is not None
        and subscription["cancel_at"] <= tx.now
        and subscription["status"] not in subscribing.DEAD
    ):
        subscribing.end_now(tx, subscription, reason="cancellation_requested")


def resume_collection(tx: Transaction, subscription: Object) -> None:
    before = dict(subscription)
    subscription["pause_collection"] = None
    tx.save(subscription)
    tx.emit("customer.subscription.updated", subscription, changes(before, subscription))


def expire_session(tx: Transaction, session: Object) -> None:
    if session["status"] == "open":
        checking_out.expire(tx, session)


def dispute(tx: Transaction, charge: Object) -> None:
    if not charge["disputed"]:
        refunding.dispute(tx, charge)


def _may_leave_trial(tx: Transaction, subscription: Object) -> bool:
    """Without a card the subscription's own setting decides what the trial's end brings."""
    if invoicing.default_method(tx, subscription, subscription["customer"]) is not None:
        return True
    ending = subscription["trial_settings"]["end_behavior"]["missing_payment_method"]
    if ending == "cancel":
        subscribing.end_now(tx, subscription, reason="cancellation_requested")
        return False
    if ending == "pause":
        switching.pause(tx, subscription, why="trial_end_without_payment_method")
        return False
    return True


WORK: dict[str, Callable[[Transaction, Object], None]] = {
    "cancel": cancel,
    "dispute": dispute,
    "drop_pending": switching.drop_pending,
    "expire_incomplete": subscribing.expire_incomplete,
    "expire_session": expire_session,
    "finalise": finalise,
    "give_up": give_up,
    "renew": renew,
    "resume_collection": resume_collection,
    "retry": retry,
    "trial_notice": trial_notice,
}
