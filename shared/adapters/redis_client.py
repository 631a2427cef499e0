"""Opens Redis as every service wants it: bounded in time, never retrying behind our back; one server or a cluster."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

from redis.asyncio import Redis
from redis.asyncio.cluster import RedisCluster
from redis.asyncio.connection import Connection
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
        redis = Redis.from_url(url, retry=Retry(NoBackoff(), 0), **bounded)
        redis.connection_pool.connection_class = _whose_reset_is_an_outage(redis.connection_pool.connection_class)
        return redis
    cluster = Cluster.from_url(one, retry=Retry(NoBackoff(), 0), **bounded)
    return cast("Redis", cluster)  # the commands that we use are the same; a script's keys lie in one slot


def _whose_reset_is_an_outage(kind: type[Any]) -> type[Any]:
    """A kind of connection that takes uvloop's word for a transport that was reset, a RuntimeError, for what it is."""

    class Connection(kind):  # type: ignore[misc]
        async def send_packed_command(self, *args: Any, **options: Any) -> None:  # noqa: ANN401 - redis-py's signature
            try:
                await super().send_packed_command(*args, **options)
            except RuntimeError as error:
                raise RedisConnectionError(str(error)) from error

    return Connection


class Cluster(RedisCluster):
    """A cluster whose outages look like those of one server: redis-py raises some that are no RedisError."""

    def __init__(self, *args: Any, **options: Any) -> None:  # noqa: ANN401 - as below
        super().__init__(*args, **options)
        kind = _whose_reset_is_an_outage(self.connection_kwargs.get("connection_class", Connection))
        self.connection_kwargs["connection_class"] = kind
        for node in self.nodes_manager.startup_nodes.values():
            node.connection_class = kind

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
