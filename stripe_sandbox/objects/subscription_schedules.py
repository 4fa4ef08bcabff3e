"""Subscription schedules, as the portal makes them: to be read and released."""

from __future__ import annotations

from stripe_sandbox import listing, scheduling
from stripe_sandbox.calls import Call, answers
from stripe_sandbox.errors import ApiError
from stripe_sandbox.store import Object


@answers("get", "/v1/subscription_schedules/{}")
def retrieve(call: Call) -> Object:
    return call.tx.get("subscription_schedule", call.id)


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
