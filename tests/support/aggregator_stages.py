"""Both stages of the aggregator on fakes, chunk by chunk as the test wants it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from services.aggregator.domain.ageing import SweptKind
from services.aggregator.domain.counting import compile_plan
from services.aggregator.domain.pages import fold
from services.aggregator.domain.poison import PoisonLimit
from services.aggregator.ledger import Ledger
from services.aggregator.poison import PoisonKeeper
from services.aggregator.ports import Chunk, Handled
from services.aggregator.scoreboard import Scoreboard
from services.aggregator.sweep_rounds import SweepRounds
from shared.contracts.topics import CRM_EVENTS, KPI_FACTS
from shared.domain.accumulators import Accumulator
from shared.domain.changes import RecordChange
from shared.domain.facts import Fact
from shared.domain.instants import DAY_US, Micros
from shared.domain.restatements import Restatement
from shared.domain.tenant import Tenant
from shared.errors import TransientError
from tests.support.aggregator_fakes import (
    CollectingPublisher,
    FixedCatalogue,
    InMemoryTallies,
    ListQuarantine,
    ListUpdates,
)
from tests.support.aggregator_stores import InMemoryLedgerStore, InMemoryScoreboardStore, InMemorySweepLog
from tests.support.changes import on_the_log
from tests.support.manual_clock import ManualClock


class InMemoryFloor:
    """Both stages on fakes: changes in by ``take``, facts and cells out of ``scoreboard_store``."""

    def __init__(self, tenant: Tenant, partitions: int = 3, *, clock: ManualClock | None = None) -> None:
        """``clock``: of the daily sweeps; without one there are none."""
        self.clock = clock
        self.sweeps = (InMemorySweepLog(), InMemorySweepLog())
        self.tenant = tenant
        self.ledger_store = InMemoryLedgerStore()
        self.scoreboard_store = InMemoryScoreboardStore()
        self.publisher = CollectingPublisher(partitions)
        self.quarantine = ListQuarantine()
        self.tallies = InMemoryTallies()
        self.updates = ListUpdates()
        self.catalogue = FixedCatalogue(tenant)
        self.log: list[bytes] = []
        self.restart()

    def restart(self) -> None:
        """A new process on the same stores."""
        rounds = [None if self.clock is None else SweepRounds(sweeps, self.clock) for sweeps in self.sweeps]
        self.ledger = Ledger(
            self.ledger_store,
            self.publisher,
            poison=self.keeper(CRM_EVENTS),
            catalogue=self.catalogue,
            rounds=rounds[0],
        )
        self.scoreboard = Scoreboard(
            self.scoreboard_store,
            self.updates,
            poison=self.keeper(KPI_FACTS),
            catalogue=self.catalogue,
            rounds=rounds[1],
        )

    def keeper(self, topic: str, limit: PoisonLimit | None = None) -> PoisonKeeper:
        """One for a topic on the floor's quarantine and tallies."""
        return PoisonKeeper(topic, self.quarantine, self.tallies, limit)

    async def restate(self) -> None:
        """Has whatever changed in closed periods told, by a worker who finds it in the store."""
        for partition in range(self.publisher.partitions):
            self.scoreboard.void(partition)
            while (await self.scoreboard.settle(partition)).remaining:
                continue

    def told(self) -> list[Restatement]:
        """Every restatement, in the order of telling."""
        return list(self.scoreboard_store.restatements.told)

    def edit(self, tenant: Tenant, at: Micros = 0) -> None:
        """Puts another configuration in force; numbers follow by ``settle``."""
        self.tenant = tenant
        self.catalogue.edit(tenant, at=at)

    async def settle(self) -> None:
        """Until everything is as configured."""
        while (await self.ledger.settle(0)).remaining:
            await self.score()
        await self.score()
        for partition in range(self.publisher.partitions):
            while (await self.scoreboard.settle(partition)).remaining:
                continue

    async def sweep(self, at: Micros) -> Counter[SweptKind]:
        """What the sweeps of that instant and of the day before do; the first time ever the latter only looks."""
        assert self.clock is not None
        counts: Counter[SweptKind] = Counter()
        for instant in (at - DAY_US, at):
            self.clock.set(instant)
            for handler, partitions in ((self.ledger, 1), (self.scoreboard, self.publisher.partitions)):
                for partition in range(partitions):
                    while (swept := await handler.sweep(partition)).is_more:
                        counts.update(swept.counts)
                    counts.update(swept.counts)
        return +counts

    async def take(self, changes: Iterable[RecordChange], sizes: Sequence[int] = ()) -> list[Handled]:
        """Appends to the log and works it off in chunks of the given sizes, the last one as often as needed."""
        self.log += on_the_log(list(changes))
        handled = []
        remaining = list(sizes)
        while (start := self.ledger_store.fence.offsets[0]) < len(self.log):
            size = remaining.pop(0) if remaining else len(self.log) - start
            handled.append(await self.try_chunk(start, size))
            await self.score()
        return handled

    async def try_chunk(self, start: int, size: int) -> Handled:
        """One chunk of the ledger."""
        return await self.ledger.handle(Chunk(0, start, self.log[start : start + size]))

    async def crash_in_chunk(self, start: int, size: int) -> None:
        """Publishes a chunk's facts and dies before the commit."""
        self.ledger_store.lost_commits = 1
        try:
            await self.try_chunk(start, size)
        except TransientError:
            return
        raise AssertionError("the commit was to be lost")

    async def score(self, size: int = 1000) -> None:
        """Works off what was published, in chunks."""
        for partition, log in sorted(self.publisher.logs.items()):
            while (start := self.scoreboard_store.fence.offsets[partition]) < len(log):
                await self.scoreboard.handle(Chunk(partition, start, log[start : start + size]))

    def folded(
        self,
    ) -> tuple[dict[tuple[str, str], dict[str, Accumulator]], dict[tuple[str, str, str], dict[str, int]]]:
        """What cells and distinct values have to be, folded from the pages."""
        plan = compile_plan(self.tenant)
        by_rep: dict[str, list[Fact]] = defaultdict(list)
        for (subject, _, _), fact in self.scoreboard_store.facts(self.tenant.id).items():
            by_rep[subject].append(fact)
        cells: dict[tuple[str, str], dict[str, Accumulator]] = {}
        values: dict[tuple[str, str, str], dict[str, int]] = {}
        for rep in self.tenant.organisation.reps.values():
            folded = fold(plan, rep.zone, by_rep[rep.id])
            cells.update({(rep.id, name): cell for name, cell in folded.cells.items() if cell})
            values.update({(rep.id, *ref): found for ref, found in folded.values.items()})
        return cells, values
