"""Liveness and readiness: a process is alive while its loop turns, ready while what it depends on answers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeAlias

from msgspec import Struct

CHECK_TIMEOUT_SECONDS = 3.0
Check: TypeAlias = Callable[[], Awaitable[str]]
"""Returns a short word on a good state, raises on a bad one."""


class DependencyState(Struct, frozen=True):
    """One dependency as /readyz shows it."""

    ready: bool
    state: str


class Health:
    """The named dependencies of a service."""

    def __init__(self) -> None:
        self._checks: dict[str, Check] = {}

    def check(self, name: str, check: Check) -> None:
        """Registers a dependency under the name that /readyz shows."""
        self._checks[name] = check

    async def states(self) -> dict[str, DependencyState]:
        """Asks every dependency, all at once, each within a few seconds."""
        names = list(self._checks)
        return dict(zip(names, await asyncio.gather(*(self._ask(self._checks[n]) for n in names)), strict=True))

    async def is_ready(self) -> bool:
        """Whether what this process depends on is ready."""
        return all(state.ready for state in (await Health.states(self)).values())

    @staticmethod
    async def _ask(check: Check) -> DependencyState:
        try:
            async with asyncio.timeout(CHECK_TIMEOUT_SECONDS):
                return DependencyState(ready=True, state=await check())
        except TimeoutError:
            return DependencyState(ready=False, state=f"no answer within {CHECK_TIMEOUT_SECONDS:g} s")
        except Exception as error:  # noqa: BLE001 - whatever it is, the dependency is not ready and people must see why
            return DependencyState(ready=False, state=f"{type(error).__name__}: {error}"[:200])
