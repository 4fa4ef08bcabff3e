"""A change kept for a later phase: by the portal's downgrade or by API, as a subscription schedule."""

from __future__ import annotations

from typing import Any

from stripe_sandbox import periods, subscribing
from stripe_sandbox.store import Object, Transaction, new_id


def keep_for_period_end(tx: Transaction, subscription: Object, price: Object) -> Object:
    """From the next period on the first item has this price. A second wish replaces the first."""
    if subscription["schedule"]:
        release(tx, subscription)
    schedule = begin(tx, subscription)
    turn = schedule["current_phase"]["end_date"]
    quantity = subscription["items"]["data"][0]["quantity"]
    second = phase(subscription, price, quantity, turn, periods.after(turn, price, 1))
    return decide(tx, schedule, [schedule["phases"][0], second])


def begin(tx: Transaction, subscription: Object) -> Object:
    """A schedule that holds a subscription and changes nothing yet: one phase, to the end of the running period."""
    before = dict(subscription)
    item = subscription["items"]["data"][0]
    turn = subscribing.period_end(subscription)
    first = phase(subscription, item["price"], item["quantity"], item["current_period_start"], turn)
    schedule: Object = {
        "id": new_id("sub_sched_1"),
        "object": "subscription_schedule",
        "application": None,
        "billing_mode": subscription["billing_mode"],
        "canceled_at": None,
        "completed_at": None,
        "created": tx.now,
        "current_phase": {"start_date": first["start_date"], "end_date": turn},
        "customer": subscription["customer"],
        "customer_account": None,
        "default_settings": {
            "application_fee_percent": None,
            "billing_cycle_anchor": "automatic",
            "billing_thresholds": None,
            "collection_method": "charge_automatically",
            "default_payment_method": None,
            "description": None,
            "invoice_settings": {"issuer": {"type": "self"}},
            "on_behalf_of": None,
            "transfer_data": None,
        },
        "end_behavior": "release",
        "livemode": False,
        "metadata": {},
        "pause_schedules": [],
        "phases": [first],
        "released_at": None,
        "released_subscription": None,
        "status": "active",
        "subscription": subscription["id"],
        "test_clock": subscription["test_clock"],
    }
    tx.add(schedule, parent=subscription["id"])
    subscription["schedule"] = schedule["id"]
    tx.emit("subscription_schedule.created", schedule)
    subscribing.save_and_announce(tx, subscription, before)
    return schedule


def to_come(schedule: Object | None) -> Object | None:
    """The phase after the running one."""
    if schedule is None or schedule["current_phase"] is None:
        return None
    return next((p for p in schedule["phases"] if p["start_date"] == schedule["current_phase"]["end_date"]), None)


def decide(tx: Transaction, schedule: Object, phases: list[Object]) -> Object:
    """What comes after the running phase."""
    before = schedule["phases"]
    schedule["phases"] = phases
    tx.save(schedule)
    tx.emit("subscription_schedule.updated", schedule, {"phases": before})
    return schedule


def release(tx: Transaction, subscription: Object) -> None:
    """Forget the kept change; the subscription goes on as it is."""
    schedule = tx.find(subscription["schedule"] or "", "subscription_schedule")
    subscription["schedule"] = None
    tx.save(subscription)
    if schedule and schedule["status"] == "active":
        _finish(tx, schedule)
        tx.emit("subscription_schedule.released", schedule)


def turn_page(tx: Transaction, subscription: Object) -> None:
    """At the end of a phase: the items as the next one has them; after the last, the subscription is let go.

    The caller saves and announces. A schedule stays in its last phase to that phase's end, changing nothing any more.
    """
    schedule = tx.find(subscription["schedule"] or "", "subscription_schedule")
    if schedule is None or schedule["status"] != "active":
        subscription["schedule"] = None
        return
    turn = schedule["current_phase"]["end_date"]
    if turn > tx.now:
        return
    coming = to_come(schedule)
    if coming is None:
        subscription["schedule"] = None
        _finish(tx, schedule)
        tx.emit("subscription_schedule.released", schedule)
        return
    price = tx.get("price", coming["items"][0]["price"])
    fresh = subscription["items"]["data"][0] | {"price": price, "plan": subscribing.plan_of(price)}
    subscription["items"] = subscription["items"] | {"data": [fresh, *subscription["items"]["data"][1:]]}
    subscription["billing_cycle_anchor"] = turn
    before = schedule["current_phase"]
    schedule["current_phase"] = {"start_date": turn, "end_date": coming["end_date"]}
    tx.save(schedule)
    tx.emit("subscription_schedule.updated", schedule, {"current_phase": before})


def _finish(tx: Transaction, schedule: Object) -> None:
    schedule["status"], schedule["released_at"] = "released", tx.now
    schedule["released_subscription"], schedule["subscription"] = schedule["subscription"], None
    schedule["current_phase"] = None
    tx.save(schedule)


def phase(subscription: Object, price: Object, quantity: int, start: int, end: int) -> dict[str, Any]:
    return {
        "add_invoice_items": [],
        "application_fee_percent": None,
        "billing_cycle_anchor": None,
        "billing_thresholds": None,
        "collection_method": None,
        "currency": subscription["currency"],
        "default_payment_method": None,
        "default_tax_rates": [],
        "description": None,
        "discounts": [],
        "end_date": end,
        "invoice_settings": None,
        "items": [
            {
                "billing_thresholds": None,
                "discounts": [],
                "metadata": {},
                "plan": price["id"],
                "price": price["id"],
                "quantity": quantity,
                "tax_rates": [],
            }
        ],
        "metadata": {},
        "on_behalf_of": None,
        "proration_behavior": "none",
        "start_date": start,
        "transfer_data": None,
        "trial_end": None,
    }
