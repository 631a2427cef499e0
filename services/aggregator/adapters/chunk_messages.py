"""How a chunk travels through Faust: as one message, with no codec and no record of ours in its way."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import faust
from faust.types import ConsumerMessage


class ChunkMessage(ConsumerMessage):
    """Consecutive records of one partition; ``offset`` is the position before them, ``value`` the list of records.

    ``epoch`` is the partition's when it was fetched: once the consumer has raised it, the chunk is void.
    """

    next_offset: int = 0
    epoch: int = 0

    @property
    def records(self) -> Sequence[Any]:
        """Aiokafka's own records, in the order of their offsets."""
        records: Sequence[Any] = self.value  # type: ignore[assignment] # Faust knows bytes only
        return records

    @property
    def skipped(self) -> int:
        """How many offsets from ``offset`` on hold no record."""
        return self.next_offset - self.offset - len(self.records)


class ChunkSchema(faust.Schema[Any, Any]):
    """Passes a chunk on as it is."""

    def compile(self, app: Any, **_: Any) -> Callable[..., Awaitable[Any]]:  # noqa: ANN401 - Faust's own border
        """Faust calls the result once a message, here once a chunk."""

        async def decode(message: Any, *, propagate: bool = False) -> Any:  # noqa: ANN401, ARG001 - as above
            return app.create_event(None, message.value, None, message)

        return decode


def _uncounted(*_: Any, **__: Any) -> None:  # noqa: ANN401 - four signatures of Faust's
    """Nothing a chunk."""


class QuietMonitor(faust.Monitor):
    """Our own metrics count records; Faust's bookkeeping of messages costs more than it tells."""

    on_message_in = on_message_out = on_stream_event_in = on_stream_event_out = _uncounted
