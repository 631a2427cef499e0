"""What the evaluator and the dispatcher rely on, for the fake and for Redis alike."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from msgspec import Struct
from msgspec.structs import replace

from services.alerts.adapters.episode_store import RedisEpisodeStore
from services.alerts.adapters.group_store import RedisGroupStore
from services.alerts.domain.notifications import Group, Told
from services.alerts.domain.routing import GroupRoute
from services.alerts.ports import Announcement, Claimed, EpisodeStore, GroupStore
from services.alerts.trust import Pulses
from shared.domain.episodes import Action, Episode, EpisodeState, HistoryEntry
from tests.support.alerts_fakes import T0, MemoryAlerts, episode
from tests.support.redis_cluster import REAL, open_real_redis

ROUTE = GroupRoute(key="ops|rule=calls-behind", receiver="ops", labels={"rule": "calls-behind"}, wait_us=10)
NEWS = Announcement(ROUTE.key, T0 + 10, ROUTE)
NOTE = HistoryEntry(T0 + 1, Action.COMMENTED, "bea", "called her")


class Stores(Struct):
    episodes: EpisodeStore
    groups: GroupStore


@pytest.fixture(params=["in_memory", *REAL])
async def stores(request: pytest.FixtureRequest) -> AsyncIterator[Stores]:
    if request.param == "in_memory":
        memory = MemoryAlerts()
        yield Stores(memory, memory)
        return
    async with open_real_redis(request) as redis:
        yield Stores(RedisEpisodeStore(redis, lambda: None), RedisGroupStore(redis, Pulses()))


async def claimed(stores: Stores, now: int = T0 + 10) -> Claimed:
    found = await stores.groups.claim("acme", ROUTE.key, now=now, until=now + 100)
    assert found is not None
    return found


async def test_a_new_episode_is_the_newest_of_its_key(stores: Stores) -> None:
    await stores.episodes.commit(episode(), prior=None)
    assert await stores.episodes.latest("acme", [episode().dedup_key, "other"]) == {episode().dedup_key: episode()}


async def test_an_episode_comes_back_as_it_went(stores: Stores) -> None:
    full = replace(episode(), groups=(ROUTE.key,), snoozed_until=T0, acknowledged_pace=0.5, history=(NOTE,))
    await stores.episodes.commit(full, prior=None)
    assert await stores.episodes.by_ids("acme", ["ep_1", "ep_unknown"]) == [full]


async def test_another_tenant_sees_nothing_of_it(stores: Stores) -> None:
    await stores.episodes.commit(episode(), prior=None)
    assert await stores.episodes.by_ids("umbrella", ["ep_1"]) == []


async def test_the_same_beginning_is_stored_once(stores: Stores) -> None:
    await stores.episodes.commit(episode(), prior=None)
    assert not await stores.episodes.commit(episode(id="ep_2"), prior=None)


async def test_a_new_episode_follows_the_one_before(stores: Stores) -> None:
    before = episode(state=EpisodeState.RESOLVED)
    await stores.episodes.commit(before, prior=None)
    assert await stores.episodes.commit(episode(id="ep_2"), prior=before)


async def test_a_change_builds_on_the_version_that_was_read(stores: Stores) -> None:
    await stores.episodes.commit(episode(), prior=None)
    assert await stores.episodes.commit(episode().noted(NOTE), prior=episode())


async def test_a_change_of_an_old_version_is_refused(stores: Stores) -> None:
    await stores.episodes.commit(episode(), prior=None)
    await stores.episodes.commit(episode().noted(NOTE), prior=episode())
    assert not await stores.episodes.commit(episode().noted(NOTE), prior=episode())


async def test_pending_and_firing_are_open(stores: Stores) -> None:
    await stores.episodes.commit(episode(), prior=None)
    await stores.episodes.commit(episode(id="ep_2", dedup_key="b", state=EpisodeState.PENDING), prior=None)
    await stores.episodes.commit(episode(id="ep_3", dedup_key="c", state=EpisodeState.RESOLVED), prior=None)
    assert {each.id for each in await stores.episodes.open("acme")} == {"ep_1", "ep_2"}


async def test_a_resolved_episode_is_no_longer_open(stores: Stores) -> None:
    await stores.episodes.commit(episode(), prior=None)
    await stores.episodes.commit(_resolved(), prior=episode())
    assert await stores.episodes.open("acme") == []


async def test_a_forgotten_episode_leaves_no_trace(stores: Stores) -> None:
    pending = episode(state=EpisodeState.PENDING)
    await stores.episodes.commit(pending, prior=None)
    await stores.episodes.commit(_resolved(), prior=pending, forget=True)
    assert (await stores.episodes.latest("acme", [pending.dedup_key]), await stores.episodes.open("acme")) == ({}, [])


async def test_what_was_resolved_long_ago_is_pruned(stores: Stores) -> None:
    await stores.episodes.commit(_resolved(), prior=None)
    end = episode().period_end_at or 0
    assert await stores.episodes.prune("acme", before=end, now=end) == 1
    assert await stores.episodes.by_ids("acme", ["ep_1"]) == []


async def test_what_is_open_is_never_pruned(stores: Stores) -> None:
    await stores.episodes.commit(episode(), prior=None)
    end = episode().period_end_at or 0
    assert await stores.episodes.prune("acme", before=end, now=end) == 0


async def test_within_its_period_nothing_is_pruned(stores: Stores) -> None:
    await stores.episodes.commit(_resolved(), prior=None)
    assert await stores.episodes.prune("acme", before=T0 + 1000, now=T0 + 1000) == 0


async def test_an_announcement_makes_its_group_due(stores: Stores) -> None:
    await stores.episodes.commit(episode(), prior=None, announcements=[NEWS])
    assert (await stores.groups.due("acme", T0 + 9, 5), await stores.groups.due("acme", T0 + 10, 5)) == (
        [],
        [ROUTE.key],
    )


async def test_a_refused_change_announces_nothing(stores: Stores) -> None:
    await stores.episodes.commit(episode(), prior=None)
    await stores.episodes.commit(episode(id="ep_2"), prior=None, announcements=[NEWS])
    assert await stores.groups.due("acme", T0 + 10, 5) == []


async def test_an_announcement_to_a_group_that_is_gone_is_void(stores: Stores) -> None:
    await stores.episodes.commit(episode(), prior=None, announcements=[replace(NEWS, route=None)])
    assert await stores.groups.due("acme", T0 + 10, 5) == []


async def test_a_later_announcement_does_not_postpone_a_group(stores: Stores) -> None:
    await stores.episodes.commit(episode(), prior=None, announcements=[NEWS])
    other = episode(id="ep_2", dedup_key="b")
    await stores.episodes.commit(other, prior=None, announcements=[replace(NEWS, due_at=T0 + 99)])
    assert await stores.groups.due("acme", T0 + 10, 5) == [ROUTE.key]


async def test_a_claim_shows_the_group_and_its_members(stores: Stores) -> None:
    await stores.episodes.commit(episode(), prior=None, announcements=[NEWS])
    found = await claimed(stores)
    assert (found.group, found.members) == (Group(route=ROUTE), ("ep_1",))


async def test_a_claimed_group_is_nobody_elses(stores: Stores) -> None:
    await stores.episodes.commit(episode(), prior=None, announcements=[NEWS])
    await claimed(stores)
    assert await stores.groups.claim("acme", ROUTE.key, now=T0 + 11, until=T0 + 50) is None


async def test_a_claim_runs_out(stores: Stores) -> None:
    await stores.episodes.commit(episode(), prior=None, announcements=[NEWS])
    await claimed(stores)
    assert await stores.groups.claim("acme", ROUTE.key, now=T0 + 110, until=T0 + 200) is not None


async def test_a_settled_group_is_stored_with_what_was_told(stores: Stores) -> None:
    await stores.episodes.commit(episode(), prior=None, announcements=[NEWS])
    told = replace((await claimed(stores)).group, told={"ep_1": Told(EpisodeState.FIRING, T0)})
    await stores.groups.settle("acme", told, due_at=T0 + 20)
    assert (await claimed(stores, T0 + 20)).group == replace(told, version=1)


async def test_a_group_is_settled_by_one_process(stores: Stores) -> None:
    await stores.episodes.commit(episode(), prior=None, announcements=[NEWS])
    found = await claimed(stores)
    await stores.groups.settle("acme", found.group, due_at=None)
    assert not await stores.groups.settle("acme", found.group, due_at=None)


async def test_a_touch_in_between_is_not_overlooked(stores: Stores) -> None:
    await stores.episodes.commit(episode(), prior=None, announcements=[NEWS])
    found = await claimed(stores)
    await stores.episodes.commit(episode(id="ep_2", dedup_key="b"), prior=None, announcements=[NEWS])
    assert not await stores.groups.remove("acme", found.group, seen=found.touch)


async def test_dropped_members_are_gone(stores: Stores) -> None:
    await stores.episodes.commit(episode(), prior=None, announcements=[NEWS])
    found = await claimed(stores)
    await stores.groups.settle("acme", found.group, due_at=T0 + 20, drop=["ep_1"], seen=found.touch)
    assert (await claimed(stores, T0 + 20)).members == ()


async def test_a_group_that_waits_for_a_touch_is_not_due(stores: Stores) -> None:
    await stores.episodes.commit(episode(), prior=None, announcements=[NEWS])
    await stores.groups.settle("acme", (await claimed(stores)).group, due_at=None)
    assert await stores.groups.due("acme", T0 + 10**12, 5) == []


async def test_a_removed_group_begins_anew(stores: Stores) -> None:
    await stores.episodes.commit(episode(), prior=None, announcements=[NEWS])
    found = await claimed(stores)
    assert await stores.groups.remove("acme", found.group, seen=found.touch)
    await stores.episodes.commit(episode(id="ep_2", dedup_key="b"), prior=None, announcements=[NEWS])
    assert (await claimed(stores)).members == ("ep_2",)


def _resolved() -> Episode:
    return replace(episode(), state=EpisodeState.RESOLVED, version=2, resolved_at=T0, reason="recovered")


async def test_what_the_log_has_is_put_back_with_its_group(stores: Stores) -> None:
    assert await stores.groups.known("acme", ROUTE.key, ROUTE) == Group(route=ROUTE)
    back = episode(version=3)
    assert await stores.episodes.put_back(back, announcements=[Announcement(ROUTE.key, T0 + 10)])
    assert await stores.episodes.latest("acme", [back.dedup_key]) == {back.dedup_key: back}
    assert (await claimed(stores)).members == (back.id,)
    assert await stores.episodes.open("acme") == [back]


async def test_a_later_version_is_not_put_back_over(stores: Stores) -> None:
    await stores.episodes.put_back(episode(version=3))
    assert not await stores.episodes.put_back(episode(version=3))
    assert await stores.episodes.put_back(episode(version=4))


async def test_the_newest_of_a_key_stays_the_newest(stores: Stores) -> None:
    await stores.episodes.put_back(episode(id="ep_2", started_at=T0 + 5))
    await stores.episodes.put_back(episode(started_at=T0, state=EpisodeState.RESOLVED))
    assert (await stores.episodes.latest("acme", [episode().dedup_key]))[episode().dedup_key].id == "ep_2"


async def test_a_forgotten_one_goes(stores: Stores) -> None:
    await stores.episodes.put_back(episode())
    await stores.episodes.put_back(episode(version=2, state=EpisodeState.RESOLVED), forget=True)
    assert await stores.episodes.by_ids("acme", ["ep_1"]) == []
    assert await stores.episodes.latest("acme", [episode().dedup_key]) == {}


async def test_an_unknown_group_is_not_made_without_a_route(stores: Stores) -> None:
    assert await stores.groups.known("acme", ROUTE.key, None) is None
