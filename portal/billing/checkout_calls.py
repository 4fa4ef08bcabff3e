"""What Stripe is asked on the way to paying: prices, customers, its own pages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from portal.billing.asking import Asking, StripeRefused, plain
from portal.billing.reading_answers import as_customer, as_price, as_session, need
from portal.billing.shapes import Customer, Json, Price, Session

LOOKUP_KEYS_AT_ONCE = 10
_MARK = "membership portal"  # metadata[made_by] of what setting up has made at Stripe


class CheckoutCalls(Asking):
    """Prices, customers, sessions of its checkout, ways into its billing portal."""

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
            as_price(plain(each))
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
        return as_price(plain(self._ask(lambda v1: v1.prices.create(cast(Any, values)))))

    # Customers

    def make_customer(self, *, email: str, name: str, member_uuid: str, key: str) -> Customer:
        """The same key is the same customer, whatever happened to the answer of the first call."""
        values = {"email": email, "name": name, "metadata": {"member_uuid": member_uuid}}
        return as_customer(
            plain(self._ask(lambda v1: v1.customers.create(cast(Any, values), {"idempotency_key": key})))
        )

    def find_customer(self, *, email: str, member_uuid: str) -> Customer | None:
        """The customer made for this member, by our mark on it and never by the address alone."""
        listed = self._ask(lambda v1: list(v1.customers.list({"email": email, "limit": 100}).auto_paging_iter()))
        customers = [as_customer(plain(each)) for each in listed]
        return next((c for c in customers if c.member_uuid == member_uuid and not c.is_deleted), None)

    def customer(self, customer_id: str) -> Customer:
        return as_customer(plain(self._ask(lambda v1: v1.customers.retrieve(customer_id))))

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
            plain(self._ask(lambda v1: v1.checkout.sessions.create(cast(Any, dict(params)), {"idempotency_key": key})))
        )

    def session(self, session_id: str, *, quick: bool = False) -> Session:
        return as_session(plain(self._ask(lambda v1: v1.checkout.sessions.retrieve(session_id), quick=quick)))

    def open_sessions(self, customer_id: str) -> list[Session]:
        listed = self._ask(
            lambda v1: list(v1.checkout.sessions.list({"customer": customer_id, "status": "open"}).auto_paging_iter())
        )
        return [as_session(plain(each)) for each in listed]

    def expire_session(self, session_id: str) -> Session:
        """Raises StripeRefused when it is complete, expired, or being paid at this moment."""
        return as_session(plain(self._ask(lambda v1: v1.checkout.sessions.expire(session_id))))

    def portal_url(
        self, customer_id: str, *, return_url: str, configuration: str | None = None, to_pay: bool = False
    ) -> str:
        """A fresh way into the hosted billing portal: never stored, never logged."""
        values: Json = {"customer": customer_id, "return_url": return_url}
        if configuration:
            values["configuration"] = configuration
        if to_pay:
            values["flow_data"] = {"type": "payment_method_update"}
        made = plain(self._ask(lambda v1: v1.billing_portal.sessions.create(cast(Any, values))))
        return str(need(made, "url"))

    def keep_portal(self, *, return_url: str, features: Json) -> str:
        """The portal's configuration that carries our mark, made or brought up to date; returns its id."""
        listed = self._ask(
            lambda v1: list(v1.billing_portal.configurations.list({"active": True, "limit": 100}).auto_paging_iter())
        )
        ours = next((c for c in map(plain, listed) if (c.get("metadata") or {}).get("made_by") == _MARK), None)
        values: Json = {"features": features, "default_return_url": return_url, "metadata": {"made_by": _MARK}}
        if ours is None:
            made = self._ask(lambda v1: v1.billing_portal.configurations.create(cast(Any, values)))
        else:
            made = self._ask(lambda v1: v1.billing_portal.configurations.update(ours["id"], cast(Any, values)))
        return str(need(plain(made), "id"))
