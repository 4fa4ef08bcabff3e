"""What Stripe is asked about subscriptions: what they are, that they end, go on or change."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import structlog

from portal.billing.asking import Asking, StripeRefused, plain
from portal.billing.reading_answers import (
    as_invoice,
    as_preview,
    as_snapshot,
    as_snapshot_or_not,
    as_switched,
    as_unpaid,
    has,
    id_of,
    need,
)
from portal.billing.shapes import Invoice, Json, Malformed, Preview, Snapshot, Switched, Unpaid

log = structlog.get_logger()

_WITH_SUBSCRIPTIONS = ["data.latest_invoice", "data.default_payment_method", "data.schedule"]


class SubscriptionCalls(Asking):
    """Subscriptions with their invoices, and another plan."""

    # Subscriptions and invoices

    def subscriptions_of(self, customer_id: str, *, quick: bool = False) -> list[Snapshot]:
        """All subscriptions of a customer, ended ones too; for those past due also what is unpaid."""
        params = {
            "customer": customer_id,
            "status": "all",
            "limit": 100,
            "expand": _WITH_SUBSCRIPTIONS,
        }
        listed = self._ask(lambda v1: list(v1.subscriptions.list(cast(Any, params)).auto_paging_iter()), quick=quick)
        return [self._completed(plain(each), quick=quick) for each in listed]

    def every_subscription(self) -> Iterator[list[tuple[str, Snapshot | Malformed]]]:
        """All subscriptions of the account, page by page, each with its customer's id; one that cannot be read does
        not hide the others."""
        params: Json = {"status": "all", "expand": _WITH_SUBSCRIPTIONS}
        for page in self._pages("/v1/subscriptions", params):
            yield [(id_of(sub.get("customer")) or "", as_snapshot_or_not(sub)) for sub in page]

    def invoices_of(self, customer_id: str, *, quick: bool = False) -> list[Invoice]:
        """The invoices of a customer, a hundred a call. One that cannot be read is left out: no access hangs on it."""
        params: Json = {"customer": customer_id, "limit": 100}
        listed = self._ask(lambda v1: list(v1.invoices.list(cast(Any, params)).auto_paging_iter()), quick=quick)
        found = []
        for each in listed:
            try:
                found.append(as_invoice(plain(each)))
            except Malformed as error:
                log.error("invoice.unreadable", reason=str(error))
        return found

    def cancel(self, sub_id: str, *, feedback: str | None = None, comment: str | None = None) -> None:
        """End it now; what is still open on it is not tried again."""
        values = _why_leaving(feedback, comment)
        self._ask(lambda v1: v1.subscriptions.cancel(sub_id, cast(Any, values)))

    def end_with_period(self, sub_id: str, *, feedback: str | None = None, comment: str | None = None) -> None:
        """What was paid for stays, and nothing more is charged."""
        values = {"cancel_at_period_end": True, **_why_leaving(feedback, comment)}
        self._ask(lambda v1: v1.subscriptions.update(sub_id, cast(Any, values)))

    def go_on(self, sub_id: str) -> None:
        """Take the end back, whichever of the two fields says it; Stripe takes one of them a call."""
        sub = plain(self._ask(lambda v1: v1.subscriptions.retrieve(sub_id)))
        if has(sub, "cancel_at_period_end"):
            off: Json = {"cancel_at_period_end": False}
            sub = plain(self._ask(lambda v1: v1.subscriptions.update(sub_id, cast(Any, off))))
        if has(sub, "cancel_at") is not None:
            self._ask(lambda v1: v1.subscriptions.update(sub_id, {"cancel_at": ""}))

    # Another plan

    def preview_change(self, sub_id: str, *, item: str, price: str, proration_date: int) -> Preview:
        """What `change_price` with the same values would bill, to the cent."""
        details = {
            "items": [{"id": item, "price": price}],
            "proration_behavior": "always_invoice",
            "proration_date": proration_date,
        }
        values: Json = {"subscription": sub_id, "subscription_details": details}
        return as_preview(plain(self._ask(lambda v1: v1.invoices.create_preview(cast(Any, values)))))

    def change_price(self, sub_id: str, *, item: str, price: str, proration_date: int, key: str) -> Switched:
        """Another price at once, if its invoice is paid; the same key asks only once."""
        values: Json = {
            "items": [{"id": item, "price": price}],
            "proration_behavior": "always_invoice",
            "proration_date": proration_date,
            "payment_behavior": "pending_if_incomplete",
            "expand": ["latest_invoice"],
        }
        return as_switched(
            plain(self._ask(lambda v1: v1.subscriptions.update(sub_id, cast(Any, values), {"idempotency_key": key})))
        )

    def change_price_later(self, sub_id: str, *, price: str, interval: str, key: str) -> None:
        """Another price from the next period on, by a schedule that lets go of the subscription one period later."""
        begun: Json = {"from_subscription": sub_id}
        schedule = plain(
            self._ask(
                lambda v1: v1.subscription_schedules.create(cast(Any, begun), {"idempotency_key": f"{key}-schedule"})
            )
        )
        now_running = need(schedule, "phases")[0]
        items = [
            {"price": id_of(need(item, "price")), "quantity": item.get("quantity") or 1}
            for item in need(now_running, "items")
        ]
        kept = [{"discount": each["discount"]} for each in now_running.get("discounts") or [] if each.get("discount")]
        both: Json = {"proration_behavior": "none", **({"discounts": kept} if kept else {})}
        current = {"start_date": need(now_running, "start_date"), "end_date": need(now_running, "end_date")}
        wanted = [{**items[0], "price": price}]
        phases: list[Json] = [
            {"items": items, **current, **both},
            {"items": wanted, "duration": {"interval": interval, "interval_count": 1}, **both},
        ]
        values: Json = {"phases": phases, "end_behavior": "release"}
        self._ask(
            lambda v1: v1.subscription_schedules.update(
                schedule["id"], cast(Any, values), {"idempotency_key": f"{key}-phases"}
            )
        )

    def release_schedule(self, schedule_id: str) -> None:
        """Let the subscription go on as it is; one that is over already is no trouble."""
        try:
            self._ask(lambda v1: v1.subscription_schedules.release(schedule_id))
        except StripeRefused:
            schedule = plain(self._ask(lambda v1: v1.subscription_schedules.retrieve(schedule_id)))
            if schedule.get("status") in {"active", "not_started"}:
                raise

    def void(self, invoice_id: str) -> None:
        """Nobody is to pay this any more; one that is void already is no trouble."""
        try:
            self._ask(lambda v1: v1.invoices.void_invoice(invoice_id))
        except StripeRefused:
            invoice = plain(self._ask(lambda v1: v1.invoices.retrieve(invoice_id)))
            if invoice.get("status") != "void":
                raise

    def why_unpaid(self, invoice_id: str, *, quick: bool = False) -> Unpaid:
        expand: list[Any] = ["data.payment.payment_intent"]
        listed = self._ask(
            lambda v1: v1.invoice_payments.list({"invoice": invoice_id, "status": "open", "expand": expand}),
            quick=quick,
        )
        return as_unpaid(plain(listed)["data"])

    def _completed(self, sub: Json, *, quick: bool) -> Snapshot:
        if sub.get("status") != "past_due":
            return as_snapshot(sub)
        listed = self._ask(
            lambda v1: v1.invoices.list({"subscription": sub["id"], "status": "open", "limit": 100}), quick=quick
        )
        invoices = [as_invoice(each) for each in plain(listed)["data"]]
        unpaid = tuple(sorted((i for i in invoices if i.reason != "subscription_create"), key=lambda i: i.created_at))
        why = self.why_unpaid(unpaid[0].id, quick=quick) if unpaid else Unpaid()
        return as_snapshot(sub, unpaid, needs_action=why.asks_bank, declined_because=why.code)


def _why_leaving(feedback: str | None, comment: str | None) -> Json:
    details = {name: words for name, words in (("feedback", feedback), ("comment", comment)) if words}
    return {"cancellation_details": details} if details else {}
