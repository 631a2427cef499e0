"""An outage is tried again, a refusal of a script is a bug: the two must not be taken for one another."""

from __future__ import annotations

from typing import Any

import pytest
import uvloop
from pydantic import SecretStr
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import ResponseError

from services.aggregator.adapters.redis_ledger_store import RedisLedgerStore
from services.aggregator.adapters.redis_scripts import RedisAway
from services.aggregator.domain.stored import LedgerCommit
from services.aggregator.ports import Fenced
from shared.adapters.redis_client import open_redis
from shared.contracts import keys
from shared.settings import RedisSettings
from tests.support.eventually import eventually
from tests.support.real_redis import RealRedis
from tests.support.redis_cluster import RealCluster

pytestmark = pytest.mark.redis
CHUNK = LedgerCommit(0, 1, {"a": b"x"}, {}, 0)


async def test_a_redis_that_is_gone_is_an_outage(redis_server: RealRedis) -> None:
    redis_server.kill()
    async with Redis.from_url(redis_server.url, retry=None) as redis:
        with pytest.raises(RedisAway):
            await RedisLedgerStore(redis, log_epoch=0, state=keys.FIRST_STATE).commit(0, CHUNK)


async def test_a_redis_without_memory_is_an_outage_and_applies_nothing(redis_server: RealRedis) -> None:
    async with Redis.from_url(redis_server.url) as redis:
        await redis.set(keys.offset_key(keys.ledger_tag(0, keys.FIRST_STATE)), 0)
        await redis.config_set("maxmemory", 1)
        with pytest.raises(RedisAway):
            await RedisLedgerStore(redis, log_epoch=0, state=keys.FIRST_STATE).commit(0, CHUNK)
        await redis.config_set("maxmemory", 0)
        assert await redis.get(keys.offset_key(keys.ledger_tag(0, keys.FIRST_STATE))) == b"0"


async def test_a_key_of_another_type_is_a_bug(redis_server: RealRedis) -> None:
    async with Redis.from_url(redis_server.url) as redis:
        await redis.set(keys.offset_key(keys.ledger_tag(0, keys.FIRST_STATE)), 0)
        await redis.set(keys.records_key(keys.ledger_tag(0, keys.FIRST_STATE)), "no hash")
        with pytest.raises(ResponseError):
            await RedisLedgerStore(redis, log_epoch=0, state=keys.FIRST_STATE).commit(0, CHUNK)


async def test_scripts_survive_a_restart_of_redis(durable_redis: RealRedis) -> None:
    async with Redis.from_url(durable_redis.url) as redis:
        store = RedisLedgerStore(redis, log_epoch=0, state=keys.FIRST_STATE)
        await redis.set(keys.offset_key(keys.ledger_tag(0, keys.FIRST_STATE)), 0)
        await store.commit(0, CHUNK)
        durable_redis.restart()
        await eventually(lambda: store.commit(0, LedgerCommit(1, 2, {}, {}, 0)), equals=Fenced.APPLIED)


def test_on_uvloop_a_connection_that_was_reset_is_an_outage(redis_server: RealRedis) -> None:
    async def reset_and_ask() -> None:
        async with open_redis(RedisSettings(url=SecretStr(redis_server.url))) as redis:
            await redis.ping()
            connection = await redis.connection_pool.get_connection()
            connection._writer.transport.abort()
            with pytest.raises(RedisConnectionError):
                await connection.send_command("PING")

    uvloop.run(reset_and_ask())


def test_on_uvloop_a_reset_connection_of_a_cluster_is_one_too(redis_cluster: RealCluster) -> None:
    async def reset_and_ask() -> None:
        async with open_redis(RedisSettings(url=SecretStr(redis_cluster.url))) as redis:
            await redis.set("key", "value")
            nodes: Any = redis
            for node in nodes.get_nodes():
                connection = node.acquire_connection()
                await connection.connect()
                connection._writer.transport.abort()
                with pytest.raises(RedisConnectionError):
                    await connection.send_command("PING")

    uvloop.run(reset_and_ask())
