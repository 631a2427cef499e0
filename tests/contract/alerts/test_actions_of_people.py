"""What the API does to an episode reaches the notification groups that carry it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from msgspec.structs import replace
from redis.asyncio import Redis

from services.alerts.adapters.episode_store import RedisEpisodeStore
from services.alerts.adapters.group_store import RedisGroupStore
from services.alerts.domain.notifications import Group
from services.alerts.domain.routing import GroupRoute
from services.alerts.ports import Announcement
from services.alerts.trust import Pulses
from shared.adapters.episode_reader import EpisodeReader
from shared.adapters.episode_writer import EpisodeWriter, touches_of
from shared.contracts.episodes import alerts_tag, decode_episode, unpublished_key
from shared.domain.episodes import Action, Episode, acknowledge
from tests.support.alerts_fakes import T0, episode
from tests.support.real_redis import RealRedis

pytestmark = pytest.mark.redis
ROUTE = GroupRoute(key="ops|ep_1", receiver="ops", labels={})
FIRED = replace(episode(), groups=(ROUTE.key,))


@pytest.fixture
async def redis(redis_server: RealRedis) -> AsyncIterator[Redis]:
    """A tenant whose one alert is firing and was told; its group waits for a touch."""
    client = Redis.from_url(redis_server.url)
    store, groups = RedisEpisodeStore(client, lambda: None), RedisGroupStore(client, Pulses())
    await store.commit(FIRED, prior=None, announcements=[Announcement(ROUTE.key, T0, ROUTE)])
    await groups.settle("acme", Group(route=ROUTE), due_at=None)
    yield client
    await client.aclose()


async def acknowledged(redis: Redis) -> Episode:
    known = acknowledge(FIRED, by="bea", now=T0 + 5)
    assert await EpisodeWriter(redis).commit(known, prior=FIRED, touches=touches_of(known, T0 + 5))
    return known


async def test_an_action_is_read_back(redis: Redis) -> None:
    known = await acknowledged(redis)
    assert await EpisodeReader(redis).episode("acme", "ep_1") == known


async def test_an_action_makes_the_groups_look(redis: Redis) -> None:
    await acknowledged(redis)
    assert await RedisGroupStore(redis, Pulses()).due("acme", T0 + 5, 9) == [ROUTE.key]


async def test_an_action_is_published(redis: Redis) -> None:
    await acknowledged(redis)
    last = (await redis.xrange(unpublished_key(alerts_tag("acme"))))[-1][1]
    assert decode_episode(last[b"e"]).history[-1].action is Action.ACKNOWLEDGED


async def test_of_two_actions_at_once_one_is_refused(redis: Redis) -> None:
    await acknowledged(redis)
    assert not await EpisodeWriter(redis).commit(acknowledge(FIRED, by="carl", now=T0 + 6), prior=FIRED)


async def test_readers_see_open_and_recent_episodes_the_last_changed_first(redis: Redis) -> None:
    later = replace(episode(id="ep_2", dedup_key="b"), changed_at=T0 + 9)
    await EpisodeWriter(redis).commit(later, prior=None)
    assert [each.id for each in await EpisodeReader(redis).episodes("acme", T0 + 1)] == ["ep_2", "ep_1"]
