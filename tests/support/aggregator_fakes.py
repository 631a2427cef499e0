"""What the aggregator publishes to and is configured by, in memory."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence

from services.aggregator.domain.stored import (
    RepRef,
)
from services.aggregator.ports import Poison
from shared.contracts.keys import FIRST_STATE
from shared.domain.instants import Micros
from shared.domain.tenant import Tenant


class CollectingPublisher:
    """kpi.facts in memory: batches by partition. Keeps what a crash leaves behind, too."""

    def __init__(self, partitions: int = 3, state: str = FIRST_STATE) -> None:
        self.partitions = partitions
        self.state = state
        self.logs: dict[int, list[bytes]] = defaultdict(list)
        self.delays = False
        self._delayed: list[tuple[int, bytes]] = []

    async def publish(self, batches: Mapping[int, Sequence[bytes]]) -> None:
        """See the port."""
        if self.delays:
            self._delayed += [(partition, batch) for partition, some in batches.items() for batch in some]
            return
        for partition, some in batches.items():
            self.logs[partition].extend(some)

    def arrive(self) -> None:
        """What was published while ``delays`` was set reaches the log only now."""
        for partition, batch in self._delayed:
            self.logs[partition].append(batch)
        self._delayed.clear()


class ListQuarantine:
    """Keeps poison in a list."""

    def __init__(self) -> None:
        self.kept: list[Poison] = []

    async def poisoned(self, topic: str, partition: int, poison: Sequence[Poison]) -> None:  # noqa: ARG002 - the port's
        """See the port."""
        self.kept.extend(poison)


class InMemoryTallies:
    """Tallies of poison by topic."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}

    async def read(self, topic: str) -> bytes | None:
        """See the port."""
        return self.kept.get(topic)

    async def replace(self, topic: str, known: bytes, packed: bytes) -> bool:
        """See the port."""
        if self.kept.get(topic, b"") != known:
            return False
        self.kept[topic] = packed
        return True


class FixedCatalogue:
    """Tenants that change when the test says so."""

    def __init__(self, *tenants: Tenant) -> None:
        self.generation = 1
        self.accepted_at = 0
        self.tenants = {tenant.id: tenant for tenant in tenants}

    def edit(self, *tenants: Tenant, at: Micros = 0) -> None:
        """Puts another configuration in force."""
        self.accepted_at = at
        self.tenants = {tenant.id: tenant for tenant in tenants}
        self.generation += 1


class ListUpdates:
    """Who changed, in the order of commits."""

    def __init__(self) -> None:
        self.told: list[RepRef] = []
        self.heartbeats: list[Micros] = []

    def changed(self, partition: int, reps: Collection[RepRef], received_at: Micros) -> None:  # noqa: ARG002 - the port's
        """See the port."""
        self.told.extend(reps)

    def heartbeat(self, sent_at: Micros) -> None:
        """See the port."""
        self.heartbeats.append(sent_at)
