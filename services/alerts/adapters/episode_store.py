"""Episodes in Redis, as the use cases want them; reading and writing are shared with the API."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import msgspec
from redis.asyncio import Redis
from redis.exceptions import RedisError

from services.alerts.domain.notifications import Group
from services.alerts.ports import Announcement
from shared.adapters.episode_reader import EpisodeReader, EpisodesAway
from shared.adapters.episode_writer import EpisodeWriter, Touch
from shared.contracts import episodes as contract
from shared.domain.episodes import Episode
from shared.domain.instants import Micros

PRUNED_AT_ONCE = 500
PUT_BACK_KEYS = (
    contract.episodes_key,
    contract.latest_key,
    contract.open_key,
    contract.recent_key,
    contract.due_key,
    contract.touches_key,
    contract.counter_key,
)


class RedisEpisodeStore:
    """See the port. ``committed`` is called after each stored change, to wake those who carry it on."""

    def __init__(self, redis: Redis, committed: Callable[[], None]) -> None:
        self._redis = redis
        self._reader = EpisodeReader(redis)
        self._writer = EpisodeWriter(redis)
        self._committed = committed
        script = Path(__file__).with_name("episode_put_back.lua").read_text(encoding="utf-8")
        self._put_back = redis.register_script(script)

    async def latest(self, tenant: str, dedup_keys: Iterable[str]) -> dict[str, Episode]:
        """See the port."""
        return await self._reader.latest(tenant, dedup_keys)

    async def open(self, tenant: str) -> list[Episode]:
        """See the port."""
        return await self._reader.open(tenant)

    async def by_ids(self, tenant: str, ids: Iterable[str]) -> list[Episode]:
        """See the port."""
        return await self._reader.by_ids(tenant, ids)

    async def commit(
        self,
        episode: Episode,
        *,
        prior: Episode | None,
        forget: bool = False,
        announcements: Sequence[Announcement] = (),
    ) -> bool:
        """See the port."""
        touches = [Touch(each.group, each.due_at, _created(each)) for each in announcements]
        stored = await self._writer.commit(episode, prior=prior, forget=forget, touches=touches)
        if stored:
            self._committed()
        return stored

    async def put_back(
        self, episode: Episode, *, forget: bool = False, announcements: Sequence[Announcement] = ()
    ) -> bool:
        """See the port."""
        tag = contract.alerts_tag(episode.tenant)
        fate = "forgotten" if forget else "open" if episode.is_open else "kept"
        packed = contract.encode_episode(episode)
        arguments: list[str | int | bytes] = [episode.id, episode.version, episode.dedup_key, packed, fate]
        arguments += [episode.changed_at, episode.started_at]
        for each in announcements:
            arguments += [each.group, each.due_at]
        keys = [name(tag) for name in PUT_BACK_KEYS] + [contract.members_key(tag, a.group) for a in announcements]
        try:
            return bool(await self._put_back(keys=keys, args=arguments))
        except (RedisError, OSError) as error:
            raise EpisodesAway(str(error)) from error

    async def prune(self, tenant: str, *, before: Micros, now: Micros) -> int:
        """See the port."""
        tag = contract.alerts_tag(tenant)
        try:
            old: list[Any] = await self._redis.zrange(
                contract.recent_key(tag), "-inf", f"({before}", byscore=True, offset=0, num=PRUNED_AT_ONCE
            )
            known = await self._reader.by_ids(tenant, old)
            gone = [each for each in known if not each.is_open and (each.period_end_at or 0) <= now]
            if gone:
                await self._forget(tag, gone)
        except (RedisError, OSError) as error:
            raise EpisodesAway(str(error)) from error
        return len(gone)

    async def _forget(self, tag: str, gone: Sequence[Episode]) -> None:
        ids = [each.id for each in gone]
        newest = await self._redis.hmget(contract.latest_key(tag), [each.dedup_key for each in gone])
        unused = [e.dedup_key for e, latest in zip(gone, newest, strict=True) if latest == e.id.encode()]
        pipeline = self._redis.pipeline(transaction=True)
        pipeline.hdel(contract.episodes_key(tag), *ids)
        pipeline.zrem(contract.recent_key(tag), *ids)
        if unused:
            pipeline.hdel(contract.latest_key(tag), *unused)
        await pipeline.execute()


def _created(announcement: Announcement) -> bytes:
    return b"" if announcement.route is None else msgspec.json.encode(Group(route=announcement.route))
