"""Runs Lua scripts with one packed argument, and tells an outage from a bug.

Redis that is away, loading, full or a replica is retried by the caller; any other refusal of a script is our
mistake and must end the process instead of looking like an outage for ever.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Any

import msgspec
from redis.asyncio import Redis
from redis.exceptions import (
    BusyLoadingError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
    ResponseError,
)
from redis.exceptions import (
    ConnectionError as RedisConnectionError,
)
from redis.exceptions import (
    TimeoutError as RedisTimeoutError,
)

from shared.errors import TransientError

TRANSIENT_REFUSALS = (
    "OOM", "READONLY", "LOADING", "BUSY", "MISCONF", "CLUSTERDOWN", "TRYAGAIN", "MASTERDOWN", "NOREPLICAS",
)  # fmt: skip
"""How refusals begin that end by themselves or by an operator's hand, without a change of ours."""
pack = msgspec.msgpack.Encoder().encode


class RedisAway(TransientError):
    """Redis cannot take or answer it now."""

    reason = "redis_unavailable"


class Script:
    """One Lua script, loaded on first use and again after a restart of Redis."""

    def __init__(self, redis: Redis, *sources: str) -> None:
        self._redis = redis
        self._script = redis.register_script("".join(_source(name) for name in sources))

    async def __call__(self, keys: Sequence[str], arguments: Sequence[Any]) -> Any:  # noqa: ANN401 - as the script answers
        """The script's answer. Raises: RedisAway; anything else is a bug."""
        try:
            return await self._script(keys=keys, args=arguments, client=self._redis)
        except (RedisError, OSError, TimeoutError) as error:
            raise as_transient(error) from error


def as_transient(error: Exception) -> Exception:
    """RedisAway where trying again may help, else the error itself."""
    outage = isinstance(
        error, RedisConnectionError | RedisTimeoutError | BusyLoadingError | OutOfMemoryError | ReadOnlyError | OSError
    )
    refused = isinstance(error, ResponseError) and str(error).startswith(TRANSIENT_REFUSALS)
    return RedisAway(f"{type(error).__name__}: {error}") if outage or refused else error


def text_blob(blob: bytes) -> msgspec.Raw:
    """Bytes as msgpack's str type: Redis 7.0 cannot read its bin type, and Lua strings are bytes anyway."""
    return msgspec.Raw(b"\xdb" + len(blob).to_bytes(4, "big") + blob)


@cache
def _source(name: str) -> str:
    return files("services.aggregator.adapters.scripts").joinpath(f"{name}.lua").read_text("utf-8")
