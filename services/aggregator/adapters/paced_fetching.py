"""How aiokafka fetches for us: records as the extension made them, and a breath between two fetches.

The pause lies before a request, not behind its answer: what arrives meanwhile comes along, an event after a silence
does not wait at all, and a worker with a backlog works while the fetcher pauses.
"""

from __future__ import annotations

import asyncio
import time
from functools import partial
from typing import Any

from aiokafka.consumer import consumer, fetcher


class PartitionRecords(fetcher.PartitionRecords):  # type: ignore[misc]
    """Hands out the extension's own records: a ConsumerRecord dataclass each is 15 % of a worker's time."""

    def _consumer_record(self, _: Any, record: Any) -> Any:  # noqa: ANN401 - aiokafka is untyped
        return record


class PacedFetcher(fetcher.Fetcher):  # type: ignore[misc]
    """Asks a broker for more ``linger_seconds`` after its last records: chunks grow, fetches are few."""

    def __init__(self, linger_seconds: float, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - as above
        self._linger_seconds = linger_seconds
        self._not_before: dict[Any, float] = {}
        super().__init__(*args, **kwargs)

    async def _proc_fetch_request(self, assignment: Any, node_id: Any, request: Any) -> bool:  # noqa: ANN401 - as above
        try:
            await asyncio.sleep(max(0.0, self._not_before.get(node_id, 0.0) - time.monotonic()))
        except asyncio.CancelledError:
            return False  # as aiokafka does: closed or unassigned, nobody is interested any more
        found: bool = await super()._proc_fetch_request(assignment, node_id, request)
        if found:
            self._not_before[node_id] = time.monotonic() + self._linger_seconds
        return found


def fetch_paced(linger_seconds: float) -> None:
    """Consumers that start from now on fetch so. aiokafka lets itself be told nowhere else."""
    fetcher.PartitionRecords = PartitionRecords
    consumer.Fetcher = partial(PacedFetcher, linger_seconds)
