"""The rhythm of sources in /metrics."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import pytest
from prometheus_client import CollectorRegistry

from services.api.domain.source_rhythm import HourlyCounts, RhythmState
from services.api.metrics import ApiMetrics
from services.api.source_health import SourceHealth
from services.api.source_watch import SourceWatch
from shared.domain.instants import HOUR_US
from shared.domain.tenant import SourceRhythm
from shared.errors import TransientError
from tests.support.api_parts import FixedConfiguration, KnownArrivals, KnownReports, TurnedClock
from tests.support.tenants import tenant

ACME = tenant(sources={"crm": SourceRhythm(id="crm", provider="close", expect_every_us=None)})
LAST = TurnedClock().now() // HOUR_US - 1
WEEKS = [LAST - week * 7 * 24 for week in range(1, 5)]


class ArrivalsThatGo(KnownArrivals):
    """Answers until it is told not to."""

    is_away = False

    async def of(self, days: Collection[int]) -> Mapping[tuple[str, str], HourlyCounts]:
        if self.is_away:
            raise TransientError("away")
        return await super().of(days)


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


def watched(registry: CollectorRegistry, arrivals: KnownArrivals) -> SourceWatch:
    health = SourceHealth(arrivals, KnownReports())
    return SourceWatch(FixedConfiguration(ACME), health, ApiMetrics(registry), TurnedClock())


def rhythms(registry: CollectorRegistry) -> dict[str, float | None]:
    name = "source_rhythm"
    return {state: registry.get_sample_value(name, {"source": "crm", "state": state}) for state in RhythmState}


def received(last: int, repeated: int = 0) -> ArrivalsThatGo:
    counts = HourlyCounts({LAST: last, **dict.fromkeys(WEEKS, 400)}, {LAST: repeated})
    return ArrivalsThatGo({("acme", "crm"): counts})


@pytest.mark.parametrize(("rate", "state"), [(20, "quiet"), (400, "usual"), (4000, "busy")])
async def test_one_state_is_1_and_the_others_are_0(registry: CollectorRegistry, rate: int, state: str) -> None:
    await watched(registry, received(rate)).look()
    assert rhythms(registry) == {other: float(other == state) for other in RhythmState}


async def test_a_source_of_no_past_is_unknown(registry: CollectorRegistry) -> None:
    await watched(registry, KnownArrivals()).look()
    assert rhythms(registry)["unknown"] == 1


async def test_the_share_of_duplicates_is_a_metric(registry: CollectorRegistry) -> None:
    await watched(registry, received(400, repeated=100)).look()
    assert registry.get_sample_value("source_duplicate_ratio", {"source": "crm"}) == 0.25


async def test_what_cannot_be_read_is_shown_no_longer(registry: CollectorRegistry) -> None:
    arrivals = received(20)
    watch = watched(registry, arrivals)
    await watch.look()
    arrivals.is_away = True
    await watch.look()
    assert rhythms(registry) == dict.fromkeys(RhythmState)
