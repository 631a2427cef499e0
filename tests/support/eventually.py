"""Waiting with a deadline, never for a time: polls until a value is as expected, then fails with the last one seen."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

T = TypeVar("T")
_TRUTHY: Any = object()


async def eventually(
    probe: Callable[[], T | Awaitable[T]],
    *,
    equals: Any = _TRUTHY,
    within_seconds: float = 10.0,
    every_seconds: float = 0.05,
) -> T:
    """The probe's value once it equals ``equals`` (or is truthy); what the probe raises counts as "not yet".

    probe: a function or coroutine function without arguments. Raises: AssertionError with the last value or error.
    """
    deadline = time.monotonic() + within_seconds
    while True:
        last: Any
        try:
            found = probe()
            last = await found if inspect.isawaitable(found) else found
            if last == equals or (equals is _TRUTHY and last):
                return last
        except Exception as error:  # noqa: BLE001 - a refused connection is "not yet"; the last one is shown at the end
            last = error
        if time.monotonic() > deadline:
            wanted = "a truthy value" if equals is _TRUTHY else repr(equals)
            raise AssertionError(f"still {last!r} after {within_seconds:g} s, wanted {wanted}")
        await asyncio.sleep(every_seconds)
