"""What the aggregator's pure Python costs an event, step by step, without I/O.

    python -m tests.benchmarks.aggregator_core [events] [chunk]

Single-event ``call.logged`` records of 500 reps: nine events in ten of a sales floor. ``ledger`` and ``scoreboard``
are the use cases on stores that answer from memory, so that what is left is ours.
"""

from __future__ import annotations

import asyncio
import gc
import random
import sys
import time
from collections.abc import Callable, Mapping, Sequence

from services.aggregator.domain.stored import (
    LedgerCommit,
    LedgerHeld,
    RecordsSlice,
    Refold,
    RepRef,
    ScoreboardCommit,
    ScoreboardHeld,
    ScoreboardWanted,
)
from services.aggregator.ledger import Ledger
from services.aggregator.poison import PoisonKeeper
from services.aggregator.ports import Chunk, Fenced
from services.aggregator.scoreboard import Scoreboard
from shared.contracts.keys import FIRST_STATE
from shared.contracts.messages import decode_batch, decode_change, encode_batch, encode_entry
from shared.contracts.records import pack_single
from shared.contracts.topics import CRM_EVENTS, KPI_FACTS
from shared.domain.cells import CellQuery
from shared.domain.changes import RecordChange
from shared.domain.derivation import only_fact
from shared.domain.facts import PageEntry
from shared.domain.restatements import CountedCells, RepMarks, Restatement
from tests.support.aggregator_fakes import (
    CollectingPublisher,
    FixedCatalogue,
    InMemoryTallies,
    ListQuarantine,
    ListUpdates,
)
from tests.support.aggregator_tenant import counting_tenant
from tests.support.changes import T0, change, on_the_log

REPS = [f"rep-{n}" for n in range(500)]
PARTITIONS = 8
WORKDAY_US = 8 * 3600 * 1_000_000


class EmptyLedgerStore:
    """Knows no record and takes everything; it is always where the next chunk begins."""

    next_offset = 0

    async def read(self, _: int, keys: Sequence[str]) -> LedgerHeld:
        return LedgerHeld(self.next_offset, [None] * len(keys))

    async def commit(self, _: int, __: LedgerCommit) -> Fenced:
        return Fenced.APPLIED

    async def succession(self, _: int) -> tuple[int, bytes | None]:
        return 0, None

    async def succeed(self, _: int, __: bytes, ___: bytes) -> bool:
        return True

    async def scan(self, _: int, __: int, ___: int) -> RecordsSlice:
        return RecordsSlice(0, 0, 0, ())


class EmptyRestatementStore:
    """Has no marks."""

    async def marked(self, _: int, __: int) -> tuple[int, Sequence[RepRef]]:
        return 0, ()

    async def marks(self, _: int, __: RepRef) -> RepMarks | None:
        return None

    async def current(self, _: int, __: RepRef, ___: CellQuery, ____: int) -> CountedCells | None:
        return None

    async def terms(self, _: int, __: str) -> bytes | None:
        return None

    async def tell(self, _: int, __: RepRef, ___: int, ____: Sequence[Restatement]) -> bool:
        return False


class EmptyScoreboardStore:
    """Holds nothing and takes everything."""

    restatements = EmptyRestatementStore()

    state = FIRST_STATE

    async def read(self, _: int, wanted: ScoreboardWanted) -> ScoreboardHeld:
        pages = {ref: [None] * len(ids) for ref, ids in wanted.pages.items()}
        return ScoreboardHeld(pages, {ref: [None] * len(names) for ref, names in wanted.cells.items()})

    async def commit(self, _: int, __: ScoreboardCommit) -> Fenced:
        return Fenced.APPLIED

    async def footings(self, _: int) -> tuple[int, dict[RepRef, str]]:
        return 0, {}

    async def pages(self, _: int, __: RepRef) -> tuple[int, list[str]]:
        return 0, []

    async def entries(self, _: int, __: RepRef, pages: Sequence[str]) -> Sequence[dict[str, PageEntry]]:
        return [{} for _ in pages]

    async def refold(self, _: int, __: Refold) -> bool:
        return True


