"""Subscription schedules: made from a running subscription, given one phase to come, read and released."""

from __future__ import annotations

from typing import Any

from stripe_sandbox import listing, periods, scheduling, subscribing
from stripe_sandbox.calls import Call, answers
from stripe_sandbox.errors import ApiError
from stripe_sandbox.objects.setting_fields import merge_metadata
from stripe_sandbox.store import Object, Transaction


@answers("post", "/v1/subscription_schedules")
def create(call: Call) -> Object:
    tx, params = call.tx, call.params
    if "from_subscription" not in params:
        raise _unsimulated("from_subscription", "schedules made `from_subscription`")
    subscription = tx.get("subscription", params["from_subscription"], param="from_subscription")
    tx.live_by(subscription["customer"])
    if subscription["schedule"]:
        raise ApiError(
            f"You cannot migrate a subscription that is already attached to a schedule: `{subscription['schedule']}`.",
            param="from_subscription",
        )
    if subscription["status"] in (*subscribing.DEAD, "incomplete"):
        raise ApiError(
            f"You cannot migrate a subscription that is in the `{subscription['status']}` status.",
            param="from_subscription",
        )
    if subscription["cancel_at"] is not None:
        raise _unsimulated("from_subscription", "subscriptions that are not set to end")
    return scheduling.begin(tx, subscription)


@answers("get", "/v1/subscription_schedules/{}")
def retrieve(call: Call) -> Object:
    return call.tx.get("subscription_schedule", call.id)


@answers("post", "/v1/subscription_schedules/{}")
def update(call: Call) -> Object:
    tx, params = call.tx, call.params
    schedule = tx.get("subscription_schedule", call.id)
    if schedule["status"] != "active":
        raise ApiError(f"You cannot update a subscription schedule that is currently {schedule['status']}.")
    tx.live_by(schedule["customer"])
    if params.get("end_behavior", "release") != "release":
        raise _unsimulated("end_behavior", "end_behavior=release")
    merge_metadata(schedule, params)
    if "phases" not in params:
        tx.save(schedule)
        return schedule
    subscription = tx.get("subscription", schedule["subscription"])
    return scheduling.decide(tx, schedule, _phases(tx, subscription, schedule, params["phases"]))


@answers("get", "/v1/subscription_schedules")
def list_(call: Call) -> Object:
    return listing.page(call, "subscription_schedule", customer=call.params.get("customer"))


@answers("post", "/v1/subscription_schedules/{}/release")
def release(call: Call) -> Object:
    tx = call.tx
    schedule = tx.get("subscription_schedule", call.id)
    if schedule["status"] != "active":
        raise ApiError(f"You cannot release a subscription schedule that is currently {schedule['status']}.")
    tx.live_by(schedule["customer"])
    subscription = tx.get("subscription", schedule["subscription"])
    before = dict(subscription)
    scheduling.release(tx, subscription)
    tx.emit("customer.subscription.updated", subscription, {"schedule": before["schedule"]})
    return tx.get("subscription_schedule", call.id)


def _phases(tx: Transaction, subscription: Object, schedule: Object, given: list[Any]) -> list[Object]:
    """The running phase as it is, and at most one after it."""
    running = schedule["phases"][0]
    if not given or given[0].get("start_date") != running["start_date"]:
        raise ApiError(
            "You can not modify the start date of the current phase. `phases[0][start_date]` must be "
            f"{running['start_date']}.",
            param="phases[0][start_date]",
        )
    for index, entry in enumerate(given):
        if "end_date" in entry and "duration" in entry:
            raise ApiError(
                "You may only specify one of these parameters: end_date, duration.", param=f"phases[{index}][duration]"
            )
        if entry.get("proration_behavior", "none") != "none":
            raise _unsimulated(f"phases[{index}][proration_behavior]", "phases that begin with a period")
    if len(given) > 2 or given[0].get("end_date") != running["end_date"] or not _same_items(given[0], running):
        raise _unsimulated("phases", "a running phase that stays as it is, and one after it")
    return [running, *(_coming(tx, subscription, running["end_date"], entry) for entry in given[1:])]


def _coming(tx: Transaction, subscription: Object, turn: int, entry: dict[str, Any]) -> Object:
    if entry.get("start_date", turn) != turn:
        raise ApiError("The phases of a schedule follow each other without a gap.", param="phases[1][start_date]")
    if "duration" not in entry or len(entry["items"]) != 1:
        raise _unsimulated("phases[1]", "one item for a `duration`")
    price = tx.get("price", entry["items"][0].get("price", ""), param="phases[1][items][0][price]")
    if not price["active"] or price["recurring"] is None or price["currency"] != subscription["currency"]:
        raise ApiError(
            "The price must be active, recurring and in the subscription's currency.",
            param="phases[1][items][0][price]",
        )
    span = {"recurring": {"interval_count": 1, **entry["duration"]}}
    quantity = entry["items"][0].get("quantity", 1)
    return scheduling.phase(subscription, price, quantity, turn, periods.after(turn, span, 1))


def _same_items(given: dict[str, Any], running: Object) -> bool:
    wanted = [(item.get("price"), item.get("quantity", 1)) for item in given["items"]]
    return wanted == [(item["price"], item["quantity"]) for item in running["items"]]


def _unsimulated(param: str, only: str) -> ApiError:
    return ApiError(f"This sandbox simulates {only} only.", status=501, type="api_error", param=param, stored=False)
