"""Edits of JSON that keep it JSON, or nearly: the parser takes it, and the provider has to cope."""

from __future__ import annotations

import json
from collections.abc import Callable
from random import Random
from typing import Any

Pairs = list[tuple[str, Any]]
"""An object as its members in order, so that a key can be there twice. Keys and ``Raw`` are JSON text already."""
VOCABULARY = ["id", "type", "data", "status", "owner", "__proto__", "", "\ud800", "meta", "event", "x" * 300]


class Raw(str):
    """JSON text as it is to be written, valid or not."""

    __slots__ = ()


BROKEN: list[str] = [
    *(
        "NaN",
        "Infinity",
        "-Infinity",
        "00",
        "0x10",
        "1_000",
        '"\x01"',
        "'a'",
        '"\\x41"',
        '{"a":' * 1000,
        "[" * 9000,
        "",
    ),
]
"""No JSON."""
HOSTILE: list[str] = [
    *("null", "true", "false", "0", "-0", "-1", "1.5", "[]", "{}", '""', '" "', "[null]", "[[]]", '{"":null}'),
    *("1e400", "-1e400", "1e-400", "1e9999", "1e999999999"),
    *("9" * 30, "9" * 5000, "0." + "1" * 5000, "9223372036854775808", "1e15", "1.0E7"),
    *('"\\ud800"', '"\\udfff\\ud800"', '"\\ud83d\\ude80"', '"\\u0000"', '"a\\u0000b"'),
    *('"\u00e9\u202e\U0001f680"', '"' + "9" * 400 + '"', '"' + "a" * 70_000 + '"', '"1e400"', '"-0"', '"NaN"'),
    *(
        '"2026-03-02T15:04:60Z"',
        '"0000-00-00T00:00:00Z"',
        '"9999-12-31T23:59:59-23:59"',
        '"2026-02-30"',
        '"/Date(1e9)/"',
    ),
    *("-62135596800000", "253402300799999", "99999999999999999999", '"0001-01-01T00:00:00+14:00"', '"12:60:61"'),
    *("[" * 40 + "]" * 40, '{"a":' * 40 + "1" + "}" * 40, "[" * 300 + "]" * 300),
    *('"../../etc/passwd"', '"<script>"', '"a/b"', '"a\\nb"', '"deal.won"', '"Deal.Won"', '"."', '"deal."'),
]


def parsed(text: str) -> Any:
    """JSON with objects as pairs and scalars as Raw. Raises: ValueError, RecursionError."""
    return _raw(
        json.loads(text, object_pairs_hook=lambda pairs: ("object", list(pairs)), parse_float=Raw, parse_int=Raw)
    )


def _raw(value: Any) -> Any:
    if isinstance(value, tuple):
        return "object", [(json.dumps(key), _raw(inner)) for key, inner in value[1]]
    if isinstance(value, list):
        return [_raw(inner) for inner in value]
    return value if isinstance(value, Raw) else Raw(json.dumps(value))


def written(value: Any) -> str:
    """The text of what ``parsed`` returned, edited or not."""
    if isinstance(value, tuple):
        return "{" + ",".join(f"{key}:{written(inner)}" for key, inner in value[1]) + "}"
    return "[" + ",".join(map(written, value)) + "]" if isinstance(value, list) else str(value)


def _places(value: Any, found: list[tuple[Any, int]]) -> list[tuple[Any, int]]:
    """Every (container, position); an object's position is that of its pair."""
    if isinstance(value, (tuple, list)):
        inside = value[1] if isinstance(value, tuple) else value
        for position in range(len(inside)):
            found.append((inside, position))
            member = inside[position]
            _places(member[1] if _is_pair(member) else member, found)
    return found


def _is_pair(member: Any) -> bool:
    return isinstance(member, tuple) and member[0] != "object"


def _replace(member: Any, value: Any) -> Any:
    return (member[0], value) if _is_pair(member) else value


def _value(member: Any) -> Any:
    return member[1] if _is_pair(member) else member


def edited(text: str, rng: Random, others: Callable[[], str]) -> str:
    """One to four edits. ``others`` gives another seed's text, for parts of it. Raises: ValueError, RecursionError."""
    whole = [parsed(text)]
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        inside, position = rng.choice(_places(whole, []))
        _edit(inside, position, rng, others)
    return "".join(map(written, whole))


def _hostile(rng: Random) -> Raw:
    return Raw(rng.choice(BROKEN if rng.random() < 0.04 else HOSTILE))


def _edit(inside: list[Any], position: int, rng: Random, others: Callable[[], str]) -> None:
    member = inside[position]
    kind = rng.randrange(9)
    if kind <= 3:
        inside[position] = _replace(member, _hostile(rng))
    elif kind == 4 and len(inside) > 1:
        del inside[position]
    elif kind == 5:
        times = rng.choice((1, 1, 2, 150))
        copies = [_replace(member, _hostile(rng)) if times == 1 else member for _ in range(times)]
        inside[position:position] = copies
    elif kind == 6 and _is_pair(member):
        inside[position] = (json.dumps(rng.choice(VOCABULARY)), member[1])
    elif kind == 7:
        inside[position] = _replace(member, rng.choice(([_value(member)], ("object", [('"value"', _value(member))]))))
    else:
        source, at = rng.choice(_places([parsed(others())], []))
        inside[position] = _replace(member, _value(source[at]))
