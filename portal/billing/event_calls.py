"""What Stripe is asked about its news: events, the endpoint they come to, and whose account it is."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, cast

from portal.billing.asking import API_VERSION, Asking, plain
from portal.billing.reading_answers import as_endpoint, as_event, need
from portal.billing.shapes import Endpoint, Event, Json
from portal.core.clock import now

SUBSCRIBED = (  # the types our endpoint asks for; events.list takes at most 20
    "checkout.session.completed",
    "checkout.session.expired",
    "checkout.session.async_payment_succeeded",
    "checkout.session.async_payment_failed",
    "customer.subscription.created",
    "customer.subscription.updated",
    "customer.subscription.deleted",
    "customer.subscription.paused",
    "customer.subscription.resumed",
    "customer.subscription.trial_will_end",
    "customer.deleted",
    "invoice.paid",
    "invoice.payment_failed",
    "invoice.payment_action_required",
    "charge.refunded",
    "charge.dispute.created",
    "charge.dispute.closed",
)


class EventCalls(Asking):
    """Events, and the endpoint they come to."""

    def events_since(self, moment: datetime) -> list[Event]:
        """Our types since that moment, oldest first. Stripe keeps thirty days."""
        params: Json = {"created": {"gte": int(moment.timestamp())}, "types": list(SUBSCRIBED)}
        pages = list(self._pages("/v1/events", params))
        return [as_event(each) for page in reversed(pages) for each in reversed(page)]

    def endpoints(self) -> list[Endpoint]:
        listed = self._ask(lambda v1: list(v1.webhook_endpoints.list({"limit": 100}).auto_paging_iter()))
        return [as_endpoint(plain(each)) for each in listed]

    def keep_endpoint(self, url: str) -> tuple[str, str | None]:
        """The endpoint at this address with our types; its id, and its secret, which Stripe tells once, if it is new.

        Its version cannot be changed afterwards: one that speaks another version is replaced.
        """
        known = next((e for e in self.endpoints() if e.url == url), None)
        if known is not None and known.api_version in {None, API_VERSION}:
            self._ask(
                lambda v1: v1.webhook_endpoints.update(
                    known.id, cast(Any, {"enabled_events": list(SUBSCRIBED), "disabled": False})
                )
            )
            return known.id, None
        values: Json = {"url": url, "enabled_events": list(SUBSCRIBED), "api_version": API_VERSION}
        made = plain(self._ask(lambda v1: v1.webhook_endpoints.create(cast(Any, values))))
        if known is not None:
            self._ask(lambda v1: v1.webhook_endpoints.delete(known.id))
        return str(need(made, "id")), str(need(made, "secret"))

    def account_id(self) -> str:
        return str(need(plain(self._ask(lambda v1: v1.accounts.retrieve_current())), "id"))

    def clock_offset(self) -> float:
        """Seconds by which Stripe's clock is ahead of ours, from the Date header of an answer."""
        from email.utils import parsedate_to_datetime

        answer = self._ask(lambda v1: v1.prices.list({"limit": 1}))
        headers: Mapping[str, str] = getattr(answer.last_response, "headers", {})
        stamp = headers.get("Date")
        return (parsedate_to_datetime(stamp) - now()).total_seconds() if stamp else 0.0
