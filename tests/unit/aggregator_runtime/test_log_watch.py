"""Whether the log is still the one that was counted, as its topics' ids tell."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from prometheus_client import CollectorRegistry

from services.aggregator.adapters.log_identity import LogLayout, TopicMissing
from services.aggregator.adapters.log_watch import LogWatch, log_watches
from services.aggregator.domain.set_back import LogLook
from services.aggregator.metrics import AggregatorMetrics
from services.aggregator.settings import AggregatorKafkaSettings
from shared.adapters.kafka_topics import KafkaAway
from shared.contracts.topics import CRM_EVENTS, KPI_FACTS
from shared.errors import TransientError

IDS = {CRM_EVENTS: "a", KPI_FACTS: "b"}
LAYOUT = LogLayout(8, 8, 0, "", topic_ids=IDS)


class Watched:
    """A watch whose looks find what the test lines up."""

    def __init__(self, *found: Mapping[str, str] | TransientError) -> None:
        self.found = list(found)
        self.ended: list[str] = []
        self.metrics = AggregatorMetrics(CollectorRegistry())
        self.watch = LogWatch(LAYOUT, self._read, self.metrics, self.ended.append)

    def _read(self) -> Mapping[str, str]:
        found = self.found.pop(0)
        if isinstance(found, TransientError):
            raise found
        return found


@pytest.mark.parametrize("topic", [CRM_EVENTS, KPI_FACTS])
async def test_a_topic_of_another_id_ends_the_worker_with_what_to_do(topic: str) -> None:
    watched = Watched(IDS | {topic: "new"})
    assert await watched.watch.look() is LogLook.ANOTHER
    assert "these are not the same log" in watched.ended[0]


@pytest.mark.parametrize(
    ("found", "outcome"),
    [
        (IDS, LogLook.SAME),
        (TopicMissing("gone"), LogLook.MISSING),
        (KafkaAway("away"), LogLook.UNREACHABLE),
    ],
)
async def test_nothing_else_ends_it(found: Mapping[str, str] | TransientError, outcome: LogLook) -> None:
    watched = Watched(found)
    assert (await watched.watch.look(), watched.ended) == (outcome, [])
    labels = {"outcome": outcome.value}
    assert watched.metrics.registry.get_sample_value("aggregator_log_looks_total", labels) == 1


def test_an_embedded_broker_has_no_ids_to_look_at() -> None:
    metrics = AggregatorMetrics(CollectorRegistry())
    assert list(log_watches(AggregatorKafkaSettings(), LogLayout(8, 8, 0, ""), metrics)) == []
