"""Exact decimal arithmetic: one context, wide enough that no sum of accepted numbers is ever rounded."""

from __future__ import annotations

import re
from decimal import ROUND_HALF_EVEN, Context, Decimal

MAX_DIGITS = 60
"""Digits of an accepted number before the point, and as many after it."""
CONTEXT = Context(prec=160, rounding=ROUND_HALF_EVEN)
"""Wide enough for 10**30 accepted numbers together."""
_SETTLED = Context(prec=140, rounding=ROUND_HALF_EVEN)
_MAX_LENGTH = 160
ZERO = Decimal(0)
MONEY_PLACES = Decimal("0.0001")
RATIO_PLACES = Decimal("0.000001")
_PLAIN = re.compile(r"-?\d{1,18}(?:\.\d{1,18})?", re.ASCII)
_NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d{1,4})?", re.ASCII)


def number(value: object) -> Decimal | None:
    """The decimal that a field's value stands for, or None where it is no number that we can keep exact.

    Text in plain or exponent notation counts as a number; booleans, NaN and infinities do not, nor does
    what needs more than 60 digits before or after the point (an amount of 1e999999 is an attack, not a deal).
    """
    if not isinstance(value, str) or len(value) > _MAX_LENGTH or _NUMBER.fullmatch(value) is None:
        return None
    parsed = Decimal(value)
    exponent = parsed.as_tuple().exponent
    if not isinstance(exponent, int) or parsed.adjusted() >= MAX_DIGITS or exponent < -MAX_DIGITS:
        return ZERO if parsed.is_zero() else None
    return parsed


def is_number(value: object) -> bool:
    """Whether ``number`` finds one; most are short and plain, and need no decimal to tell."""
    return (isinstance(value, str) and _PLAIN.fullmatch(value) is not None) or number(value) is not None


def money(value: Decimal) -> Decimal:
    """Four places, half-even."""
    return value.quantize(MONEY_PLACES, context=CONTEXT)


def divide(numerator: Decimal, denominator: Decimal) -> Decimal | None:
    """The quotient, None over zero."""
    return None if denominator == 0 else CONTEXT.divide(numerator, denominator)


def settled(value: Decimal) -> Decimal:
    """Without the digits in which the error of a quotient may lie.

    Three thirds of a target are the target again. No two different numbers that are made of accepted ones and of
    working time lie so close together.
    """
    return _SETTLED.plus(value)


def plain(value: Decimal) -> str:
    """Shortest plain notation: no exponent, no trailing zeros."""
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text
