"""The second pass: changes go into crm.events as a webhook's do, with the same keys, partitioner and confirmation."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from threading import Event

from confluent_kafka import KafkaError, KafkaException, Message, Producer
from msgspec.structs import replace

from services.ingest.adapters.event_log import end_if_fatal, producer_config
from shared.adapters.system_clock import SystemClock
from shared.contracts.messages import encode_change
from shared.contracts.topics import CRM_EVENTS
from shared.domain.changes import RecordChange
from shared.errors import TransientError

BULK = {"linger.ms": 20, "message.timeout.ms": 60_000, "queue.buffering.max.kbytes": 65_536}
"""Large batches; a broker that starts anew is waited for; 64 MB at most wait in memory."""
WAIT_SECONDS = 0.1
ENDING_SECONDS = 5.0


class ImportIncomplete(TransientError):
    """Not everything was stored. What is, is; importing all of it again changes none of that."""

    reason = "import_incomplete"


class HistoryWriter:
    """Sends changes and knows what the broker has. ``run`` blocks; ``stop`` may be set by another thread.

    ``ends``: by partition the offset after the last of ours. ``counted`` is called after each ``round_bytes``, when the
    broker has them, and returns when they need not be kept any more: an embedded broker forgets what is too much.
    """

    def __init__(
        self, bootstrap_servers: str, *, round_bytes: int | None, counted: Callable[[Mapping[int, int]], object]
    ) -> None:
        config = producer_config(bootstrap_servers) | BULK | {"error_cb": end_if_fatal, "statistics.interval.ms": 0}
        self._producer = Producer(config, logger=logging.getLogger("librdkafka"))
        self._error: KafkaError | None = None
        self._round_bytes = round_bytes
        self._counted = counted
        self._clock = SystemClock()
        self.stored = 0
        self.ends: dict[int, int] = {}
        self.stop = Event()

    def run(self, changes: Iterable[RecordChange]) -> None:
        """Returns when the broker has every change on all replicas, or after a stop. Raises: ImportIncomplete."""
        written = 0
        try:
            for change in changes:
                written += self._send(change)
                if self._is_ending():
                    break
                if self._round_bytes is not None and written >= self._round_bytes:
                    self._flush()
                    self._counted(self.ends)
                    written = 0
            self._flush()
        except KafkaException as error:
            raise ImportIncomplete(f"Kafka does not take them: {error.args[0]}") from error
        if self._error is not None:
            raise ImportIncomplete(f"Kafka did not take them: {self._error.name()}")

    def _is_ending(self) -> bool:
        return self.stop.is_set() or self._error is not None

    def _send(self, change: RecordChange) -> int:
        """Stamps it with the time of its receipt, which is now; the bytes that were handed over."""
        value = encode_change(replace(change, received_at=self._clock.now()))
        while not self._is_ending():
            try:
                self._producer.produce(CRM_EVENTS, value, change.key, on_delivery=self._confirmed)
            except BufferError:
                self._producer.poll(WAIT_SECONDS)
            else:
                self._producer.poll(0)
                break
        return len(value)

    def _flush(self) -> None:
        """Waits for the broker's word on all; when it is of no use any more, only for what is on its way."""
        while not self._is_ending():
            if not self._producer.flush(WAIT_SECONDS):
                return
        self._producer.purge(in_flight=False)
        self._producer.flush(ENDING_SECONDS)

    def _confirmed(self, error: KafkaError | None, message: Message) -> None:
        if error is None:
            self.stored += 1
            partition, offset = message.partition() or 0, message.offset() or 0
            self.ends[partition] = max(self.ends.get(partition, 0), offset + 1)
        elif error.code() != KafkaError._PURGE_QUEUE:  # noqa: SLF001 - that is what librdkafka calls it
            self._error = self._error or error
