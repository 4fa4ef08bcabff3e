"""Changing a running subscription: another price or quantity, a trial cut short, a pause; with prorations."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from stripe_sandbox import invoicing, periods, subscribing
from stripe_sandbox.errors import ApiError
from stripe_sandbox.invoicing import Line
from stripe_sandbox.store import Object, Transaction, changes

PENDING_SECONDS = 23 * 3600


@dataclass(frozen=True)
class Change:
    """What an update asks for. `items` is (item id or None, price or None, quantity or None, deleted)."""

    items: tuple[tuple[str | None, Object | None, int | None, bool], ...] = ()
    proration: str = "create_prorations"
    payment: str = "allow_incomplete"
    proration_date: int | None = None
    anchor_now: bool = False
    trial_end: int | str | None = None

    @classmethod
    def from_params(cls, tx: Transaction, params: dict[str, Any]) -> Change:
        """From the parameters of subscriptions.update or of a preview's `subscription_details`."""
        items = []
        for index, entry in enumerate(params.get("items") or []):
            price = None
            if "price" in entry:
                price = tx.get("price", entry["price"], param=f"items[{index}][price]")
                if not price["active"]:
                    raise ApiError(
                        "The price specified is inactive. This field only accepts active prices.",
                        param=f"items[{index}][price]",
                    )
                if price["recurring"] is None:
                    raise ApiError(
                        "The price specified is set to `type=one_time` but this field only accepts prices "
                        "with `type=recurring`.",
                        param=f"items[{index}][price]",
                    )
            items.append((entry.get("id"), price, entry.get("quantity"), bool(entry.get("deleted"))))
        anchor = params.get("billing_cycle_anchor")
        return cls(
            items=tuple(items),
            proration=params.get("proration_behavior", "create_prorations"),
            payment=params.get("payment_behavior", "allow_incomplete"),
            proration_date=params.get("proration_date"),
            anchor_now=isinstance(anchor, dict) and anchor.get("type") == "now",
            trial_end=params.get("trial_end"),
        )


@dataclass(frozen=True)
class Plan:
    """The items as they would be, and what would be billed for the way there."""

    items: list[Object]
    lines: list[Line]
    anchor: int
    at_once: bool  # the cycle starts anew, so the invoice cannot wait
    ends_trial: bool


def switch(tx: Transaction, subscription: Object, change: Change, *, base_url: str) -> Object:
    """Do it. Raises the card's ApiError under `error_if_incomplete`."""
    if change.payment == "pending_if_incomplete" and subscription["pending_update"]:
        subscription["pending_update"] = None
    plan = work_out(tx, subscription, change)
    before = dict(subscription)
    wants_invoice = bool(plan.lines) and (change.proration == "always_invoice" or plan.at_once)
    if isinstance(change.trial_end, int) and change.trial_end > tx.now:
        _move_trial(tx, subscription, change.trial_end)
        return subscription
    if wants_invoice and change.payment == "pending_if_incomplete":
        return _switch_once_paid(tx, subscription, plan, change, base_url)
    if plan.ends_trial:
        subscription["status"], subscription["trial_end"] = "active", tx.now
        tx.plan("trial_notice", subscription["id"], None)
    _install(tx, subscription, plan.items, plan.anchor)
    if not wants_invoice:
        _keep_for_later(tx, subscription, plan.lines)
        subscribing.save_and_announce(tx, subscription, before)
        return subscription
    invoice = invoicing.draw_up(
        tx,
        subscription,
        plan.lines,
        reason="subscription_update",
        base_url=base_url,
        proration_date=change.proration_date or tx.now,
    )
    subscribing.save_and_announce(tx, subscription, before)
    invoice = invoicing.finalise(tx, invoice, base_url=base_url)
    if invoice["status"] == "open":
        outcome = invoicing.collect(tx, invoice, off_session=False)
        if outcome.error and change.payment == "error_if_incomplete":
            outcome.error.keeps = False
            raise outcome.error
    return tx.get("subscription", subscription["id"])


