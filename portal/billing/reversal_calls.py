"""What Stripe is asked about money that went back: refunds and disputes."""

from __future__ import annotations

from datetime import datetime
from typing import Any, cast

from portal.billing.asking import Asking, plain
from portal.billing.reading_answers import as_reversal, as_reversal_seen, has, id_of
from portal.billing.shapes import Json, Reversal, ReversalSeen


class ReversalCalls(Asking):
    """Refunds and disputes."""

    def payer_of(self, charge_id: str) -> str | None:
        """Whose charge it is; a charge of no customer is none of ours."""
        return id_of(plain(self._ask(lambda v1: v1.charges.retrieve(charge_id))).get("customer"))

    def reversals_of(self, charge_id: str, *, quick: bool = False) -> list[Reversal]:
        """All refunds and disputes of a charge, mapped to the subscription whose invoice it had paid."""
        charge = plain(self._ask(lambda v1: v1.charges.retrieve(charge_id), quick=quick))
        params: Json = {"charge": charge_id, "limit": 100}
        refunds = self._ask(lambda v1: list(v1.refunds.list(cast(Any, params)).auto_paging_iter()), quick=quick)
        disputes = self._ask(lambda v1: list(v1.disputes.list(cast(Any, params)).auto_paging_iter()), quick=quick)
        if not refunds and not disputes:
            return []
        paid = self._paid_with(charge, quick=quick)
        return [
            *(as_reversal("refund", plain(each), charge, paid) for each in refunds),
            *(as_reversal("dispute", plain(each), charge, paid) for each in disputes),
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
        return next((each["invoice"] for each in plain(listed)["data"] if isinstance(each.get("invoice"), dict)), None)
