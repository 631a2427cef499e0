"""How far an edit of the configuration is followed: shown while it is under way, told when it is over."""

from __future__ import annotations

from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from services.aggregator.adapters.settling import Settling
from services.aggregator.metrics import LEDGER, AggregatorMetrics
from services.aggregator.ports import Chunk, Fenced, Handled, Settlement


class Slices:
    """A use case with so much left to do in each partition."""

    def __init__(self, *remaining: int) -> None:
        self._remaining = list(remaining)

    async def handle(self, chunk: Chunk) -> Handled:
        return Handled(Fenced.APPLIED, len(chunk.values))

    async def settle(self, _: int) -> Settlement:
        return Settlement(self._remaining.pop(0), 5) if self._remaining else Settlement(0)

    def void(self, partition: int) -> None:
        """Nothing is kept."""


def settling(*remaining: int) -> tuple[Settling, CollectorRegistry]:
    registry = CollectorRegistry()
    return Settling(LEDGER, Slices(*remaining), AggregatorMetrics(registry)), registry


def pending(registry: CollectorRegistry) -> float | None:
    return registry.get_sample_value("aggregator_refold_pending", {"stage": LEDGER})


async def test_what_remains_is_shown_over_all_partitions() -> None:
    following, registry = settling(30, 12)
    assert (await following.advance(0), await following.advance(1), pending(registry)) == (True, True, 42.0)


async def test_a_partition_that_follows_is_told_with_its_changes() -> None:
    following, registry = settling(30, 0)
    with capture_logs() as logs:
        assert (await following.advance(0), await following.advance(0)) == (True, False)
    assert [(line["event"], line["changes"]) for line in logs] == [("configuration_followed", 10)]
    assert pending(registry) == 0.0


async def test_a_partition_with_nothing_to_do_is_not_told() -> None:
    following, _ = settling()
    with capture_logs() as logs:
        assert not await following.advance(0)
    assert logs == []


async def test_a_partition_that_is_lost_is_no_longer_waited_for() -> None:
    following, registry = settling(30)
    await following.advance(0)
    following.void(0)
    assert pending(registry) == 0.0


async def test_what_was_restated_is_counted() -> None:
    registry = CollectorRegistry()

    class Restated(Slices):
        async def settle(self, _: int) -> Settlement:
            return Settlement(0, restated=3)

    following = Settling(LEDGER, Restated(), AggregatorMetrics(registry))
    assert await following.advance(0) is await following.advance(0) is False
    assert registry.get_sample_value("aggregator_restatements_total") == 6.0
