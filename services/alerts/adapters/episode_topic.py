"""Carries every stored change of an episode to alerts.episodes: at least once, in order; reads there what was lost."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.errors import KafkaError
from redis.asyncio import Redis
from redis.exceptions import RedisError

from services.alerts.metrics import AlertsMetrics
from shared.adapters.kafka_positions import positions_known
from shared.adapters.kafka_topics import KafkaAway
from shared.contracts.episodes import alerts_tag, decode_episode, episode_key, published_key, unpublished_key
from shared.contracts.topics import ALERTS_EPISODES
from shared.domain.episodes import Episode
from shared.settings import KafkaSettings

AT_ONCE = 200
IDLE_SECONDS = 1.0
"""How long a change waits that another process stored: its own are carried on at once."""
POLL_MS = 500
READ_SECONDS = 60.0
_CARRIED = """
for n = 1, tonumber(ARGV[1]) * 2, 2 do redis.call('HSET', KEYS[2], ARGV[n + 1], ARGV[n + 2]) end
for n = tonumber(ARGV[1]) * 2 + 2, #ARGV do redis.call('XDEL', KEYS[1], ARGV[n]) end
"""
log = structlog.get_logger()


class EpisodeTopic:
    """Empties the tenants' streams of unpublished changes; the EpisodeLog port."""

    def __init__(
        self,
        redis: Redis,
        producer: AIOKafkaProducer,
        settings: KafkaSettings,
        tenants: Callable[[], Iterable[str]],
        metrics: AlertsMetrics,
    ) -> None:
        self._redis = redis
        self._producer = producer
        self._settings = settings
        self._tenants = tenants
        self._metrics = metrics
        self._woken = asyncio.Event()
        self._carrying = asyncio.Lock()
        self._carried = redis.register_script(_CARRIED)

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

    async def published(self, tenant: str) -> None:
        """See the port."""
        try:
            await self.carry(tenant)
        except (RedisError, KafkaError, OSError) as error:
            raise KafkaAway(f"alerts.episodes cannot be written: {error!r}") from error

    async def carry(self, tenant: str) -> int:
        """Publishes what waits, and takes it off the stream only then; how many changes."""
        tag, carried = alerts_tag(tenant), 0
        async with self._carrying:
            while waiting := await self._waiting(unpublished_key(tag)):
                sent = []
                for _, fields in waiting:
                    packed = fields[b"e"]
                    name = episode_key(decode_episode(packed)).encode()
                    sent.append(await self._producer.send(ALERTS_EPISODES, packed, key=name))
                following = {each.partition: each.offset + 1 for each in await asyncio.gather(*sent)}
                arguments = [len(following), *(part for item in following.items() for part in item)]
                await self._carried(
                    keys=[unpublished_key(tag), published_key(tag)],
                    args=[*arguments, *(entry for entry, _ in waiting)],
                )
                carried += len(waiting)
        return carried

    async def unkept(self, tenant: str) -> list[Episode]:
        """See the port. Usually there is nothing: what is read lies behind the last change known to be published."""
        try:
            known: Any = await self._redis.hgetall(published_key(alerts_tag(tenant)))
            async with asyncio.timeout(READ_SECONDS):
                found = await self._read({int(partition): int(offset) for partition, offset in known.items()})
        except (RedisError, KafkaError, OSError, TimeoutError) as error:
            raise KafkaAway(f"alerts.episodes cannot be read: {error!r}") from error
        newest: dict[str, Episode] = {}
        for packed in found:
            episode = decode_episode(packed)
            known_version = newest[episode.id].version if episode.id in newest else 0
            if episode.tenant == tenant and episode.version > known_version:
                newest[episode.id] = episode
        return list(newest.values())

    async def _read(self, known: dict[int, int]) -> list[bytes]:
        """All messages from known offsets on, of other partitions from their beginning."""
        consumer = AIOKafkaConsumer(
            ALERTS_EPISODES,
            bootstrap_servers=self._settings.bootstrap_servers,
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="latest",
        )
        await consumer.start()
        try:
            await positions_known(consumer, [ALERTS_EPISODES])
            partitions = sorted(consumer.assignment())
            begins, ends = await consumer.beginning_offsets(partitions), await consumer.end_offsets(partitions)
            for each in partitions:
                consumer.seek(each, min(max(known.get(each.partition, 0), begins[each]), ends[each]))
            found: list[bytes] = []
            while any([await consumer.position(each) < ends[each] for each in partitions]):
                for messages in (await consumer.getmany(timeout_ms=POLL_MS)).values():
                    found.extend(message.value for message in messages if message.value is not None)
            return found
        finally:
            await consumer.stop()

    async def _waiting(self, key: str) -> list[tuple[bytes, dict[bytes, bytes]]]:
        found: Any = await self._redis.xrange(key, count=AT_ONCE)
        return [(entry, fields) for entry, fields in found]
