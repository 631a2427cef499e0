"""Where partitions go on, what log they belong to, and what is refused."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from types import SimpleNamespace
from typing import Any

import pytest
from faust.types import TP
from prometheus_client import CollectorRegistry
from redis.asyncio import Redis

from services.aggregator.adapters.configured_catalogue import ConfiguredCatalogue
from services.aggregator.adapters.log_identity import ForeignLog, LogLayout, check_layout
from services.aggregator.adapters.log_positions import LogPositions
from services.aggregator.adapters.progress import Progress
from services.aggregator.domain.set_back import Notice
from services.aggregator.metrics import AggregatorMetrics
from services.aggregator.settings import AggregatorKafkaSettings
from shared.configuration import Deployment
from shared.contracts import keys
from shared.contracts.topics import CRM_EVENTS, KPI_FACTS
from tests.support.manual_clock import ManualClock
from tests.support.redis_cluster import REAL, open_real_redis

pytestmark = pytest.mark.redis
EVENTS, FACTS = TP(CRM_EVENTS, 3), TP(KPI_FACTS, 3)
EMBEDDED = AggregatorKafkaSettings(log_identity="first start")


@pytest.fixture(params=REAL)
async def redis(request: pytest.FixtureRequest) -> AsyncIterator[Redis]:
    async with open_real_redis(request) as client:
        yield client


@pytest.fixture
def metrics() -> AggregatorMetrics:
    return AggregatorMetrics(CollectorRegistry())


async def lay_out(redis: Redis, settings: AggregatorKafkaSettings = EMBEDDED, facts_partitions: int = 4) -> int:
    layout = await check_layout(redis, settings, events_partitions=4, facts_partitions=facts_partitions)
    return layout.log_epoch


async def test_a_partition_without_state_begins_at_its_logs_start(redis: Redis, metrics: AggregatorMetrics) -> None:
    assert await LogPositions(redis, metrics, log_epoch=0, state=keys.FIRST_STATE).load(
        {EVENTS: (5, 9), FACTS: (0, 2)}
    ) == {
        EVENTS: 5,
        FACTS: 0,
    }


async def test_a_partition_with_state_goes_on_from_it(redis: Redis, metrics: AggregatorMetrics) -> None:
    await redis.set(keys.offset_key(keys.ledger_tag(3, keys.FIRST_STATE)), 7)
    assert await LogPositions(redis, metrics, log_epoch=0, state=keys.FIRST_STATE).load({EVENTS: (5, 9)}) == {EVENTS: 7}


async def test_a_log_that_ends_before_the_state_is_refused(redis: Redis, metrics: AggregatorMetrics) -> None:
    await redis.set(keys.offset_key(keys.ledger_tag(3, keys.FIRST_STATE)), 10)
    with pytest.raises(ForeignLog, match="ends at 9 but 10"):
        await LogPositions(redis, metrics, log_epoch=0, state=keys.FIRST_STATE).load({EVENTS: (5, 9)})


async def test_what_retention_cut_is_skipped_and_counted(redis: Redis, metrics: AggregatorMetrics) -> None:
    await redis.set(keys.offset_key(keys.ledger_tag(3, keys.FIRST_STATE)), 2)
    assert await LogPositions(redis, metrics, log_epoch=0, state=keys.FIRST_STATE).load({EVENTS: (5, 9)}) == {EVENTS: 5}
    assert metrics.registry.get_sample_value("aggregator_lost_messages_total", {"topic": CRM_EVENTS}) == 3


async def test_a_log_begun_anew_is_read_from_its_start(redis: Redis, metrics: AggregatorMetrics) -> None:
    await redis.set(keys.offset_key(keys.ledger_tag(3, keys.FIRST_STATE)), 700)
    assert await LogPositions(redis, metrics, log_epoch=1, state=keys.FIRST_STATE).load({EVENTS: (0, 9)}) == {EVENTS: 0}


async def test_the_same_start_of_an_embedded_broker_keeps_its_epoch(redis: Redis) -> None:
    assert [await lay_out(redis), await lay_out(redis)] == [0, 0]


async def test_each_new_start_of_an_embedded_broker_begins_an_epoch(redis: Redis) -> None:
    await lay_out(redis)
    assert await lay_out(redis, AggregatorKafkaSettings(log_identity="second start")) == 1


async def test_another_number_of_partitions_is_refused(redis: Redis) -> None:
    await lay_out(redis)
    with pytest.raises(ForeignLog, match="facts_partitions 4, the broker now has 8"):
        await lay_out(redis, facts_partitions=8)


async def test_a_changed_configuration_raises_the_generation_over_restarts(
    redis: Redis, metrics: AggregatorMetrics
) -> None:
    generations = []
    for version in ("a", "a", "b"):
        catalogue = ConfiguredCatalogue(redis, metrics, ManualClock())
        await catalogue.accept(Deployment({}, {}, {}), version)
        generations.append(catalogue.generation)
    assert generations == [0, 0, 1]


async def test_a_generation_is_never_used_twice_though_redis_forgot_it(
    redis: Redis, metrics: AggregatorMetrics
) -> None:
    catalogue = ConfiguredCatalogue(redis, metrics, ManualClock())
    for version in ("a", "b", "c"):
        await catalogue.accept(Deployment({}, {}, {}), version)
    await redis.delete(keys.LAYOUT)
    await catalogue.accept_again()
    other = ConfiguredCatalogue(redis, metrics, ManualClock())
    await other.accept(Deployment({}, {}, {}), "d")
    assert (catalogue.generation, other.generation) == (2, 3)


class Owner:
    """Of one partition that has applied so much; its last fetch was just answered."""

    def __init__(self, applied: int, end: int) -> None:
        self.applied, self.reseek, self.end = {EVENTS: applied}, set[TP](), end

    def log_end(self, _: TP) -> int:
        return self.end

    def last_answer(self, _: TP) -> int:
        return ANSWERED_MS


ANSWERED_MS = 1_795_426_200_000


class NothingFollowed:
    def followed(self, _: int) -> None:
        return None


class Told:
    """A round of progress on a real Redis; ``notices`` are what it told."""

    def __init__(self, redis: Redis, metrics: AggregatorMetrics) -> None:
        updates: Any = SimpleNamespace(look_at=list)
        layout = LogLayout(4, 4, 0, "")
        self.progress = Progress(
            redis, metrics, updates, runners={CRM_EVENTS: NothingFollowed()}, clock=ManualClock(), layout=layout
        )
        self.notices: list[Mapping[TP, Notice]] = []

    async def round(self, owner: Any) -> None:
        async def noted(notices: Mapping[TP, Notice]) -> None:
            self.notices.append(notices)

        await self.progress.tell(owner, noted)


async def test_who_is_caught_up_claims_the_instant_of_its_last_fetch(redis: Redis, metrics: AggregatorMetrics) -> None:
    tag, told = keys.ledger_tag(3, ""), Told(redis, metrics)
    await redis.set(keys.offset_key(tag), 7)
    await told.round(Owner(applied=7, end=7))
    assert (await redis.get(keys.mark_key(tag)), told.notices) == (str(ANSWERED_MS * 1000).encode(), [])


async def test_who_is_behind_claims_nothing(redis: Redis, metrics: AggregatorMetrics) -> None:
    tag, told = keys.ledger_tag(3, ""), Told(redis, metrics)
    await redis.set(keys.offset_key(tag), 7)
    await told.round(Owner(applied=7, end=8))
    assert await redis.get(keys.mark_key(tag)) is None


@pytest.mark.parametrize("stored", [None, 5])
async def test_a_state_that_went_back_is_told_and_gets_no_mark(
    redis: Redis, metrics: AggregatorMetrics, stored: int | None
) -> None:
    tag, told = keys.ledger_tag(3, ""), Told(redis, metrics)
    if stored is not None:
        await redis.set(keys.offset_key(tag), stored)
    await told.round(Owner(applied=7, end=7))
    assert (told.notices, await redis.get(keys.mark_key(tag))) == ([{EVENTS: Notice.WENT_BACK}], None)


async def test_a_mark_never_goes_back(redis: Redis, metrics: AggregatorMetrics) -> None:
    tag, told = keys.ledger_tag(3, ""), Told(redis, metrics)
    await redis.set(keys.offset_key(tag), 7)
    await redis.set(keys.mark_key(tag), ANSWERED_MS * 1000 + 5)
    await told.round(Owner(applied=7, end=7))
    assert await redis.get(keys.mark_key(tag)) == str(ANSWERED_MS * 1000 + 5).encode()
