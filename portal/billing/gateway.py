"""The edge to Stripe: the only file that imports its SDK, and the only one that calls it.

The SDK and its API version are pinned together (stripe 16.1, 2026-10-28.endive). What comes back becomes our frozen
values in shapes.py; what goes wrong becomes one of the three exceptions below.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar, cast
from urllib.parse import urlsplit

import structlog
from flask import Flask, current_app

from portal.billing.shapes import (
    Customer,
    Endpoint,
    Event,
    Invoice,
    Json,
    Malformed,
    Preview,
    Price,
    Reversal,
    ReversalSeen,
    Session,
    Snapshot,
    Switched,
    Unpaid,
    as_customer,
    as_endpoint,
    as_event,
    as_invoice,
    as_preview,
    as_price,
    as_reversal,
    as_reversal_seen,
    as_session,
    as_snapshot,
    as_snapshot_or_not,
    as_switched,
    as_unpaid,
    has,
    id_of,
    need,
)
from portal.core.clock import now

if TYPE_CHECKING:
    import stripe

log = structlog.get_logger()
T = TypeVar("T")

API_VERSION = "2026-10-28.endive"
LOOKUP_KEYS_AT_ONCE = 10
PAGE = 100  # the longest that a list of Stripe's may be
WAITS_WHEN_CROWDED = (1.0, 2.0, 4.0, 8.0, 16.0)  # seconds; nobody is waiting for a walk over the whole account
SIGNATURE_WINDOW = 300  # seconds between Stripe's clock and ours, either way
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
_WITH_SUBSCRIPTIONS = ["data.latest_invoice", "data.default_payment_method", "data.schedule"]
_MARK = "membership portal"  # metadata[made_by] of what setting up has made at Stripe
_LOOPBACK = {"127.0.0.1", "localhost", "::1"}


class StripeAway(Exception):
    """No usable answer: network, timeout, 5xx, too many requests, a refused key. Trying later may help.

    `was_answered` tells a definite 5xx (which Stripe replays for a day under the same idempotency key) from silence.
    """

    def __init__(self, reason: str, *, was_answered: bool = False) -> None:
        self.was_answered = was_answered
        super().__init__(reason)


class StripeBusy(StripeAway):
    """The same key or object is being worked on by another call right now (409)."""


class StripeCrowded(StripeAway):
    """Too many requests (429); the same one will be answered a little later."""


class StripeRefused(Exception):
    """Stripe understood and said no; the same call will not succeed. `code` is Stripe's own word, if it gave one."""

    def __init__(self, reason: str, *, code: str | None = None, status: int | None = None) -> None:
        self.code, self.status = code, status
        super().__init__(reason)

    @property
    def is_missing(self) -> bool:
        return self.code == "resource_missing"


class BadSignature(Exception):
    """A delivery that does not carry a signature of ours, or is no event."""


class ClockSkew(BadSignature):
    """The signature is good and the time in it is not: someone's clock is off by `seconds` (ours behind: positive)."""

    def __init__(self, seconds: int) -> None:
        self.seconds = seconds
        super().__init__(f"signed {seconds} s away from our clock")


def init_app(app: Flask) -> None:
    """Refuse an impossible pair at once: a live key must never be sent to a sandbox."""
    key, base = app.config["STRIPE_SECRET_KEY"], app.config["STRIPE_API_BASE"]
    if base and not key.startswith(("sk_test_", "rk_test_")):
        raise ValueError("STRIPE_API_BASE points to a sandbox, so STRIPE_SECRET_KEY must be a test key")


def stripe_gateway() -> Gateway:
    """The application's gateway, made when first needed: the SDK takes half a second to import."""
    found = current_app.extensions.get("stripe_gateway")
    if found is None:
        config = current_app.config
        found = Gateway(config["STRIPE_SECRET_KEY"], api_base=config["STRIPE_API_BASE"])
        current_app.extensions["stripe_gateway"] = found
    return cast(Gateway, found)


def own_account() -> str:
    """What our rows carry as `account`: acct_… as the settings name it, or nothing."""
    return str(current_app.config["STRIPE_ACCOUNT"])


def is_live() -> bool:
    return "_live_" in str(current_app.config["STRIPE_SECRET_KEY"])[:8]


