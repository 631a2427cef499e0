"""Reads a tenant's episodes from Redis; shared by the API and the alerts."""

from __future__ import annotations

from collections.abc import Iterable

from redis.asyncio import Redis
from redis.exceptions import RedisError

from shared.contracts import episodes as contract
from shared.domain.episodes import Episode
from shared.domain.instants import Micros
from shared.errors import TransientError


class EpisodesAway(TransientError):
    """Redis does not answer; nothing can be said about alerts."""

    reason = "redis_unavailable"


class EpisodeReader:
    """The read side of the alerts. Every method raises EpisodesAway."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def episodes(self, tenant: str, since: Micros) -> list[Episode]:
        """All that are open and all that changed at or after ``since``, the last changed first."""
        tag = contract.alerts_tag(tenant)
        try:
            pipeline = self._redis.pipeline(transaction=False)
            pipeline.smembers(contract.open_key(tag))
            pipeline.zrangebyscore(contract.recent_key(tag), since, "+inf")
            still_open, recent = await pipeline.execute()
        except (RedisError, OSError) as error:
            raise EpisodesAway(str(error)) from error
        found = await self._by_id(tag, {*still_open, *recent})
        return sorted(found, key=lambda episode: (-episode.changed_at, episode.id))

    async def open(self, tenant: str) -> list[Episode]:
        """Pending and firing ones, in no order."""
        tag = contract.alerts_tag(tenant)
        try:
            ids = await self._redis.smembers(contract.open_key(tag))
        except (RedisError, OSError) as error:
            raise EpisodesAway(str(error)) from error
        return await self._by_id(tag, ids)

    async def episode(self, tenant: str, episode_id: str) -> Episode | None:
        """One by its id; None where there is none, or no longer."""
        found = await self._by_id(contract.alerts_tag(tenant), [episode_id])
        return found[0] if found else None

    async def latest(self, tenant: str, dedup_keys: Iterable[str]) -> dict[str, Episode]:
        """The newest episode of each dedup key that has one."""
        wanted, tag = list(dedup_keys), contract.alerts_tag(tenant)
        if not wanted:
            return {}
        try:
            ids = await self._redis.hmget(contract.latest_key(tag), wanted)
        except (RedisError, OSError) as error:
            raise EpisodesAway(str(error)) from error
        found = await self._by_id(tag, [found for found in ids if found is not None])
        return {episode.dedup_key: episode for episode in found}

    async def by_ids(self, tenant: str, ids: Iterable[str]) -> list[Episode]:
        """Those that are still kept, in no order."""
        return await self._by_id(contract.alerts_tag(tenant), ids)

    async def _by_id(self, tag: str, ids: Iterable[bytes | str]) -> list[Episode]:
        wanted = list(ids)
        if not wanted:
            return []
        try:
            packed = await self._redis.hmget(contract.episodes_key(tag), wanted)
        except (RedisError, OSError) as error:
            raise EpisodesAway(str(error)) from error
        return [contract.decode_episode(blob) for blob in packed if blob is not None]
