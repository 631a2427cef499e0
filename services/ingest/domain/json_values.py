"""JSON values whose numbers are still the text that was sent."""

from __future__ import annotations

import json
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
    """JSON text without spaces, numbers as they were sent."""
    if isinstance(value, Number):
        return str(value)
    if isinstance(value, dict):
        return "{" + ",".join(f"{compact(key)}:{compact(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(compact, value)) + "]"
    return json.dumps(value, ensure_ascii=False)
