"""Opens Redis as every service wants it: bounded in time, never retrying behind our back; one server or a cluster."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

from redis.asyncio import Redis
from redis.asyncio.cluster import RedisCluster
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisClusterException

from shared.settings import RedisSettings

CLUSTER_SCHEMES = {"redis+cluster": "redis", "rediss+cluster": "rediss"}
"""Of an address that names one node of a Redis Cluster; the others are asked for."""


@asynccontextmanager
async def open_redis(settings: RedisSettings) -> AsyncIterator[Redis]:
    """A client that connects on first use. Retries are the caller's: a hidden one turns 3 s into half a minute."""
    redis = _client(settings.url.get_secret_value(), settings.timeout.total_seconds())
    try:
        yield redis
    finally:
        await redis.aclose()


def address_of_one(url: str) -> str:
    """The address of one server: of the node that a cluster's address names."""
    scheme, separator, rest = url.partition("://")
    return CLUSTER_SCHEMES.get(scheme, scheme) + separator + rest


def _client(url: str, seconds: float) -> Redis:
    one = address_of_one(url)
    bounded: dict[str, Any] = {"socket_timeout": seconds, "socket_connect_timeout": seconds}
    if one == url:
        return Redis.from_url(url, retry=Retry(NoBackoff(), 0), **bounded)
    cluster = Cluster.from_url(one, retry=Retry(NoBackoff(), 0), **bounded)
    return cast("Redis", cluster)  # the commands that we use are the same; a script's keys lie in one slot


class Cluster(RedisCluster):
    """A cluster whose outages look like those of one server: redis-py raises some that are no RedisError."""

    async def initialize(self, *args: Any, **options: Any) -> Any:  # noqa: ANN401 - redis-py's signature
        """Asks the nodes for the slots. Raises: ConnectionError while no node answers or a slot is not covered."""
        try:
            return await super().initialize(*args, **options)
        except RedisClusterException as error:
            raise RedisConnectionError(str(error)) from error

    async def execute_command(self, *args: Any, **options: Any) -> Any:  # noqa: ANN401 - as above
        """One command. Raises: RedisError."""
        try:
            return await super().execute_command(*args, **options)
        except RedisClusterException as error:
            raise RedisConnectionError(str(error)) from error
