"""Exact decimal arithmetic: one context, wide enough that no sum of accepted numbers is ever rounded."""

from __future__ import annotations

import re
from decimal import ROUND_HALF_EVEN, Context, Decimal

CONTEXT = Context(prec=100, rounding=ROUND_HALF_EVEN)
"""Accepted numbers have at most 30 digits before and 30 after the point; 10**30 of them still fit 100 digits."""
MAX_DIGITS = 30
ZERO = Decimal(0)
MONEY_PLACES = Decimal("0.0001")
RATIO_PLACES = Decimal("0.000001")
_NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d{1,4})?", re.ASCII)


def number(value: object) -> Decimal | None:
    """The decimal that a field's value stands for, or None where it is no number that we can keep exact.

    Text in plain or exponent notation counts as a number; booleans, NaN and infinities do not, nor does
    what needs more than 30 digits before or after the point (an amount of 1e999999 is an attack, not a deal).
    """
    if not isinstance(value, str) or len(value) > 80 or _NUMBER.fullmatch(value) is None:
        return None
    parsed = Decimal(value)
    exponent = parsed.as_tuple().exponent
    if not isinstance(exponent, int) or parsed.adjusted() >= MAX_DIGITS or exponent < -MAX_DIGITS:
        return ZERO if parsed.is_zero() else None
    return parsed


def money(value: Decimal) -> Decimal:
    """Four places, half-even."""
    return value.quantize(MONEY_PLACES, context=CONTEXT)


def divide(numerator: Decimal, denominator: Decimal) -> Decimal | None:
    """The quotient, None over zero."""
    return None if denominator == 0 else CONTEXT.divide(numerator, denominator)


def plain(value: Decimal) -> str:
    """Shortest plain notation: no exponent, no trailing zeros."""
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text
