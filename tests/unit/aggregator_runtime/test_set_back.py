"""When a worker says that its state has gone back, and what it does then."""

from __future__ import annotations

from typing import Any

import pytest
from faust.types import TP
from prometheus_client import CollectorRegistry

from services.aggregator.adapters.state_recovery import StateRecovery
from services.aggregator.domain.set_back import Look, Notice, noticed
from services.aggregator.metrics import AggregatorMetrics
from shared.contracts.topics import CRM_EVENTS, KPI_FACTS

EVENTS, FACTS = TP(CRM_EVENTS, 0), TP(KPI_FACTS, 0)


@pytest.mark.parametrize(
    ("stored", "server", "known", "notice"),
    [
        (7, "a", "a", Notice.STEADY),
        (7, "a", None, Notice.STEADY),
        (9, "a", "a", Notice.STEADY),
        (6, "a", "a", Notice.WENT_BACK),
        (-1, "a", "a", Notice.WENT_BACK),
        (7, "b", "a", Notice.ANOTHER_SERVER),
        (6, "b", "a", Notice.WENT_BACK),
        (7, "", "", Notice.STEADY),
    ],
)
def test_less_stored_than_applied_or_another_server_is_noticed(
    stored: int, server: str, known: str | None, notice: Notice
) -> None:
    assert noticed(7, Look(stored, server), known) is notice


class Consumer:
    """What is dropped."""

    def __init__(self) -> None:
        self.applied = {EVENTS: 7, FACTS: 3}
        self.dropped: list[tuple[list[TP], str]] = []

    def drop(self, partitions: list[TP], reason: str) -> None:
        self.dropped.append((partitions, reason))


class Catalogue:
    """Whether it was written down again."""

    def __init__(self) -> None:
        self.accepted = 0

    async def accept_again(self) -> None:
        self.accepted += 1


async def test_every_partition_begins_again_and_the_configuration_is_written_down() -> None:
    consumer: Any = Consumer()
    catalogue: Any = Catalogue()
    metrics = AggregatorMetrics(CollectorRegistry())
    await StateRecovery(consumer, catalogue, metrics).begin_again({EVENTS: Notice.WENT_BACK})
    assert (consumer.dropped, catalogue.accepted) == ([([EVENTS, FACTS], "went_back")], 1)
    assert metrics.registry.get_sample_value("aggregator_set_backs_total", {"reason": "went_back"}) == 1
