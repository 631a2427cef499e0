"""The heartbeat at its source."""

from __future__ import annotations

from prometheus_client import CollectorRegistry

from services.ingest.wiring import Ingest
from shared.domain.instants import SECOND_US
from tests.support.fake_log import FakeLog
from tests.support.manual_clock import ManualClock

SENT_AT, STAGE = "pipeline_heartbeat_timestamp_seconds", {"stage": "ingest"}


async def test_beats_go_to_one_partition_after_the_other(ingest: Ingest, log: FakeLog) -> None:
    for _ in range(3):
        await ingest.heart.beat()
    assert [(beat.tenant, beat.record) for beat in log.changes] == [("", "0"), ("", "1"), ("", "2")]


async def test_the_metric_says_when_the_newest_was_sent(
    ingest: Ingest, clock: ManualClock, registry: CollectorRegistry
) -> None:
    await ingest.heart.beat()
    assert registry.get_sample_value(SENT_AT, STAGE) == clock.now() / SECOND_US


async def test_while_the_log_is_away_the_newest_grows_old(
    ingest: Ingest, log: FakeLog, registry: CollectorRegistry
) -> None:
    log.away = True
    await ingest.heart.beat()
    assert (registry.get_sample_value(SENT_AT, STAGE), log.changes) == (0, [])


async def test_no_time_between_beats_is_no_heartbeat(ingest: Ingest, log: FakeLog) -> None:
    await ingest.heart.run(0)
    assert log.changes == []
