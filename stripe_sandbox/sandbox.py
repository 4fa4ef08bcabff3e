"""One running sandbox: its store, its idempotency keys, its deliveries, and what tests may do to it."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from stripe_sandbox import calls, cards, checking_out, clock, deliveries, faults, multiplying, paying, subscribing
from stripe_sandbox.idempotency import Keys
from stripe_sandbox.objects import portal_sessions, webhook_endpoints
from stripe_sandbox.store import Object, Store, Transaction

SETTINGS = {  # the account's switches in Stripe's Dashboard, and what each may be
    "dunning_end": "cancel|unpaid|paused|past_due",
    "retry_days": r"\d{1,3}(,\d{1,3}){0,19}",
    "account_name": r"[^\x00-\x1f]{1,100}",
}


class Sandbox:
    def __init__(
        self,
        database: Path | str,
        *,
        delivery: str,
        seed: int | None,
        retry_seconds: tuple[float, ...] = deliveries.RETRY_SECONDS,
    ) -> None:
        self.store = Store(database)
        self.keys = Keys()
        self.deliverer = deliveries.Deliverer(self.store, seed=seed, retry_seconds=retry_seconds)
        self._delivery = delivery
        self._is_running = False

    def start(self) -> None:
        """Begin to deliver in the background, if that is wanted."""
        if self._delivery == "thread" and not self._is_running:
            self._is_running = True
            self.store.on_event = self.deliverer.wake
            self.deliverer.start(tick=lambda: clock.catch_up(self.store))

    def stop(self) -> None:
        if self._is_running:
            self.deliverer.stop()
        self.store.close()

    def deliver(self, send: deliveries.Send, *, limit: int = 1000) -> int:
        """Send what is due, here and now: `send(url, body, headers)` returns the status. Returns the number sent."""
        return self.deliverer.send_due(send, limit=limit)

    def listen_at(self, url: str, *, events: list[str] | None = None, secrets: list[str] | None = None) -> str:
        """A webhook endpoint for this address, made anew or brought up to date. Returns its newest secret."""
        with self.store.write() as tx:
            old = next((e for e in tx.select("webhook_endpoint") if e["url"] == url), None)
            if old is None:
                made = webhook_endpoints.make(tx, url, events or ["*"], secrets=secrets)
                return str(tx.private(made["id"])["secrets"][0])
            tx.save(old | {"enabled_events": events or old["enabled_events"], "status": "enabled"})
            if secrets:
                tx.set_private(old["id"], secrets=secrets)
            return str(tx.private(old["id"])["secrets"][0])

    def hold(self, on: bool = True) -> None:
        with self.store.write() as tx:
            deliveries.hold(tx, on)
            tx.has_emitted = not on

    def release(self, *, order: str = "created", seed: int | None = None, times: int = 1) -> int:
        with self.store.write() as tx:
            return deliveries.release(tx, order=order, seed=seed, times=times)

    def duplicate(self, event: str | None = None, *, times: int = 1) -> int:
        with self.store.write() as tx:
            return deliveries.duplicate(tx, event, times=times)

    def drop(self, *, types: list[str] | None = None) -> int:
        with self.store.write() as tx:
            return deliveries.drop(tx, types=types)

    def advance(self, seconds: float = 0, *, days: float = 0, hours: float = 0) -> int:
        """Let time pass. Returns the sandbox's new now."""
        return clock.advance(self.store, seconds + days * 86400 + hours * 3600)

    def now(self) -> int:
        return clock.now(self.store)

    def fail(self, kind: str, *, times: int = 1, match: str = "", seconds: float = 30) -> None:
        with self.store.write() as tx:
            faults.arm(tx, kind, times=times, match=match, seconds=seconds)

    def heal(self) -> None:
        with self.store.write() as tx:
            faults.clear(tx)

    def set(self, name: str, value: str) -> None:
        """SETTINGS and what tests know of. Raises ValueError for a setting that cannot be so."""
        if name in SETTINGS and not re.fullmatch(SETTINGS[name], value):
            raise ValueError(f"{name} cannot be “{value}”")
        with self.store.write() as tx:
            tx.set(name, value)

    def sign(self, *, skew: float | None = None, clock: str | None = None) -> None:
        """What time signatures and `Date` headers carry: so many seconds off the wall's or the sandbox's own clock."""
        if clock not in (None, "wall", "sandbox"):
            raise ValueError("clock is wall or sandbox")
        with self.store.write() as tx:
            if skew is not None:
                tx.set("signing_skew", str(skew))
            if clock is not None:
                tx.set("signing_clock", clock)

    def revoke(self, key: str) -> None:
        if not key.startswith(("sk_test_", "rk_test_")):
            raise ValueError("Only test keys are good here in the first place.")
        with self.store.write() as tx:
            revoked = json.loads(tx.setting("revoked_keys", "[]"))
            tx.set("revoked_keys", json.dumps(sorted({*revoked, key})))

    def readmit(self) -> None:
        """Every test key is good again."""
        with self.store.write() as tx:
            tx.set("revoked_keys", "[]")

    def use_card(self, customer: str, number: str) -> None:
        """This card for everything the customer has, as if saved in the portal; what is owed stays owed."""
        if number not in cards.CARDS:
            raise ValueError("That is no test card.")
        with self.store.write() as tx:
            owner = tx.live("customer", customer)
            tx.live_by(customer)
            typed = cards.TypedCard(number, 12, 2040, cards.CARDS[number])
            method = paying.save_card(tx, typed, name=owner["name"], email=owner["email"])
            subscribing.use_card_everywhere(tx, owner, method)

    def open_portal(self, customer: str, *, base_url: str) -> str:
        """The address of a billing portal session, as the API would make it."""
        with self.store.write() as tx:
            call = calls.Call(tx=tx, ids=(), params=calls.Params({"customer": customer}), base_url=base_url)
            return str(portal_sessions.create_session(call)["url"])

    def pay(
        self,
        session_id: str,
        *,
        card: str = "4242424242424242",
        confirmed: bool = True,
        code: str = "",
        base_url: str = "http://sandbox.invalid",
    ) -> checking_out.Step:
        """What a person does on the Checkout page, in the customer's own name if it has one. With a bank question,
        `confirmed` is their answer."""
        clock.catch_up(self.store)
        with self.store.write() as tx:
            session = tx.get("checkout.session", session_id)
            tx.live_by(session["customer"])
            if code:
                checking_out.try_code(tx, session, code)
            typed = cards.TypedCard(card, 12, 2040, cards.CARDS[card])
            name = tx.get("customer", session["customer"])["name"] if session["customer"] else None
            payer = checking_out.Payer("payer@example.com", name or "Pat Payer", country="US", postal_code="10001")
            step = checking_out.pay(tx, session, typed, payer, base_url=base_url)
            if step.status == "challenge":
                step = checking_out.answer_bank(tx, tx.get("checkout.session", session_id), confirmed=confirmed)
            return step

    def events(self, type: str | None = None) -> list[Object]:
        """Events, oldest first."""
        with self.store.read() as tx:
            rows = tx.conn.execute("SELECT body FROM event WHERE ? IS NULL OR type = ? ORDER BY seq", (type, type))
            return [json.loads(r["body"]) for r in rows]

    def distort(self, id: str, **fields: Any) -> Object:
        """Give an object fields that Stripe might send one day, such as an unknown status. From then on answers and
        events are no longer checked."""
        self.store.strict = False
        with self.store.write() as tx:
            body = tx.find(id)
            if body is None:
                raise ValueError(f"no object {id}")
            return tx.save(body | fields)

    def multiply(self, customer: str, times: int, *, change: Callable[[int], Object] | None = None) -> list[str]:
        """Copies of a customer with subscriptions, invoices and cards; thousands in seconds, without events."""
        with self.store.write() as tx:
            return multiplying.copy_customer(tx, customer, times, change=change)

    def counts(self) -> dict[str, int]:
        with self.store.read() as tx:
            return deliveries.counts(tx)

    def reset(self) -> None:
        """Forget everything, the clock's lead too."""
        with self.store.write() as tx:
            for table in ("object", "event", "delivery", "plan", "idempotency", "fault", "setting"):
                tx.conn.execute(f"DELETE FROM {table}")

    def transaction(self) -> AbstractContextManager[Transaction]:
        """For tests that need to put something in by hand."""
        return self.store.write()


def listen_as_environment_says(sandbox: Sandbox) -> None:
    """SANDBOX_WEBHOOK_URL and _SECRET make an endpoint without an API call, for `make run`."""
    url, secret = os.environ.get("SANDBOX_WEBHOOK_URL"), os.environ.get("SANDBOX_WEBHOOK_SECRET")
    if url and secret:
        events = os.environ.get("SANDBOX_WEBHOOK_EVENTS", "*").split(",")
        _move_endpoint(sandbox, url)
        sandbox.listen_at(url, events=events, secrets=[s.strip() for s in secret.split(",")])


def _move_endpoint(sandbox: Sandbox, url: str) -> None:
    """The demo may come back on another port: its one endpoint moves along instead of leaving a dead one behind."""
    with sandbox.store.write() as tx:
        known = tx.setting("environment_url", "")
        if known and known != url:
            for endpoint in tx.select("webhook_endpoint"):
                if endpoint["url"] == known:
                    tx.save(endpoint | {"url": url})
        tx.set("environment_url", url)