def work_out(tx: Transaction, subscription: Object, change: Change) -> Plan:
    """The new items and the proration lines, without doing anything; previews use the same figures."""
    now = change.proration_date or tx.now
    old = {item["id"]: item for item in subscription["items"]["data"]}
    trialing = subscription["status"] == "trialing"
    ends_trial = trialing and change.trial_end in ("now",)
    lines: list[Line] = []
    items: list[Object] = []
    touched: dict[str, tuple[Object | None, int | None, bool]] = {}
    added: list[tuple[Object, int]] = []
    for id, price, quantity, deleted in change.items:
        if id is None:
            if price is None:
                raise ApiError("Missing required param: items[0][price].", param="items", code="parameter_missing")
            added.append((price, quantity or 1))
        elif id not in old:
            raise ApiError(f"No such subscription_item: '{id}'", code="resource_missing", param="items[0][id]")
        else:
            touched[id] = (price, quantity, deleted)
    resets = (
        change.anchor_now
        or ends_trial
        or any(
            price is not None and _interval(price) != _interval(old[id]["price"])
            for id, (price, _, _) in touched.items()
        )
    )
    at_once = resets and (ends_trial or not trialing)
    anchor = now if at_once else subscription["billing_cycle_anchor"]
    for id, item in old.items():
        price, quantity, deleted = touched.get(id, (None, None, False))
        new_price, new_quantity = price or item["price"], quantity if quantity is not None else item["quantity"]
        same = new_price["id"] == item["price"]["id"] and new_quantity == item["quantity"] and not deleted
        if same and not at_once:
            items.append(item)
            continue
        free = trialing and not ends_trial
        if not free and not trialing:
            lines.append(_credit(tx, subscription, item, now))
        if deleted:
            continue
        start = now if at_once else item["current_period_start"]
        end = periods.end_of(anchor, new_price, now) if at_once else item["current_period_end"]
        fresh = item | {
            "price": new_price,
            "plan": subscribing.plan_of(new_price),
            "quantity": new_quantity,
            "current_period_start": start,
            "current_period_end": end,
        }
        items.append(fresh)
        if not free:
            lines.append(_debit(fresh, now, whole=at_once))
    for price, quantity in added:
        end = items[0]["current_period_end"] if items else periods.end_of(anchor, price, now)
        item = subscribing.make_item(tx, subscription["id"], price, quantity, now, end)
        items.append(item)
        if not trialing:
            lines.append(_debit(item, now, whole=False))
    if change.proration == "none":
        lines = [line for line in lines if not line.proration]
    return Plan(items, [line for line in lines if line.amount or not line.proration], anchor, at_once, ends_trial)


def apply_pending(tx: Transaction, subscription: Object, pending: Object) -> None:
    """The invoice of a pending update was paid: now the plan changes."""
    subscription["pending_update"] = None
    _install(
        tx,
        subscription,
        pending["subscription_items"],
        pending["billing_cycle_anchor"] or subscription["billing_cycle_anchor"],
    )
    tx.emit("customer.subscription.pending_update_applied", subscription)


def take_waiting_lines(tx: Transaction, subscription: Object) -> list[Line]:
    """Prorations that wait for the next invoice."""
    waiting = tx.private(subscription["id"]).get("waiting", [])
    tx.set_private(subscription["id"], waiting=[])
    return [Line(**entry) for entry in waiting]


def pause(tx: Transaction, subscription: Object, *, why: str) -> Object:
    before = dict(subscription)
    subscription["status"] = "paused"
    subscription["status_details"] = {
        "paused": {"subscription": {"type": why}, "transitioned_at": tx.now, "type": "subscription"}
    }
    for what in ("renew", "trial_notice"):
        tx.plan(what, subscription["id"], None)
    subscribing.save_and_announce(tx, subscription, before)
    tx.emit("customer.subscription.paused", subscription)
    return subscription


def resume(tx: Transaction, subscription: Object, *, base_url: str) -> Object:
    """A new cycle from now; the subscription is active once its invoice is paid."""
    before = dict(subscription)
    anchor = tx.now
    items = [
        item | {"current_period_start": tx.now, "current_period_end": periods.end_of(anchor, item["price"], tx.now)}
        for item in subscription["items"]["data"]
    ]
    _install(tx, subscription, items, anchor, plans=False)
    subscribing.save_and_announce(tx, subscription, before)
    invoice = invoicing.draw_up(
        tx, subscription, invoicing.regular_lines(subscription), reason="subscription_update", base_url=base_url
    )
    tx.set_private(invoice["id"], resumes=True)
    invoice = invoicing.finalise(tx, invoice, base_url=base_url)
    if invoice["status"] == "open":
        invoicing.collect(tx, invoice, off_session=True)
    return tx.get("subscription", subscription["id"])