class Gateway:
    """Stripe as we use it. `quick=True` waits five seconds and never retries: someone is waiting for the answer."""

    def __init__(self, key: str, *, api_base: str = "", transport: stripe.HTTPClient | None = None) -> None:
        if api_base and not key.startswith(("sk_test_", "rk_test_")):
            raise ValueError("a sandbox takes test keys only")
        self._breaker = _Breaker()
        self._patient = _client(key, api_base, (3.05, 10.0), retries=2, transport=transport)
        self._quick = _client(key, api_base, (3.05, 5.0), retries=0, transport=transport)

    # Prices

    def prices(self, lookup_keys: Sequence[str]) -> list[Price]:
        """Prices that carry one of these lookup keys, archived ones too: a key belongs to one price at a time."""
        found: list[Price] = []
        for start in range(0, len(lookup_keys), LOOKUP_KEYS_AT_ONCE):
            found += self._prices_with(list(lookup_keys[start : start + LOOKUP_KEYS_AT_ONCE]))
        return found

    def _prices_with(self, keys: list[str]) -> list[Price]:
        params: Json = {"lookup_keys": keys, "limit": 100, "expand": ["data.product"]}
        return [
            as_price(_plain(each))
            for each in self._ask(lambda v1: list(v1.prices.list(cast(Any, params)).auto_paging_iter()))
        ]

    def make_price(
        self, *, product: str, lookup_key: str, amount_minor: int, currency: str, interval: str, tax_behavior: str
    ) -> Price:
        """A product and its recurring price, for the demo: a real account gets its prices from its owner."""
        made = self._ask(lambda v1: v1.products.create({"name": product}, {"idempotency_key": f"product-{lookup_key}"}))
        values = {
            "product": made.id,
            "lookup_key": lookup_key,
            "unit_amount": amount_minor,
            "currency": currency,
            "recurring": {"interval": interval},
            "tax_behavior": tax_behavior,
        }
        return as_price(_plain(self._ask(lambda v1: v1.prices.create(cast(Any, values)))))

    # Customers

    def make_customer(self, *, email: str, name: str, member_uuid: str, key: str) -> Customer:
        """The same key is the same customer, whatever happened to the answer of the first call."""
        values = {"email": email, "name": name, "metadata": {"member_uuid": member_uuid}}
        return as_customer(
            _plain(self._ask(lambda v1: v1.customers.create(cast(Any, values), {"idempotency_key": key})))
        )

    def find_customer(self, *, email: str, member_uuid: str) -> Customer | None:
        """The customer made for this member, by our mark on it and never by the address alone."""
        listed = self._ask(lambda v1: list(v1.customers.list({"email": email, "limit": 100}).auto_paging_iter()))
        customers = [as_customer(_plain(each)) for each in listed]
        return next((c for c in customers if c.member_uuid == member_uuid and not c.is_deleted), None)

    def customer(self, customer_id: str) -> Customer:
        return as_customer(_plain(self._ask(lambda v1: v1.customers.retrieve(customer_id))))

    def tell_address(self, customer_id: str, email: str) -> None:
        self._ask(lambda v1: v1.customers.update(customer_id, {"email": email}))

    def delete_customer(self, customer_id: str) -> None:
        """Name, address and card are gone at Stripe, all subscriptions ended; invoices stay. Done before: nothing.

        Emptied first, because the news of the deletion comes with the customer as it was.
        """
        nobody: Json = {"name": "Former member", "email": "", "metadata": ""}
        try:
            self._ask(lambda v1: v1.customers.update(customer_id, cast(Any, nobody)))
            self._ask(lambda v1: v1.customers.delete(customer_id))
        except StripeRefused as error:
            if not error.is_missing:
                raise

    # Checkout and portal

    def open_session(self, params: Mapping[str, Any], *, key: str) -> Session:
        """Exactly these parameters under this key, so that a repeated call finds the session of the first."""
        return as_session(
            _plain(self._ask(lambda v1: v1.checkout.sessions.create(cast(Any, dict(params)), {"idempotency_key": key})))
        )

    def session(self, session_id: str, *, quick: bool = False) -> Session:
        return as_session(_plain(self._ask(lambda v1: v1.checkout.sessions.retrieve(session_id), quick=quick)))

    def open_sessions(self, customer_id: str) -> list[Session]:
        listed = self._ask(
            lambda v1: list(v1.checkout.sessions.list({"customer": customer_id, "status": "open"}).auto_paging_iter())
        )
        return [as_session(_plain(each)) for each in listed]

    def expire_session(self, session_id: str) -> Session:
        """Raises StripeRefused when it is complete, expired, or being paid at this moment."""
        return as_session(_plain(self._ask(lambda v1: v1.checkout.sessions.expire(session_id))))

    def portal_url(
        self, customer_id: str, *, return_url: str, configuration: str | None = None, to_pay: bool = False
    ) -> str:
        """A fresh way into the hosted billing portal: never stored, never logged."""
        values: Json = {"customer": customer_id, "return_url": return_url}
        if configuration:
            values["configuration"] = configuration
        if to_pay:
            values["flow_data"] = {"type": "payment_method_update"}
        made = _plain(self._ask(lambda v1: v1.billing_portal.sessions.create(cast(Any, values))))
        return str(need(made, "url"))

    def keep_portal(self, *, return_url: str, features: Json) -> str:
        """The portal's configuration that carries our mark, made or brought up to date; returns its id."""
        listed = self._ask(
            lambda v1: list(v1.billing_portal.configurations.list({"active": True, "limit": 100}).auto_paging_iter())
        )
        ours = next((c for c in map(_plain, listed) if (c.get("metadata") or {}).get("made_by") == _MARK), None)
        values: Json = {"features": features, "default_return_url": return_url, "metadata": {"made_by": _MARK}}
        if ours is None:
            made = self._ask(lambda v1: v1.billing_portal.configurations.create(cast(Any, values)))
        else:
            made = self._ask(lambda v1: v1.billing_portal.configurations.update(ours["id"], cast(Any, values)))
        return str(need(_plain(made), "id"))

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
        return [self._completed(_plain(each), quick=quick) for each in listed]

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
        for plain in map(_plain, listed):
            try:
                found.append(as_invoice(plain))
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
        sub = _plain(self._ask(lambda v1: v1.subscriptions.retrieve(sub_id)))
        if has(sub, "cancel_at_period_end"):
            off: Json = {"cancel_at_period_end": False}
            sub = _plain(self._ask(lambda v1: v1.subscriptions.update(sub_id, cast(Any, off))))
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
        return as_preview(_plain(self._ask(lambda v1: v1.invoices.create_preview(cast(Any, values)))))

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
            _plain(self._ask(lambda v1: v1.subscriptions.update(sub_id, cast(Any, values), {"idempotency_key": key})))
        )

    def change_price_later(self, sub_id: str, *, price: str, interval: str, key: str) -> None:
        """Another price from the next period on, by a schedule that lets go of the subscription one period later."""
        begun: Json = {"from_subscription": sub_id}
        schedule = _plain(
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
            schedule = _plain(self._ask(lambda v1: v1.subscription_schedules.retrieve(schedule_id)))
            if schedule.get("status") in {"active", "not_started"}:
                raise

    def void(self, invoice_id: str) -> None:
        """Nobody is to pay this any more; one that is void already is no trouble."""
        try:
            self._ask(lambda v1: v1.invoices.void_invoice(invoice_id))
        except StripeRefused:
            invoice = _plain(self._ask(lambda v1: v1.invoices.retrieve(invoice_id)))
            if invoice.get("status") != "void":
                raise

    def why_unpaid(self, invoice_id: str, *, quick: bool = False) -> Unpaid:
        expand: list[Any] = ["data.payment.payment_intent"]
        listed = self._ask(
            lambda v1: v1.invoice_payments.list({"invoice": invoice_id, "status": "open", "expand": expand}),
            quick=quick,
        )
        return as_unpaid(_plain(listed)["data"])

    def _completed(self, sub: Json, *, quick: bool) -> Snapshot:
        if sub.get("status") != "past_due":
            return as_snapshot(sub)
        listed = self._ask(
            lambda v1: v1.invoices.list({"subscription": sub["id"], "status": "open", "limit": 100}), quick=quick
        )
        invoices = [as_invoice(each) for each in _plain(listed)["data"]]
        unpaid = tuple(sorted((i for i in invoices if i.reason != "subscription_create"), key=lambda i: i.created_at))
        why = self.why_unpaid(unpaid[0].id, quick=quick) if unpaid else Unpaid()
        return as_snapshot(sub, unpaid, needs_action=why.asks_bank, declined_because=why.code)

    # Money that went back

    def payer_of(self, charge_id: str) -> str | None:
        """Whose charge it is; a charge of no customer is none of ours."""
        return id_of(_plain(self._ask(lambda v1: v1.charges.retrieve(charge_id))).get("customer"))

    def reversals_of(self, charge_id: str, *, quick: bool = False) -> list[Reversal]:
        """All refunds and disputes of a charge, mapped to the subscription whose invoice it had paid."""
        charge = _plain(self._ask(lambda v1: v1.charges.retrieve(charge_id), quick=quick))
        params: Json = {"charge": charge_id, "limit": 100}
        refunds = self._ask(lambda v1: list(v1.refunds.list(cast(Any, params)).auto_paging_iter()), quick=quick)
        disputes = self._ask(lambda v1: list(v1.disputes.list(cast(Any, params)).auto_paging_iter()), quick=quick)
        if not refunds and not disputes:
            return []
        paid = self._paid_with(charge, quick=quick)
        return [
            *(as_reversal("refund", _plain(each), charge, paid) for each in refunds),
            *(as_reversal("dispute", _plain(each), charge, paid) for each in disputes),
        ]

    def reversals_since(self, moment: datetime) -> list[ReversalSeen]:
        """Every refund and dispute begun since then, a hundred a call."""
        params: Json = {"created": {"gte": int(moment.timestamp())}, "expand": ["data.charge"]}
        pages = [
            *self._pages("/v1/refunds", params),
            *self._pages("/v1/disputes", params),
        ]
        return [as_reversal_seen(each) for page in pages for each in page if each.get("charge")]

    def _paid_with(self, charge: Json, *, quick: bool) -> Json | None:
        """The invoice a charge had paid. Since basil only the list of invoice payments leads from one to the other."""
        intent = id_of(has(charge, "payment_intent"))
        payment = (
            {"type": "payment_intent", "payment_intent": intent}
            if intent
            else {"type": "charge", "charge": charge["id"]}
        )
        params: Json = {"payment": payment, "expand": ["data.invoice"]}
        listed = self._ask(lambda v1: v1.invoice_payments.list(cast(Any, params)), quick=quick)
        return next((each["invoice"] for each in _plain(listed)["data"] if isinstance(each.get("invoice"), dict)), None)

    # Events and the endpoint they come to

    def events_since(self, moment: datetime) -> list[Event]:
        """Our types since that moment, oldest first. Stripe keeps thirty days."""
        params: Json = {"created": {"gte": int(moment.timestamp())}, "types": list(SUBSCRIBED)}
        pages = list(self._pages("/v1/events", params))
        return [as_event(each) for page in reversed(pages) for each in reversed(page)]

    def endpoints(self) -> list[Endpoint]:
        listed = self._ask(lambda v1: list(v1.webhook_endpoints.list({"limit": 100}).auto_paging_iter()))
        return [as_endpoint(_plain(each)) for each in listed]

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
        made = _plain(self._ask(lambda v1: v1.webhook_endpoints.create(cast(Any, values))))
        if known is not None:
            self._ask(lambda v1: v1.webhook_endpoints.delete(known.id))
        return str(need(made, "id")), str(need(made, "secret"))

    def account_id(self) -> str:
        return str(need(_plain(self._ask(lambda v1: v1.accounts.retrieve_current())), "id"))

    def clock_offset(self) -> float:
        """Seconds by which Stripe's clock is ahead of ours, from the Date header of an answer."""
        from email.utils import parsedate_to_datetime

        answer = self._ask(lambda v1: v1.prices.list({"limit": 1}))
        headers: Mapping[str, str] = getattr(answer.last_response, "headers", {})
        stamp = headers.get("Date")
        return (parsedate_to_datetime(stamp) - now()).total_seconds() if stamp else 0.0

    def _pages(self, path: str, params: Json) -> Iterator[list[Json]]:
        """A list of any length, a hundred a call, and no more of it in memory than the page at hand.

        It is asked for raw: making the SDK's objects of five thousand subscriptions takes longer than all the rest.
        """
        where: Json = {"limit": PAGE}
        while True:
            page = self._in_turn(path, params | where)
            data = need(page, "data")
            yield data
            if not need(page, "has_more"):
                return
            where = {"limit": PAGE, "starting_after": need(data[-1], "id")}

    def _in_turn(self, path: str, params: Json) -> Json:
        """Ask for a page; where Stripe has too many requests, wait and go on from here instead of beginning anew."""

        def ask(_v1: Any) -> Json:
            return cast(Json, self._patient.raw_request("get", path, **params).data)

        for wait in WAITS_WHEN_CROWDED:
            try:
                return self._ask(ask)
            except StripeCrowded:
                log.warning("stripe.crowded", seconds=wait)
                time.sleep(wait)
        return self._ask(ask)

    def _ask(self, call: Callable[[Any], T], *, quick: bool = False) -> T:
        """Make a call; whatever goes wrong becomes one of our three exceptions."""
        import stripe

        self._breaker.check()
        try:
            answer = call((self._quick if quick else self._patient).v1)
        except stripe.APIConnectionError as error:
            self._breaker.failed()
            raise StripeAway(_cause(error)) from None
        except stripe.StripeError as error:
            self._breaker.answered()
            raise _ours(error) from None
        self._breaker.answered()
        return answer


def read_event(body: bytes, header: str | None, secrets: Iterable[str]) -> Event:
    """The event in a delivery, if one of the secrets signed it within five minutes. Raises BadSignature or ClockSkew.

    The SDK's own tolerance is off: it accepts a time a year ahead and cannot tell a bad clock from a bad signature.
    """
    if not any(_is_signed(body, header, secret) for secret in secrets):
        raise BadSignature("no secret of ours made this signature")
    signed_at = _signed_at(header or "")
    skew = round(signed_at - now().timestamp())
    if abs(skew) > SIGNATURE_WINDOW:
        raise ClockSkew(skew)
    try:
        return as_event(json.loads(body))
    except (ValueError, AttributeError, TypeError, KeyError, Malformed) as error:
        raise BadSignature(f"no event: {type(error).__name__}") from None


def _is_signed(body: bytes, header: str | None, secret: str) -> bool:
    import stripe

    try:
        return bool(stripe.WebhookSignature.verify_header(body, header, secret, tolerance=None))
    except (ValueError, stripe.SignatureVerificationError):  # ValueError: the body is no UTF-8
        return False


def _signed_at(header: str) -> int:
    """The `t=` of a header that was verified, so it is there and whole."""
    return int(next(part[2:] for part in header.split(",") if part.startswith("t=")))


class _Breaker:
    """After five connection failures in a row nobody waits for Stripe for half a minute."""

    FAILURES, REST = 5, 30.0

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._failures = 0
        self._open_until = 0.0

    def check(self) -> None:
        if time.monotonic() < self._open_until:
            raise StripeAway("Stripe did not answer several times; resting for half a minute")

    def failed(self) -> None:
        with self._lock:
            self._failures += 1
            if self._failures >= self.FAILURES:
                self._open_until = time.monotonic() + self.REST
                self._failures = 0
                log.error("stripe.resting", seconds=self.REST)

    def answered(self) -> None:
        self._failures = 0


def _client(
    key: str, api_base: str, timeout: tuple[float, float], *, retries: int, transport: stripe.HTTPClient | None
) -> stripe.StripeClient:
    import stripe

    stripe.enable_telemetry = False
    if transport is None:
        transport = stripe.RequestsClient(timeout=timeout, session=_session_without_proxy(api_base))
    return stripe.StripeClient(
        key,
        stripe_version=API_VERSION,
        base_addresses={"api": api_base} if api_base else {},
        max_network_retries=retries,
        http_client=transport,
    )


def _session_without_proxy(api_base: str) -> Any:
    """A sandbox on this machine is reached directly, whatever proxy the shell names."""
    if urlsplit(api_base).hostname not in _LOOPBACK:
        return None
    import requests

    session = requests.Session()
    session.trust_env = False
    return session


def _ours(error: stripe.StripeError) -> StripeAway | StripeRefused:
    import stripe

    status, code = error.http_status, error.code
    if status == 409:
        return StripeBusy(f"409 {code}")
    if isinstance(error, stripe.RateLimitError) or status == 429:
        return StripeCrowded("429 too many requests")
    if isinstance(error, stripe.AuthenticationError | stripe.PermissionError):
        log.error("stripe.key_refused", status=status, request=error.request_id)
        return StripeAway(f"{status} the key is refused", was_answered=True)
    if status is None or status >= 500:
        return StripeAway(f"{status} from Stripe", was_answered=True)
    message = str(error).splitlines()[0][:200]
    return StripeRefused(f"{status} {code}: {message}", code=code, status=status)


def _cause(error: stripe.APIConnectionError) -> str:
    cause = error.__cause__
    return f"no answer: {type(error if cause is None else cause).__name__}"


def _why_leaving(feedback: str | None, comment: str | None) -> Json:
    details = {name: words for name, words in (("feedback", feedback), ("comment", comment)) if words}
    return {"cancellation_details": details} if details else {}


def _plain(thing: Any) -> Json:
    return cast(Json, thing.to_dict(for_json=True))
