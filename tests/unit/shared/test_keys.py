"""No two things in Redis have the same key."""

from __future__ import annotations

import inspect
from collections.abc import Callable

from shared.contracts import keys

TAG = keys.scoreboard_tag(3, keys.FIRST_STATE)


def keys_of_a_partition() -> dict[str, Callable[..., str]]:
    return {
        name: function
        for name, function in inspect.getmembers(keys, inspect.isfunction)
        if name.endswith("_key") and next(iter(inspect.signature(function).parameters)) == "tag"
    }


def made(function: Callable[..., str]) -> str:
    """The key of one and the same tenant, subject, page and so on."""
    return function(TAG, *("a" for _ in list(inspect.signature(function).parameters)[1:]))


def test_everything_that_a_partition_keeps_has_a_key_of_its_own() -> None:
    found = [made(function) for function in keys_of_a_partition().values()]
    assert len(found) > 15
    assert len(set(found)) == len(found)


def test_names_of_one_kind_of_key_are_told_from_those_of_another() -> None:
    """A key with parts begins unlike every other, whatever tenants and reps are called."""
    beginnings = [made(function).removeprefix(TAG).partition(":")[0] for function in keys_of_a_partition().values()]
    assert len(set(beginnings)) == len(beginnings)
