"""JSON values whose numbers are still the text that was sent."""

from __future__ import annotations

import json
from json.encoder import encode_basestring
from typing import TypeAlias


class Number(str):
    """A JSON number, as the sender wrote it: 1200.50 stays 1200.50."""

    __slots__ = ()

    @property
    def is_integer(self) -> bool:
        """Whether it has neither fraction nor exponent."""
        return self.removeprefix("-").isdigit()


Json: TypeAlias = "str | bool | list[Json] | dict[str, Json] | None"
"""A parsed value; a number is a ``Number``, which is a str."""
JsonObject: TypeAlias = dict[str, Json]


def compact(value: Json) -> str:
    """JSON text without spaces, numbers as they were sent. Any depth: it takes nothing of the interpreter's stack."""
    written: list[str] = []
    to_write: list[tuple[str, Json]] = [("", value)]
    while to_write:
        before, item = to_write.pop()
        written.append(before)
        if isinstance(item, dict) and item:
            inner = [(f",{encode_basestring(key)}:", value) for key, value in item.items()]
            _nest(to_write, inner, "{}")
        elif isinstance(item, list) and item:
            _nest(to_write, [(",", value) for value in item], "[]")
        else:
            written.append(_leaf(item))
    return "".join(written)


def _leaf(value: Json) -> str:
    if isinstance(value, str):
        return str(value) if isinstance(value, Number) else encode_basestring(value)
    return json.dumps(value)


def _nest(to_write: list[tuple[str, Json]], inner: list[tuple[str, Json]], brackets: str) -> None:
    """What is inside comes next, the closing bracket behind it; of the commas the first is the opening one."""
    first, value = inner[0]
    inner[0] = (brackets[0] + first[1:], value)
    to_write.append((brackets[1], Number("")))
    to_write.extend(reversed(inner))


def as_bytes(value: Json) -> bytes:
    """``compact`` in UTF-8; what no UTF-8 has, half of a surrogate pair, escaped as it was sent."""
    return compact(value).encode(errors="backslashreplace")
