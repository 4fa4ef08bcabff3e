"""What an invoice adds up to: lines, discounts, simulated tax. Integers in minor units throughout."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from stripe_sandbox.store import Object

# Standard rates in per cent, enough to show a tax line. Stripe Tax knows states, thresholds and products.
TAX_RATES = {
    "DE": "19",
    "AT": "20",
    "FR": "20",
    "NL": "21",
    "ES": "21",
    "IT": "22",
    "IE": "23",
    "GB": "20",
    "CH": "8.1",
    "SE": "25",
    "DK": "25",
    "FI": "25.5",
    "PL": "23",
    "BE": "21",
    "AU": "10",
    "NZ": "15",
}


@dataclass(frozen=True)
class Discounting:
    """A discount on its way onto an invoice."""

    discount: str  # id
    coupon: Object


@dataclass(frozen=True)
class Sum:
    subtotal: int
    discounts: tuple[tuple[str, int], ...]
    tax: int
    tax_inclusive: bool
    tax_rate: str | None
    taxable: int
    total: int

    @property
    def discount(self) -> int:
        return sum(amount for _, amount in self.discounts)


def add_up(
    amounts: list[int], *, discounts: list[Discounting], country: str | None, taxed: bool, inclusive: bool
) -> Sum:
    """Credits (negative lines) are not discounted; a discount never turns a sum negative."""
    subtotal = sum(amounts)
    left = sum(a for a in amounts if a > 0)
    taken: list[tuple[str, int]] = []
    for entry in discounts:
        if entry.coupon["percent_off"] is not None:
            amount = _rounded(Decimal(left) * Decimal(str(entry.coupon["percent_off"])) / 100)
        else:
            amount = min(left, entry.coupon["amount_off"] or 0)
        left -= amount
        taken.append((entry.discount, amount))
    taxable = subtotal - sum(a for _, a in taken)
    rate = TAX_RATES.get(country or "") if taxed else None
    tax = 0
    if rate is not None and inclusive:
        tax = _rounded(Decimal(taxable) * Decimal(rate) / (100 + Decimal(rate)))
    elif rate is not None:
        tax = _rounded(Decimal(taxable) * Decimal(rate) / 100)
    total = taxable if inclusive else taxable + tax
    return Sum(subtotal, tuple(taken), tax, inclusive, rate, taxable - tax if inclusive else taxable, total)


def _rounded(value: Decimal) -> int:
    return int(value.quantize(Decimal(1), rounding=ROUND_HALF_UP))
