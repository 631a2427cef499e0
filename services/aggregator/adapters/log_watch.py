"""Looks every few seconds whether the log is still the one that the state was counted from.

A topic that is deleted and created again under a running worker looks to it like one that goes on: once the new log is
longer than what was counted, its first records would be missed. Its id tells, and only its id.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator, Mapping
from typing import Any

import structlog

from services.aggregator.adapters.log_identity import ForeignLog, LogLayout, TopicIds, TopicMissing, check_ids
from services.aggregator.adapters.process_end import EXIT_FOREIGN_LOG, end_process
from services.aggregator.domain.set_back import LogLook
from services.aggregator.metrics import AggregatorMetrics
from services.aggregator.settings import AggregatorKafkaSettings
from shared.errors import TransientError

EVERY_SECONDS = 2.0
log = structlog.get_logger()


class LogWatch:
    """``read`` blocks and answers the topics' ids; ``ended`` is told why the worker must not go on."""

    def __init__(
        self,
        layout: LogLayout,
        read: Callable[[], Mapping[str, str]],
        metrics: AggregatorMetrics,
        ended: Callable[[str], None],
    ) -> None:
        self._layout = layout
        self._read = read
        self._metrics = metrics
        self._ended = ended
        self._last = LogLook.SAME

    async def run(self) -> None:
        """Looks for ever."""
        while True:
            await asyncio.sleep(EVERY_SECONDS)
            await self.look()

    async def look(self) -> LogLook:
        """One look."""
        found, detail = await self._found()
        self._metrics.log_looks.labels(outcome=found).inc()
        if found is not self._last:
            said = log.info if found is LogLook.SAME else log.warning
            said("log_looked_at", outcome=found.value, detail=detail)
        self._last = found
        if found is LogLook.ANOTHER:
            self._ended(detail)
        return found

    async def _found(self) -> tuple[LogLook, str]:
        try:
            check_ids(self._layout, await asyncio.to_thread(self._read))
        except ForeignLog as error:
            return LogLook.ANOTHER, str(error)
        except TopicMissing as error:
            return LogLook.MISSING, str(error)
        except TransientError as error:
            return LogLook.UNREACHABLE, str(error)
        return LogLook.SAME, ""


def log_watches(
    settings: AggregatorKafkaSettings, layout: LogLayout, metrics: AggregatorMetrics
) -> Iterator[Coroutine[Any, Any, None]]:
    """None for the embedded broker: its topics have no ids, and each of its starts has a name."""
    if layout.topic_ids:
        read = TopicIds(settings.bootstrap_servers).read
        yield LogWatch(layout, read, metrics, lambda reason: end_process(reason, EXIT_FOREIGN_LOG)).run()
