"""What becomes of deliveries while the log is away: on fakes, every way there is."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from services.ingest import spooling
from services.ingest.domain.delivery import Context, Delivery
from services.ingest.domain.spooling import BATCH_BYTES, BATCH_MESSAGES, LogMessage, Spooled, Way, batches, way
from services.ingest.ports import EventTooLarge, LogUnavailable, SpoolFailed, SpoolFull
from services.ingest.spool_metrics import SpoolMetrics
from services.ingest.spooling import SpoolingLog
from tests.support.changes import change
from tests.support.eventually import eventually
from tests.support.fake_spool import FakeMessageLog, FakeSpool
from tests.support.ingest_app import native_source

DELIVERY = Delivery(method="POST", headers={}, body=b"{}")


class Door:
    """Delivers numbered changes through a log with a spool, which is drained only when the test says so."""

    def __init__(self) -> None:
        self.log = FakeMessageLog()
        self.spool = FakeSpool()
        self.registry = CollectorRegistry()
        self.spooling = SpoolingLog(self.log, self.spool, SpoolMetrics(self.registry))

    async def deliver(self, number: int, *, spool: bool = True) -> None:
        context = Context(native_source(spool=spool), f"dl_{number}", number)
        await self.spooling.keep([change(record=f"r-{number}")], [], delivery=DELIVERY, context=context)

    async def deliver_all(self, *numbers: int) -> None:
        for number in numbers:
            await self.deliver(number)

    @property
    def on_the_log(self) -> list[int]:
        return [int(one.record[2:]) for one in self.log.sent_changes]

    @property
    def spooled(self) -> list[int]:
        return [one.received_at for one in self.spool.deliveries]

    def metric(self, name: str, **labels: str) -> float | None:
        return self.registry.get_sample_value(name, labels)


@pytest.fixture
def door() -> Door:
    return Door()


@pytest.fixture
async def running(door: Door, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Door]:
    monkeypatch.setattr(spooling, "RETRY_SECONDS", 0.01)
    monkeypatch.setattr(spooling, "DISK_RETRY_SECONDS", 0.01)
    monkeypatch.setattr(spooling, "ADOPT_SECONDS", 0.05)
    task = asyncio.create_task(door.spooling.run())
    yield door
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@pytest.mark.parametrize(
    ("away_for", "parts", "chosen"),
    [
        (None, 0, Way.LOG),
        (None, 1, Way.WAIT),
        (None, 2, Way.SPOOL),
        (0.0, 0, Way.SPOOL),
        (60.0, 0, Way.LOG),
        (60.0, 1, Way.SPOOL),
        (60.0, 9, Way.SPOOL),
    ],
)
def test_which_way_a_delivery_takes(away_for: float | None, parts: int, chosen: Way) -> None:
    assert way(away_for=away_for, parts=parts) is chosen


@pytest.mark.parametrize(("answered_before", "level"), [(True, "warning"), (False, "info")])
async def test_a_log_that_never_answered_yet_is_no_warning(door: Door, answered_before: bool, level: str) -> None:
    if answered_before:
        await door.deliver(1)
    door.log.away = True
    with capture_logs() as logs:
        await door.deliver(2)
    assert [(entry["event"], entry["log_level"]) for entry in logs] == [("log_away", level)]


async def test_while_the_log_answers_nothing_is_spooled(door: Door) -> None:
    await door.deliver_all(1, 2)
    assert (door.on_the_log, door.spooled) == ([1, 2], [])


async def test_what_the_log_refuses_is_spooled_and_told_as_taken(door: Door) -> None:
    door.log.away = True
    await door.deliver_all(1, 2, 3)
    assert (door.on_the_log, door.spooled) == ([], [1, 2, 3])


async def test_a_source_without_a_spool_is_refused_as_ever(door: Door) -> None:
    door.log.away = True
    with pytest.raises(LogUnavailable) as refused:
        await door.deliver(1, spool=False)
    assert (refused.value.reason, door.spooled) == ("kafka_unavailable", [])


async def test_a_log_that_hangs_is_waited_for_well_below_a_second(door: Door) -> None:
    door.log.stuck = True
    began = time.monotonic()
    await door.deliver(1)
    assert (door.spooled, time.monotonic() - began < 0.9) == ([1], True)


async def test_a_log_that_is_known_to_be_away_is_not_waited_for(door: Door) -> None:
    door.log.stuck = True
    await door.deliver(1)
    began = time.monotonic()
    await door.deliver(2)
    assert (door.spooled, time.monotonic() - began < 0.2) == ([1, 2], True)


async def test_another_sources_failure_says_that_the_log_is_away(door: Door) -> None:
    door.log.away = True
    with pytest.raises(LogUnavailable):
        await door.deliver(1, spool=False)
    door.log.away, door.log.stuck = False, True
    began = time.monotonic()
    await door.deliver(2)
    assert time.monotonic() - began < 0.2


async def test_what_is_spooled_is_drained_in_order_and_before_what_comes_later(door: Door) -> None:
    door.log.away = True
    await door.deliver_all(1, 2, 3, 4, 5)
    door.log.away = False
    await door.spooling.drain_oldest()
    await door.deliver(6)
    while door.spool.parts:
        await door.spooling.drain_oldest()
    await door.deliver(7)
    assert door.on_the_log == [1, 2, 3, 4, 5, 6, 7]


async def test_the_last_part_is_waited_for_rather_than_spooled_behind(running: Door) -> None:
    running.log.away = True
    await running.deliver(1)
    running.spooling._failed_at, running.log.away = None, False
    await running.deliver(2)
    assert (running.on_the_log, running.spooled) == ([1, 2], [])


async def test_a_last_part_that_is_not_drained_in_time_is_spooled_behind(door: Door) -> None:
    door.log.away = True
    await door.deliver(1)
    door.spooling._failed_at = None
    began = time.monotonic()
    await door.deliver(2)
    assert (door.spooled, time.monotonic() - began < 0.9) == ([1, 2], True)


async def test_a_log_that_comes_back_is_noticed_and_used(running: Door) -> None:
    running.log.away = True
    await running.deliver_all(*range(20))
    running.log.away = False
    await eventually(lambda: running.spooled, equals=[])
    await running.deliver(20)
    assert running.on_the_log == list(range(21))


async def test_a_steady_stream_of_deliveries_ends_the_spooling(running: Door) -> None:
    running.spool._part = 1000  # as on a disk, where a file holds more than comes while one is drained
    running.log.away = True
    await running.deliver_all(*range(10))
    running.log.away = False
    numbers = iter(range(10, 100_000))

    async def stream() -> None:
        while True:
            await running.deliver(next(numbers))
            await asyncio.sleep(0)

    streams = [asyncio.create_task(stream()) for _ in range(8)]
    await eventually(lambda: running.spooling._failed_at is None and not running.spool.parts)
    for task in streams:
        task.cancel()
    await asyncio.gather(*streams, return_exceptions=True)
    assert running.on_the_log[:10] == list(range(10))


async def test_a_drain_that_is_broken_off_is_made_again_and_loses_nothing(door: Door) -> None:
    door.log.away = True
    await door.deliver_all(1, 2)
    with pytest.raises(LogUnavailable):
        await door.spooling.drain_oldest()
    assert door.spooled == [1, 2]


async def test_a_full_spool_is_a_named_refusal(door: Door) -> None:
    door.log.away, door.spool.room = True, 1
    await door.deliver(1)
    with pytest.raises(SpoolFull) as refused:
        await door.deliver(2)
    assert refused.value.reason == "spool_full"
    assert door.metric("ingest_spooled_deliveries_total", source="native", outcome="spool_full") == 1


async def test_a_broken_disk_is_a_named_refusal(door: Door) -> None:
    door.log.away = door.spool.broken = True
    with pytest.raises(SpoolFailed) as refused:
        await door.deliver(1)
    assert refused.value.reason == "spool_failed"
    assert door.metric("ingest_spooled_deliveries_total", source="native", outcome="spool_failed") == 1


async def test_what_a_full_spool_cannot_take_while_it_is_drained_goes_to_the_log(door: Door) -> None:
    door.log.away, door.spool.room = True, 5
    await door.deliver_all(1, 2, 3, 4, 5)
    door.log.away = False
    await door.spooling.drain_oldest()
    door.spool.room = 0
    await door.deliver(6)
    assert door.on_the_log == [1, 2, 6]


async def test_what_is_too_large_for_the_log_is_not_spooled(door: Door) -> None:
    door.log.takes_at_most = 5
    with pytest.raises(EventTooLarge):
        await door.deliver(1)
    assert door.spooled == []


async def test_what_the_broker_will_never_take_is_set_aside_and_holds_nothing_up(door: Door) -> None:
    door.log.away = True
    context = Context(native_source(spool=True), "dl_1", 2)
    await door.deliver(1)
    large = change(record="r-2", fields={"text": "x" * 5000})
    await door.spooling.keep([large], [], delivery=DELIVERY, context=context)
    door.log.away, door.log.takes_at_most = False, 4000
    await door.spooling.drain_oldest()
    assert (door.on_the_log, [one.received_at for one in door.spool.aside], door.spooled) == ([1], [2], [])
    assert door.metric("ingest_spool_drained_deliveries_total", outcome="set_aside") == 1


async def test_no_heartbeat_overtakes_what_was_spooled(door: Door) -> None:
    door.log.away = True
    await door.deliver(1)
    door.log.away = False
    with pytest.raises(LogUnavailable, match="goes first"):
        await door.spooling.beat(0, 1)
    await door.spooling.drain_oldest()
    await door.spooling.beat(0, 1)
    assert len(door.log.changes) == 1


async def test_no_heartbeat_overtakes_what_another_process_has_spooled(door: Door) -> None:
    door.spool.left_by_others = [[Spooled("native", 7, (LogMessage("crm.events", "k", b"{}"),))]]
    with pytest.raises(LogUnavailable, match="goes first"):
        await door.spooling.beat(0, 1)
    door.spool.left_by_others = []
    await door.spooling.beat(0, 1)


async def test_what_processes_that_are_gone_have_left_is_drained(running: Door) -> None:
    left = Spooled("native", 7, (LogMessage("crm.events", "k", b'{"left": "behind"}'),))
    running.spool.left_by_others = [[left]]
    await eventually(lambda: running.log.values, equals=[b'{"left": "behind"}'])


async def test_a_broken_disk_does_not_end_the_draining(running: Door) -> None:
    running.log.away = True
    await running.deliver(1)
    running.spool.broken, running.log.away = True, False
    await asyncio.sleep(0.05)
    running.spool.broken = False
    await eventually(lambda: running.spooled, equals=[])
    assert set(running.on_the_log) == {1}


async def test_what_waits_is_measured(door: Door) -> None:
    door.log.away = True
    await door.deliver_all(3_000_000, 4_000_000)
    found = [
        door.metric("ingest_spool_deliveries"),
        door.metric("ingest_spool_oldest_timestamp_seconds"),
        door.metric("ingest_spooled_deliveries_total", source="native", outcome="spooled"),
    ]
    assert found == [2, 3, 2]
    door.log.away = False
    await door.spooling.drain_oldest()
    after = [door.metric("ingest_spool_deliveries"), door.metric("ingest_spool_oldest_timestamp_seconds")]
    assert (after, door.metric("ingest_spool_drained_deliveries_total", outcome="drained")) == ([0, 0], 2)


def spooled(number: int, *, messages: int = 1, size: int = 1) -> Spooled:
    return Spooled("s", number, tuple(LogMessage("t", "", b"x" * size) for _ in range(messages)))


@pytest.mark.parametrize(
    ("deliveries", "sizes"),
    [
        ([], []),
        ([{}] * 3, [3]),
        ([{"messages": BATCH_MESSAGES}, {}], [1, 1]),
        ([{"size": BATCH_BYTES * 2}, {}, {}], [1, 2]),
        ([{"size": BATCH_BYTES // 2}] * 5, [2, 2, 1]),
    ],
)
def test_batches_keep_the_order_and_hold_what_the_log_takes_at_once(
    deliveries: list[dict[str, Any]], sizes: list[int]
) -> None:
    given = [spooled(number, **one) for number, one in enumerate(deliveries)]
    found = list(batches(given))
    assert [len(batch) for batch in found] == sizes
    assert [one for batch in found for one in batch] == given
