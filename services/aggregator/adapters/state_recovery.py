"""What a worker does when its state in Redis has gone back: it begins again from what is there, without a restart.

The configuration is written down again, with a generation that was never used for another, and every partition is
dropped and sought at its stored position; its caches go, the log is replayed from there. A layout that went back too
ends the worker (see state_following), which takes all of it up anew.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import structlog
from faust.types import TP

from services.aggregator.adapters.chunk_consumer import ChunkConsumer
from services.aggregator.adapters.chunk_cutting import names
from services.aggregator.adapters.configured_catalogue import ConfiguredCatalogue
from services.aggregator.domain.set_back import Notice
from services.aggregator.metrics import AggregatorMetrics

log = structlog.get_logger()


class StateRecovery:
    """Of one worker."""

    def __init__(self, consumer: ChunkConsumer, catalogue: ConfiguredCatalogue, metrics: AggregatorMetrics) -> None:
        self._consumer = consumer
        self._catalogue = catalogue
        self._metrics = metrics

    async def begin_again(self, notices: Mapping[TP, Notice]) -> None:
        """Drops every partition, also those that were not noticed. Raises: TransientError; nothing is done then."""
        reasons = Counter(notices.values())
        log.warning("state_went_back", partitions=names(notices), **{str(why): count for why, count in reasons.items()})
        await self._catalogue.accept_again()
        for why, count in reasons.items():
            self._metrics.set_backs.labels(reason=why).inc(count)
        worst = Notice.WENT_BACK if Notice.WENT_BACK in reasons else Notice.ANOTHER_SERVER
        self._consumer.drop(list(self._consumer.applied), worst)