def _switch_once_paid(tx: Transaction, subscription: Object, plan: Plan, change: Change, base_url: str) -> Object:
    before = dict(subscription)
    subscription["pending_update"] = {
        "billing_cycle_anchor": plan.anchor if plan.at_once else None,
        "expires_at": tx.now + PENDING_SECONDS,
        "subscription_items": plan.items,
        "trial_end": None,
        "trial_from_plan": None,
    }
    invoice = invoicing.draw_up(
        tx,
        subscription,
        plan.lines,
        reason="subscription_update",
        base_url=base_url,
        proration_date=change.proration_date or tx.now,
    )
    subscribing.save_and_announce(tx, subscription, before)
    invoice = invoicing.finalise(tx, invoice, base_url=base_url)
    if invoice["status"] == "open":
        invoicing.collect(tx, invoice, off_session=False)
    fresh = tx.get("subscription", subscription["id"])
    if fresh["pending_update"]:
        tx.plan("drop_pending", subscription["id"], fresh["pending_update"]["expires_at"])
    return fresh


def drop_pending(tx: Transaction, subscription: Object) -> None:
    """Nobody paid for the change within 23 hours: it is forgotten and its invoice void."""
    if not subscription["pending_update"]:
        return
    before = dict(subscription)
    subscription["pending_update"] = None
    tx.save(subscription)
    invoice = tx.find(subscription["latest_invoice"], "invoice")
    if invoice and invoice["status"] == "open":
        invoicing.void(tx, invoice)
    tx.emit("customer.subscription.pending_update_expired", subscription)
    tx.emit("customer.subscription.updated", subscription, changes(before, subscription))


def _install(tx: Transaction, subscription: Object, items: list[Object], anchor: int, *, plans: bool = True) -> None:
    subscription["items"] = subscription["items"] | {"data": items}
    subscription["billing_cycle_anchor"] = anchor
    if subscription["cancel_at_period_end"]:
        subscription["cancel_at"] = subscribing.period_end(subscription)
        tx.plan("cancel", subscription["id"], subscription["cancel_at"])
    if plans and subscription["status"] != "incomplete":
        subscribing.plan_period(tx, subscription)


def _move_trial(tx: Transaction, subscription: Object, end: int) -> None:
    before = dict(subscription)
    subscription["status"], subscription["trial_end"] = "trialing", end
    subscription["trial_start"] = subscription["trial_start"] or tx.now
    items = [item | {"current_period_end": end} for item in subscription["items"]["data"]]
    _install(tx, subscription, items, end)
    subscribing.save_and_announce(tx, subscription, before)


def _keep_for_later(tx: Transaction, subscription: Object, lines: list[Line]) -> None:
    waiting = tx.private(subscription["id"]).get("waiting", [])
    waiting += [dict(vars(line)) for line in lines if line.proration]
    tx.set_private(subscription["id"], waiting=waiting)


def _credit(tx: Transaction, subscription: Object, item: Object, now: int) -> Line:
    """What was really paid for the time not used (flexible billing credits the debited amount, not the list price)."""
    start, end = item["current_period_start"], item["current_period_end"]
    full = (item["price"]["unit_amount"] or 0) * item["quantity"]
    paid = round(full * _paid_share(tx, subscription))
    amount = _share(paid, end - now, end - start)
    return Line(
        item,
        item["price"],
        item["quantity"],
        now,
        end,
        -amount,
        proration=True,
        description=f"Unused time on {_called(tx, item['price'])}",
    )


def _debit(item: Object, now: int, *, whole: bool) -> Line:
    start, end = item["current_period_start"], item["current_period_end"]
    full = (item["price"]["unit_amount"] or 0) * item["quantity"]
    if whole:
        return Line(item, item["price"], item["quantity"], start, end, full)
    return Line(
        item,
        item["price"],
        item["quantity"],
        now,
        end,
        _share(full, end - now, end - start),
        proration=True,
        description="Remaining time after the change",
    )


def _paid_share(tx: Transaction, subscription: Object) -> Decimal:
    """Total before tax over list price, on the last invoice that billed a full period."""
    for invoice in tx.select("invoice", parent=subscription["id"], where="json_extract(body, '$.status') = 'paid'"):
        if invoice["subtotal"] > 0:
            taken = sum(d["amount"] for d in invoice["total_discount_amounts"])
            return Decimal(invoice["subtotal"] - taken) / Decimal(invoice["subtotal"])
    return Decimal(1)


def _share(amount: int, part: int, whole: int) -> int:
    return int((Decimal(amount) * max(part, 0) / whole).quantize(Decimal(1), rounding=ROUND_HALF_UP))


def _interval(price: Object) -> tuple[str, int]:
    return price["recurring"]["interval"], price["recurring"]["interval_count"]


def _called(tx: Transaction, price: Object) -> str:
    return str((tx.find(price["product"]) or {}).get("name", "subscription"))
