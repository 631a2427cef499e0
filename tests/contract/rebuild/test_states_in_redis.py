"""What a rebuild does to Redis: one server, and a cluster."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from redis.asyncio import Redis

from cli.rebuild.comparing import Comparing
from cli.rebuild.journal import Begun, Journal
from cli.rebuild.key_space import held, remove_states
from cli.rebuild.positions import Positions
from cli.rebuild.preparing import server_runs
from cli.rebuild.refusals import TakenOver
from cli.rebuild.switching import CarryingOver
from shared.adapters.live_state import StateLayout
from shared.contracts import keys
from shared.contracts.messages import encode_cell, encode_entry, encode_pages
from shared.domain.accumulators import Accumulator
from shared.domain.facts import Fact, PageEntry, Revision
from tests.support.aggregator_tenant import counting_tenant
from tests.support.redis_cluster import REAL, open_real_redis

pytestmark = pytest.mark.redis
LIVE, MADE = StateLayout("", 4, 4), StateLayout("r2", 4, 4)
DAY = "2026-11-23"
NOW = 1_795_500_000_000_000
BEGUN = Begun(state="r2", replaces="", log={"a": "b"}, starts={0: 0, 1: 7}, servers=["s"], begun_at=NOW)


@pytest.fixture(params=REAL)
async def redis(request: pytest.FixtureRequest) -> AsyncIterator[Redis]:
    async with open_real_redis(request) as client:
        yield client


async def count(redis: Redis, layout: StateLayout, rep: str, calls: int, *, version: int) -> None:
    """A rep with so many calls on one day."""
    tag = layout.scoreboard_tag("acme", rep)
    cell = encode_cell({"calls": Accumulator(calls)})
    fields: dict[str, Any] = {f"d{DAY}": cell, "m2026-11": cell, "version": version, "pages": encode_pages([DAY])}
    await redis.hset(keys.cells_key(tag, "acme", rep), mapping=fields)
    for number in range(calls):
        fact = Fact("call.logged", NOW, "native", "call", f"c{number}", rep, {"direction": "outbound"})
        entry = encode_entry(PageEntry(Revision(number, version), fact))
        await redis.hset(keys.page_key(tag, "acme", rep, DAY), f"f{number}", entry)


async def version(redis: Redis, layout: StateLayout, rep: str) -> int:
    tag = layout.scoreboard_tag("acme", rep)
    return int(await redis.hget(keys.cells_key(tag, "acme", rep), "version") or 0)


async def compared(redis: Redis) -> Comparing:
    comparing = Comparing(redis, LIVE, MADE, {"acme": counting_tenant()})
    await comparing.look()
    await comparing.first_pass()
    await comparing.last_pass(NOW)
    return comparing


async def test_states_that_say_the_same_are_the_same(redis: Redis) -> None:
    await count(redis, LIVE, "ana", 3, version=9)
    await count(redis, MADE, "ana", 3, version=2)
    found = (await compared(redis)).result(NOW, behind=0)
    assert found.is_same and found.compared == 1


async def test_what_differs_is_told_by_rep_kpi_and_period(redis: Redis) -> None:
    await count(redis, LIVE, "ana", 3, version=9)
    await count(redis, MADE, "ana", 4, version=2)
    await count(redis, MADE, "bo", 1, version=2)
    found = (await compared(redis)).result(NOW, behind=0)
    assert found.by_kpi() == {"acme/calls": 10}
    assert {each.period for each in found.readings if each.rep == "ana"} == {
        DAY, f"w{DAY}", "2026-11", "2026-q4", "2026",
    }  # fmt: skip
    assert found.facts == {"acme/ana": 1, "acme/bo": 1}


async def test_versions_and_who_has_to_be_told_are_carried_over(redis: Redis) -> None:
    for rep, calls in (("ana", 3), ("bo", 5), ("cy", 1)):
        await count(redis, LIVE, rep, calls, version=9)
    for rep, calls in (("ana", 3), ("bo", 4)):
        await count(redis, MADE, rep, calls, version=20)
    untold, noise = (keys.changed_key(layout.scoreboard_tag("acme", "ana")) for layout in (LIVE, MADE))
    await redis.sadd(untold, "acme/ana")
    await redis.sadd(noise, "acme/someone")
    carrying = CarryingOver(redis, await compared(redis))
    await carrying.versions()
    await carrying.changed()
    assert [await version(redis, MADE, rep) for rep in ("ana", "bo", "cy")] == [9, 10, 10]
    told: set[bytes] = set()
    for tag in MADE.scoreboard_tags():
        told |= await redis.smembers(keys.changed_key(tag))
    assert told == {b"acme/ana", b"acme/bo", b"acme/cy"}


async def test_what_people_were_told_stays_and_marks_do_not_go_back(redis: Redis) -> None:
    await count(redis, LIVE, "ana", 3, version=9)
    await count(redis, MADE, "ana", 3, version=9)
    live, made = (layout.scoreboard_tag("acme", "ana") for layout in (LIVE, MADE))
    await redis.rpush(keys.restatements_key(live, "acme", "ana"), b"told")
    await redis.rpush(keys.restatements_key(made, "acme", "ana"), b"anew", b"again")
    await redis.hset(keys.marks_key(made, "acme", "ana"), "x", "y")
    for tag, mark in ((LIVE.ledger_tags()[0], 70), (MADE.ledger_tags()[0], 50), (LIVE.ledger_tags()[1], 10)):
        await redis.set(keys.mark_key(tag), mark)
    await redis.set(keys.mark_key(MADE.ledger_tags()[1]), 30)
    carrying = CarryingOver(redis, await compared(redis))
    await carrying.told()
    await carrying.marks()
    assert await redis.lrange(keys.restatements_key(made, "acme", "ana"), 0, -1) == [b"told"]
    assert not await redis.exists(keys.marks_key(made, "acme", "ana"))
    assert [await redis.get(keys.mark_key(tag)) for tag in MADE.ledger_tags()[:2]] == [b"70", b"30"]


async def test_what_is_gone_for_its_age_is_no_difference(redis: Redis) -> None:
    await count(redis, LIVE, "ana", 3, version=9)
    await count(redis, MADE, "ana", 3, version=9)
    old = encode_cell({"calls": Accumulator(8)})
    live, made = (keys.cells_key(layout.scoreboard_tag("acme", "ana"), "acme", "ana") for layout in (LIVE, MADE))
    await redis.hset(live, keys.RETAINED_FIELD, "2025-06-15")
    await redis.hset(made, mapping={"d2025-06-14": old, "m2025-06": old})
    comparing = Comparing(redis, LIVE, MADE, {"acme": counting_tenant()})
    await comparing.look()
    await CarryingOver(redis, comparing).retained()
    await comparing.first_pass()
    await comparing.last_pass(NOW)
    assert comparing.result(NOW, behind=0).is_same
    assert await redis.hget(made, keys.RETAINED_FIELD) == b"2025-06-15"


async def test_only_other_states_are_removed(redis: Redis) -> None:
    for layout in (LIVE, MADE, StateLayout("r3", 4, 4)):
        await count(redis, layout, "ana", 1, version=1)
        await redis.set(keys.offset_key(layout.ledger_tags()[2]), 5)
        await redis.set(keys.poison_key("crm.events", layout.name), "p")
    await redis.hset(keys.LAYOUT, keys.STATE_FIELD, "r2")
    await redis.set("pacer:{a/acme}:open", "an alert's")
    await remove_states(redis, but=frozenset({"r2"}))
    left = sorted([key async for key in redis.scan_iter(match="*", count=100)])
    assert all(key.startswith((b"pacer/r2:", b"pacer:layout", b"pacer:{a/acme}")) for key in left) and len(left) == 6
    assert (await held(redis, "", "r2"))[""].cells == set()


async def test_a_state_is_switched_by_who_holds_the_lease_only(redis: Redis) -> None:
    first, second = Journal(redis), Journal(redis)
    assert await first.take() and not await second.take()
    await first.write(BEGUN)
    assert await second.begun() == BEGUN
    await redis.hset(keys.LAYOUT, "configuration", "v1")
    for forbidden in (second.write(BEGUN), second.switch({keys.STATE_FIELD: "r9"}, configuration="v1")):
        with pytest.raises(TakenOver):
            await forbidden
    assert not await first.switch({keys.STATE_FIELD: "r2"}, configuration="v0"), "the configuration was edited"
    assert await first.switch({keys.STATE_FIELD: "r2", "facts_partitions": "4"}, configuration="v1")
    assert await redis.hmget(keys.LAYOUT, keys.STATE_FIELD, "facts_partitions") == [b"r2", b"4"]
    await first.let_go()
    assert await second.take()


async def test_a_lease_that_nobody_keeps_is_taken_over_and_one_that_is_kept_is_not(redis: Redis) -> None:
    await redis.set(keys.REBUILD_LEASE, "killed", px=400)
    assert await Journal(redis).take_over()
    await redis.set(keys.REBUILD_LEASE, "alive", px=900)
    other = Journal(redis)
    assert not await other.take()
    left = await redis.pttl(keys.REBUILD_LEASE)
    assert left > 0


async def test_scoreboards_count_what_is_handed_over_until_they_are_placed(redis: Redis) -> None:
    positions = Positions(redis, MADE)
    await positions.begin_ledgers({0: 3, 1: 0, 2: 0, 3: 0})
    await positions.begin_scoreboards()
    assert await positions.handed(2) == 0 and (await positions.scoreboards())[2] is None
    await positions.place_scoreboards({number: 40 + number for number in range(4)})
    assert await positions.handed(2) is None and (await positions.scoreboards())[2] == 42
    await positions.begin_scoreboards()
    assert await positions.handed(2) == 0 and (await positions.ledgers())[0] == 3


async def test_the_runs_of_all_servers_are_known(redis: Redis) -> None:
    runs = await server_runs(redis)
    assert runs and all(len(run) == 40 for run in runs) and runs == await server_runs(redis)
