"""Listens to kpi.updates for who changed. What it misses costs seconds, not alerts: the sweep judges everybody.

So there is no group and nothing is committed (ADR: alerts judge state, not messages): every process reads every
partition from its end, and only the one that holds a tenant's lease acts on what it hears.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog
from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError
from msgspec import MsgspecError

from services.alerts.metrics import AlertsMetrics
from shared.adapters.kafka_positions import positions_known
from shared.contracts.messages import RepUpdated, decode_update
from shared.contracts.topics import KPI_UPDATES
from shared.settings import KafkaSettings

PAUSE_SECONDS = 1.0
POLL_MS = 1000
log = structlog.get_logger()


class UpdatesListener:
    """Hands each update to ``heard``; ``connected`` is called when listening begins anew: who knows what was missed."""

    def __init__(
        self,
        settings: KafkaSettings,
        heard: Callable[[RepUpdated], None],
        *,
        connected: Callable[[], None],
        metrics: AlertsMetrics,
    ) -> None:
        self._settings = settings
        self._heard = heard
        self._connected = connected
        self._metrics = metrics
        self._listening = False

    def state(self) -> str:
        """For /readyz. Raises: ConnectionError while Kafka is away."""
        if not self._listening:
            raise ConnectionError("not connected to Kafka yet")
        return "listening"

    async def run(self) -> None:
        """Until it is cancelled; connects again as often as it takes."""
        while True:
            try:
                await self._listen()
            except (KafkaError, OSError) as error:
                self._metrics.dependency_failed("kafka_unavailable")
                log.warning("updates_not_heard", error=repr(error))
            finally:
                self._listening = False
            await asyncio.sleep(PAUSE_SECONDS)

    async def _listen(self) -> None:
        consumer = AIOKafkaConsumer(
            KPI_UPDATES,
            bootstrap_servers=self._settings.bootstrap_servers,
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="latest",
        )
        await consumer.start()
        try:
            await positions_known(consumer, [KPI_UPDATES])
            self._listening = True
            self._connected()
            while True:
                for messages in (await consumer.getmany(timeout_ms=POLL_MS)).values():
                    for message in messages:
                        self._hear(message.value)
        finally:
            await consumer.stop()

    def _hear(self, value: bytes | None) -> None:
        if value is None:  # a tombstone of compaction
            return
        try:
            self._heard(decode_update(value))
        except MsgspecError as error:
            self._metrics.dependency_failed("unreadable_update")
            log.warning("update_unreadable", error=str(error))