class LastPublisher(CollectingPublisher):
    """Keeps one run's messages, however often the run is repeated."""

    async def publish(self, batches: Mapping[int, Sequence[bytes]]) -> None:
        for partition, some in batches.items():
            log = self.logs[partition]
            log.extend(some)
            del log[: -self.kept]

    kept = 0


def calls(count: int) -> list[RecordChange]:
    """Distinct calls over a working day."""
    chance = random.Random(7)
    return [
        change(
            record=f"call-{n}",
            at=T0 + chance.randrange(WORKDAY_US),
            event=f"evt-{n:09d}",
            owner=chance.choice(REPS),
            fields={
                "direction": chance.choice(("outbound", "outbound", "inbound")),
                "duration_seconds": str(chance.randrange(600)),
                "account": f"a-{chance.randrange(2000)}",
                "outcome": chance.choice(("connected", "voicemail", "no_answer")),
            },
        )
        for n in range(count)
    ]


def _keeper(topic: str) -> PoisonKeeper:
    return PoisonKeeper(topic, ListQuarantine(), InMemoryTallies())


def main(events: int = 40_000, chunk: int = 1_000) -> None:
    """Prints microseconds an event for each step and for both use cases."""
    changes = calls(events)
    log = on_the_log(changes)
    catalogue = FixedCatalogue(counting_tenant(REPS))
    publisher = LastPublisher(PARTITIONS)
    publisher.kept = -(-events // chunk)
    records = EmptyLedgerStore()
    ledger = Ledger(records, publisher, poison=_keeper(CRM_EVENTS), catalogue=catalogue)
    scoreboard = Scoreboard(EmptyScoreboardStore(), ListUpdates(), poison=_keeper(KPI_FACTS), catalogue=catalogue)
    gc.freeze()
    report = _Report(events)
    print(f"{events:,} events in chunks of {chunk:,}, {len(log[0])} bytes each")
    report.step("  decode event", lambda: [decode_change(value) for value in log])
    report.step("  derive fact", lambda: [only_fact(one) for one in changes])
    report.step("  pack record", lambda: [pack_single(one) for one in changes])
    ledger_us = report.step("ledger", lambda: asyncio.run(_ledger(ledger, records, log, chunk)))
    batches = [value for log in publisher.logs.values() for value in log]
    decoded = [decode_batch(value) for value in batches]
    report.step("  encode facts", lambda: [encode_batch(batch) for batch in decoded])
    report.step("  decode facts", lambda: [decode_batch(value) for value in batches])
    report.step("  pack page entry", lambda: [encode_entry(c.entry) for batch in decoded for c in batch.changes])
    scoreboard_us = report.step("scoreboard", lambda: asyncio.run(_scoreboard(scoreboard, publisher.logs, PARTITIONS)))
    print(f"{'both stages':<20}{ledger_us + scoreboard_us:6.2f} us an event")


async def _ledger(ledger: Ledger, records: EmptyLedgerStore, log: list[bytes], chunk: int) -> None:
    for start in range(0, len(log), chunk):
        records.next_offset = start
        await ledger.handle(Chunk(0, start, log[start : start + chunk]))


async def _scoreboard(scoreboard: Scoreboard, logs: dict[int, list[bytes]], size: int) -> None:
    """Each message holds an eighth of a ledger chunk: so many together are a chunk's worth of events."""
    for partition, log in logs.items():
        for start in range(0, len(log), size):
            await scoreboard.handle(Chunk(partition, start, log[start : start + size]))


class _Report:
    def __init__(self, events: int) -> None:
        self._events = events

    def step(self, name: str, work: Callable[[], object]) -> float:
        """Runs a step three times and prints its best cost an event: what else runs here only ever adds."""
        cost_us = min(self._time(work) for _ in range(3)) / self._events * 1e6
        print(f"{name:<20}{cost_us:6.2f}")
        return cost_us

    @staticmethod
    def _time(work: Callable[[], object]) -> float:
        gc.collect()
        started = time.process_time()
        work()
        return time.process_time() - started


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:]))
