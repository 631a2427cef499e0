"""How a chunk travels through Faust: as one message, with no codec and no record of ours in its way."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import faust
from faust.types import ConsumerMessage


class ChunkMessage(ConsumerMessage):
    """Consecutive records of one partition; ``offset`` is the first one's, ``value`` the list of records.

    ``epoch`` is the partition's when it was fetched: once the consumer has raised it, the chunk is void.
    """

    next_offset: int = 0
    epoch: int = 0

    @property
    def records(self) -> Sequence[Any]:
        """Aiokafka's own records, in the order of their offsets."""
        records: Sequence[Any] = self.value
        return records


class ChunkSchema(faust.Schema):
    """Passes a chunk on as it is."""

    def compile(self, app: Any, **_: Any) -> Callable[..., Awaitable[Any]]:  # noqa: ANN401 - Faust's own border
        """Faust calls the result once a message, here once a chunk."""

        async def decode(message: Any, *, propagate: bool = False) -> Any:  # noqa: ANN401, ARG001 - as above
            return app.create_event(None, message.value, None, message)

        return decode


class QuietMonitor(faust.Monitor):
    """Counts nothing a chunk: our own metrics count records, and Faust's bookkeeping costs more than it tells."""

    def on_message_in(self, *_: Any, **__: Any) -> None:
        """Not counted."""

    def on_message_out(self, *_: Any, **__: Any) -> None:
        """Not counted."""

    def on_stream_event_in(self, *_: Any, **__: Any) -> None:
        """Not counted."""

    def on_stream_event_out(self, *_: Any, **__: Any) -> None:
        """Not counted."""
