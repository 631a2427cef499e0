"""What ingest tells of its sources reaches the api: also what was told before it started, and not what is old."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from services.api.adapters.source_reports_follower import HOURS, SourceReportsFollower
from services.ingest.adapters.event_log import open_event_log
from services.ingest.adapters.source_reports import KafkaSourceReports
from shared.adapters.system_clock import SystemClock
from shared.domain.instants import HOUR_US
from shared.domain.source_hours import SourceHour
from shared.settings import KafkaSettings
from tests.support.embedded_kafka import embedded_kafka
from tests.support.eventually import eventually

__all__ = ["embedded_kafka"]
CLOCK = SystemClock()


def told(deliveries: int, *, age_hours: int = 0, process: str = "p1") -> SourceHour:
    now = CLOCK.now()
    hour = now // HOUR_US - age_hours
    return SourceHour(tenant="acme", source="crm", process=process, hour=hour, at=now, deliveries=deliveries)


@asynccontextmanager
async def reports(bootstrap: str) -> AsyncIterator[KafkaSourceReports]:
    settings = KafkaSettings(bootstrap_servers=bootstrap)
    async with open_event_log(settings, retention=timedelta(days=1)) as log:
        await eventually(log.state, within_seconds=30)
        yield KafkaSourceReports(log)


@asynccontextmanager
async def following(bootstrap: str) -> AsyncIterator[SourceReportsFollower]:
    settings = KafkaSettings(bootstrap_servers=bootstrap)
    follower = SourceReportsFollower(settings, CLOCK, retention=timedelta(days=1))
    task = asyncio.create_task(follower.run())
    yield follower
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_the_last_word_of_each_process_and_hour_is_known(embedded_kafka: str) -> None:
    async with reports(embedded_kafka) as ingest:
        await ingest.tell([told(1), told(9, age_hours=HOURS + 2)])
        async with following(embedded_kafka) as follower:
            await eventually(lambda: [hour.deliveries for hour in follower.of("acme", "crm")], equals=[1])
            await ingest.tell([told(2), told(5, process="p2")])
            await eventually(lambda: sorted(h.deliveries for h in follower.of("acme", "crm")), equals=[2, 5])
        assert follower.of("other", "crm") == []
