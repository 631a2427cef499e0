"""Carries every stored change of an episode to alerts.episodes: at least once, in order."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Any

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from redis.asyncio import Redis
from redis.exceptions import RedisError

from services.alerts.metrics import AlertsMetrics
from shared.contracts.episodes import alerts_tag, decode_episode, episode_key, unpublished_key
from shared.contracts.topics import ALERTS_EPISODES

AT_ONCE = 200
IDLE_SECONDS = 1.0
"""How long a change waits that another process stored: its own are carried on at once."""
log = structlog.get_logger()


class EpisodeTopic:
    """Empties the tenants' streams of unpublished changes."""

    def __init__(
        self, redis: Redis, producer: AIOKafkaProducer, tenants: Callable[[], Iterable[str]], metrics: AlertsMetrics
    ) -> None:
        self._redis = redis
        self._producer = producer
        self._tenants = tenants
        self._metrics = metrics
        self._woken = asyncio.Event()

    def wake(self) -> None:
        """There is something to carry."""
        self._woken.set()

    async def run(self) -> None:
        """Until it is cancelled; what cannot be carried now stays stored."""
        while True:
            self._woken.clear()
            try:
                for tenant in self._tenants():
                    await self.carry(tenant)
            except (RedisError, KafkaError, OSError) as error:
                self._metrics.dependency_failed("publish_failed")
                log.warning("episodes_not_published", error=repr(error))
                await asyncio.sleep(IDLE_SECONDS)
            try:
                async with asyncio.timeout(IDLE_SECONDS):
                    await self._woken.wait()
            except TimeoutError:
                continue

    async def carry(self, tenant: str) -> int:
        """Publishes what waits, and takes it off the stream only then; how many changes."""
        key, carried = unpublished_key(alerts_tag(tenant)), 0
        while waiting := await self._waiting(key):
            sent = []
            for _, fields in waiting:
                packed = fields[b"e"]
                name = episode_key(decode_episode(packed)).encode()
                sent.append(await self._producer.send(ALERTS_EPISODES, packed, key=name))
            await asyncio.gather(*sent)
            await self._redis.xdel(key, *(entry for entry, _ in waiting))
            carried += len(waiting)
        return carried

    async def _waiting(self, key: str) -> list[tuple[bytes, dict[bytes, bytes]]]:
        found: Any = await self._redis.xrange(key, count=AT_ONCE)
        return [(entry, fields) for entry, fields in found]
