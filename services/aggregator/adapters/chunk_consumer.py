"""Faust's consumer, delivering one message a partition chunk and starting where Redis says.

Faust keeps membership, assignment, flow control and shutdown. Ours are the positions: a chunk is delivered only if
it begins where the one before ended, and fetched records that are dropped are always sought again, since aiokafka
has moved past them (ADR 0003). Everything here runs in the main thread but what ``call_thread`` takes over.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from typing import Any
from weakref import WeakSet

import structlog
from aiokafka.errors import KafkaError
from faust.transport.consumer import ensure_TP
from faust.transport.drivers import aiokafka as driver
from faust.types import TP

from services.aggregator.adapters.chunk_cutting import Holes, consecutive, names, take_turns
from services.aggregator.adapters.chunk_messages import ChunkMessage
from services.aggregator.adapters.holding import Holding
from services.aggregator.adapters.paced_fetching import fetch_paced

FETCH_WAIT_MS = 100
"""How long a broker may hold an empty fetch: a partition that missed it waits so long, "caught up" is so old."""
UNFINISHED_CHUNKS = 4
"""With more than so many in work nothing is taken: what waits in Kafka becomes few large chunks, what waits here stays
many small ones, each with its price. A worker short of processor time so catches up instead of queueing."""
log = structlog.get_logger()


class ChunkConsumerThread(driver.AIOKafkaConsumerThread):
    """The thread that talks to Kafka."""

    app: Any

    def _create_worker_consumer(self, transport: Any) -> Any:  # noqa: ANN401 - Faust's signature
        fetch_paced(self.app.flow.linger_seconds)
        consumer = super()._create_worker_consumer(transport)
        consumer._fetch_max_wait_ms = FETCH_WAIT_MS  # noqa: SLF001 - Faust has 1500 hard-wired
        return consumer


class ChunkConsumer(driver.Consumer):
    """Delivers chunks and owns the positions."""

    app: Any

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - Faust's signature
        self.position_of: dict[TP, int] = {}
        self.applied: dict[TP, int] = {}
        self.epoch: defaultdict[TP, int] = defaultdict(int)
        self.reseek: set[TP] = set()
        self.holding = Holding(self)
        self._holes = Holes()
        self._unfinished: WeakSet[ChunkMessage] = WeakSet()
        self._finished = asyncio.Event()
        super().__init__(*args, **kwargs)

    def _new_consumer_thread(self) -> Any:  # noqa: ANN401 - Faust's signature
        return ChunkConsumerThread(self, loop=self.loop, beacon=self.beacon)

    def stamp(self) -> tuple[int, int, int]:
        """Changes when a rebalance starts and again when it has assigned, and when another state becomes live."""
        return self.app.rebalancing_count, self.app.consumer_generation_id, self.app.flow.turn

    def is_void(self, message: ChunkMessage) -> bool:
        """Nobody may wait for a void chunk: while a rebalance waits for us, all are."""
        return message.epoch != self.epoch[message.tp] or not self.flow_active

    def drop(self, partitions: Iterable[TP], reason: str) -> None:
        """Voids what is on its way from these partitions and has them sought again."""
        dropped = list(partitions)
        log.info("chunks_dropped", reason=reason, partitions=names(dropped))
        for tp in dropped:
            self.epoch[tp] += 1
            self.position_of.pop(tp, None)
            self.reseek.add(tp)
            self.app.flow.voided(tp)

    def start_over(self) -> None:
        """Another state is live: nothing that was fetched or applied says anything about it."""
        known = self.applied.keys() | self.position_of.keys()
        self.applied.clear()
        self.drop(known, "another state is live")

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, ChunkMessage]]:  # noqa: ASYNC109 - Faust's
        """One poll, cut into chunks; partitions take turns, the later stage goes first."""
        self.holding.keep()
        if self.reseek and self.flow_active:
            await self._seek_again()
        await self._few_unfinished()
        before = self.stamp()
        fetched, _ = await self._wait_next_records(timeout)
        if self.should_stop:
            return
        records = {ensure_TP(tp): batch for tp, batch in (fetched or {}).items()}
        for tp, part in [*self._moved_on(records), *take_turns(records, self.app.flow.chunk_records)]:
            if tp not in self.reseek and not self._holes.follows(tp, self.position_of.get(tp), part):
                self.drop([tp], "gap")
            for run in consecutive(part):
                if before != self.stamp() or not self.flow_active:  # the fetch spans a rebalance: common
                    self.drop(records, "rebalance")
                    return
                if tp in self.reseek or self.holding.refuses(tp):
                    break
                yield tp, self._to_chunk(tp, run)

    def _moved_on(self, fetched: Mapping[TP, Any]) -> list[tuple[TP, Sequence[Any]]]:
        """Partitions that aiokafka has moved on in without a record: the log goes on with offsets that hold none."""
        return [
            (tp, ()) for tp, p in self.position_of.items() if tp not in fetched and (self.fetch_position(tp) or 0) > p
        ]

    def _to_chunk(self, tp: TP, run: Sequence[Any]) -> ChunkMessage:
        start, at = self.position_of[tp], run[-1].timestamp / 1000 if run else 0
        following = run[-1].offset + 1 if run else self.fetch_position(tp) or start
        fields: Any = (tp.topic, tp.partition, start, at, 0, None, None, run, None, 0, 0, tp)
        message = ChunkMessage(*fields)
        message.generation_id = self.app.consumer_generation_id
        message.next_offset, message.epoch = following, self.epoch[tp]
        self.position_of[tp] = following
        self._unfinished.add(message)
        return message

    async def _few_unfinished(self) -> None:
        """A chunk that was voided on its way is never finished, only forgotten: hence the recount."""
        while len(self._unfinished) > UNFINISHED_CHUNKS and self.flow_active and not self.should_stop:
            self._finished.clear()
            await self.wait_first(self._finished.wait(), self.suspend_flow.wait(), timeout=0.1)

    def ack(self, message: Any) -> bool:  # noqa: ANN401 - Faust's signature
        """Called when a chunk is applied or void."""
        self._unfinished.discard(message)
        self._finished.set()
        return bool(super().ack(message))

    # Back-pressure is the blocking put of a small queue: a partition that leaves the fetch set comes back late.
    def on_buffer_full(self, tp: TP) -> None:
        """The partition stays in the fetch set."""

    def on_buffer_drop(self, tp: TP) -> None:
        """It never left."""

    # Kafka's committed offsets serve lag tools only: what Redis holds, whatever was acknowledged to Faust.
    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None: ...

    def _new_offset(self, tp: TP) -> int | None:
        self._acked[tp].clear()
        self._acked_index[tp].clear()
        return self.applied.get(tp)

    async def commit(self, topics: Any = None, start_new_transaction: bool = True) -> bool:  # noqa: ANN401, FBT001, FBT002
        """Never while a rebalance or the shutdown waits for it: it hangs as long as Kafka is away."""
        if self.should_stop or not self.flow_active:
            return False
        return bool(await super().commit(topics, start_new_transaction))

    def check_group(self, failed: Any) -> None:  # noqa: ANN401 - a callback of the watchdog
        """Asks aiokafka for group errors, which Faust never does: after one the member would hang for good."""
        kafka: Any = self._kafka()

        def check() -> None:
            try:
                kafka._coordinator.check_errors()  # noqa: SLF001 - there is no public way
            except KafkaError as error:
                failed(repr(error))

        if kafka is not None:
            self._thread.thread_loop.call_soon_threadsafe(check)

    def _kafka(self) -> Any:  # noqa: ANN401 - aiokafka is untyped
        """Aiokafka's consumer, which lives in the thread; None before it has started."""
        return self._thread._consumer  # noqa: SLF001 - Faust's own drivers do the same

    def last_answer(self, tp: TP) -> int | None:
        """When the broker last answered a fetch of this partition, milliseconds; None: not assigned, not yet."""
        answered: int | None = self._of_aiokafka(tp, "timestamp")
        return answered

    def fetch_position(self, tp: TP) -> int | None:
        """Where aiokafka goes on fetching; None: not assigned, not yet."""
        position: int | None = self._of_aiokafka(tp, "position")
        return position

    def _of_aiokafka(self, tp: TP, name: str) -> Any:  # noqa: ANN401 - as above
        try:
            return getattr(self._kafka()._subscription.subscription.assignment.state_value(tp), name)  # noqa: SLF001
        except (AttributeError, KeyError, AssertionError):  # it asserts that there is a position
            return None

    def log_end(self, tp: TP) -> int | None:
        """The offset after the log's last record, as of the last fetch; None: not assigned, not yet."""
        try:
            end: int | None = self.highwater(tp)
        except Exception:  # noqa: BLE001 - assertion, key or state errors: aiokafka has one for each way of being away
            return None
        return end

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """Faust stops the flow and waits for the chunks in work; then nothing of them is known any more."""
        await super().on_partitions_revoked(revoked)
        self._forget()

    async def on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
        """Stops the flow first: Faust does not if we had no partition, and then delivers before it has sought."""
        self.stop_flow()
        self._forget()
        log.info("partitions_assigned", generation=generation_id, partitions=names(assigned))
        await super().on_partitions_assigned(assigned, generation_id)

    def _forget(self) -> None:
        self.position_of.clear()
        self.applied.clear()
        for tp in self.epoch:
            self.epoch[tp] += 1
            self.app.flow.voided(tp)

    def assigned(self) -> set[TP]:
        """The partitions that are ours."""
        return {ensure_TP(tp) for tp in self.assignment()}

    async def seek_to_committed(self) -> Mapping[TP, int]:
        """On every assignment Redis says where to go on. Kafka's committed offset is not even asked for."""
        return await self._seek_to_stored(self.assigned())

    async def _seek_again(self) -> None:
        partitions = {tp for tp in self.reseek & self.assigned() if not self.holding.is_held(tp)}
        self.reseek -= partitions
        try:
            await self._seek_to_stored(partitions)
        except Exception as error:  # noqa: BLE001 - whatever it was, the next round tries again; the watchdog counts the time
            log.warning("seek_failed", error=f"{type(error).__name__}: {error}")
            self.reseek |= partitions

    async def _seek_to_stored(self, partitions: set[TP]) -> Mapping[TP, int]:
        before = self.stamp()
        if not partitions:
            return {}
        wanted = sorted(partitions)
        starts, ends = await self.earliest_offsets(*wanted), await self.highwaters(*wanted)
        stored = await self.app.flow.load_offsets({tp: (starts[tp], ends[tp]) for tp in wanted})
        if before != self.stamp():
            self.reseek |= partitions
            return {}
        await self.seek_wait(stored)  # in the consumer's thread; Consumer.seek is not
        for tp, offset in stored.items():
            self.position_of[tp] = self.applied[tp] = offset
            self.epoch[tp] += 1
            self.reseek.discard(tp)
        return dict(stored)


class ChunkTransport(driver.Transport):
    """Faust's aiokafka transport with our consumer."""

    Consumer = ChunkConsumer
