"""Values of one kind side by side, in as few bytes as deflate can make of them: the columns of a packed page.

Every codec is exact for any values; what it is good at is said with each.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from math import gcd
from typing import TypeAlias

from msgspec import Struct

from shared.domain.changes import Scalar

MOST_DIGITS = 18
"""Texts of so many digits are kept as numbers: below 2^63."""
_MOST_UNIT = 2**63 - 1

Parts: TypeAlias = list[str]
"""A text taken apart, or the names of a fact's fields."""


class Numbers(Struct, array_like=True, frozen=True):
    """Whole numbers by their steps: good where they rise, or are multiples of something (whole seconds).

    first: the first number. unit: what every step is a multiple of, 0 if there is no step. steps: zigzag, of the same
    width each, first the highest bytes of all of them.
    """

    first: int = 0
    unit: int = 0
    steps: bytes = b""

    @classmethod
    def of(cls, values: Sequence[int]) -> Numbers:
        """These numbers, in this order."""
        if not values:
            return cls()
        steps = [after - before for before, after in pairwise(values)]
        unit = gcd(*steps)
        if not unit:
            return cls(values[0])
        unit = unit if unit <= _MOST_UNIT else 1
        return cls(values[0], unit, _transposed([_zigzag(step // unit) for step in steps]))

    def values(self, count: int) -> list[int]:
        """So many numbers as went in."""
        if not self.unit:
            return [self.first] * count
        value, unit = self.first, self.unit
        found = [value]
        for step in _untransposed(self.steps, count - 1):
            value += unit * (-((step + 1) >> 1) if step & 1 else step >> 1)
            found.append(value)
        return found


class Texts(Struct, array_like=True, frozen=True):
    """Texts with what all begin with apart; as numbers where the rest of each is one."""

    prefix: str = ""
    numbers: Numbers | None = None
    rest: tuple[str, ...] = ()

    @classmethod
    def of(cls, values: Sequence[str]) -> Texts:
        """These texts, in this order."""
        prefix = _beginning(values)
        digits = prefix.rstrip("0123456789")
        if values and all(_is_number(value, len(digits)) for value in values):
            return cls(digits, Numbers.of([int(value[len(digits) :]) for value in values]))
        return cls(prefix, None, tuple(value[len(prefix) :] for value in values))

    def values(self, count: int) -> list[str]:
        """So many texts as went in."""
        prefix = self.prefix
        if self.numbers is None:
            return [prefix + rest for rest in self.rest]
        return [f"{prefix}{number}" for number in self.numbers.values(count)]


class Scalars(Struct, array_like=True, frozen=True):
    """Field values: each different one once, in order, and where each is; good where values come again.

    texts, of which there are ``count``; then ``others``. places: of each value among both; empty if ``texts`` are the
    values as they stand.
    """

    texts: Texts
    count: int
    others: tuple[bool | None, ...] = ()
    places: bytes = b""

    @classmethod
    def of(cls, values: Sequence[Scalar]) -> Scalars:
        """These values, in this order."""
        texts = [value for value in dict.fromkeys(values) if isinstance(value, str)]
        if len(texts) == len(values):
            return cls(Texts.of(texts), len(texts))
        texts.sort(key=_numbers_first)
        others = tuple(value for value in dict.fromkeys(values) if not isinstance(value, str))
        place_of: dict[Scalar, int] = {value: place for place, value in enumerate((*texts, *others))}
        return cls(Texts.of(texts), len(texts), others, _transposed([place_of[value] for value in values]))

    def values(self, count: int) -> list[Scalar]:
        """So many values as went in."""
        known = (*self.texts.values(self.count), *self.others)
        if not self.places and len(known) == count:
            return list(known)
        return [known[place] for place in _untransposed(self.places, count)]


class Shapes(Struct, array_like=True, frozen=True):
    """Lists of texts of which there are few different ones: each once, and where each is."""

    table: list[Parts]
    places: bytes

    @classmethod
    def of(cls, values: Sequence[Parts]) -> Shapes:
        """These lists, in this order."""
        place_of: dict[tuple[str, ...], int] = {}
        places = [place_of.setdefault(tuple(value), len(place_of)) for value in values]
        return cls([list(value) for value in place_of], _transposed(places))

    def values(self, count: int) -> list[Parts]:
        """So many lists as went in; equal ones are the same object."""
        return [self.table[place] for place in _untransposed(self.places, count)]


def _beginning(values: Sequence[str]) -> str:
    """What all begin with: the first and the last by code point differ soonest."""
    if not values:
        return ""
    first, last = min(values), max(values)
    same = 0
    for one, other in zip(first, last, strict=False):
        if one != other:
            break
        same += 1
    return first[:same]


def _is_number(text: str, start: int) -> bool:
    digits = text[start:]
    return (
        0 < len(digits) <= MOST_DIGITS
        and digits.isascii()
        and digits.isdigit()
        and (digits[0] != "0" or len(digits) == 1)
    )


def _numbers_first(text: str) -> tuple[int, str]:
    return len(text), text


def _zigzag(step: int) -> int:
    return step << 1 if step >= 0 else (-step << 1) - 1


def _transposed(values: Iterable[int]) -> bytes:
    """Non-negative numbers of the same width each, as narrow as they can be: nothing at all if all are 0."""
    some = list(values)
    width = (max(some, default=0).bit_length() + 7) // 8
    return b"".join(bytes([value >> shift & 255 for value in some]) for shift in range(8 * width - 8, -1, -8))


def _untransposed(packed: bytes, count: int) -> list[int]:
    if not packed or not count:
        return [0] * count
    columns = [packed[start : start + count] for start in range(0, len(packed), count)]
    if len(columns) == 1:
        return list(columns[0])
    return [int.from_bytes(bytes(each), "big") for each in zip(*columns, strict=True)]
