"""Reads a deployment's facts for a comparison: pages as they are, and records where an edit moves facts."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence

from msgspec import Struct
from redis.asyncio import Redis

from cli.diff.folded import Folding, Held, Pair
from cli.diff.moved_facts import MovedFacts, Place, Shift
from services.aggregator.adapters.redis_ledger_store import RedisLedgerStore
from services.aggregator.adapters.redis_scoreboard_store import RedisScoreboardStore
from services.aggregator.domain.ageing import day_after
from services.aggregator.domain.attribution import AttributionRule
from services.aggregator.domain.succession import Succession, decode_succession
from services.aggregator.ports import LedgerStore, ScoreboardStore
from shared.adapters.live_state import LiveState, StateLayout
from shared.adapters.scoreboard_reader import ScoreboardReader
from shared.contracts.keys import scoreboard_partition
from shared.domain.cells import CellQuery
from shared.domain.facts import STATE_PAGE, Fact
from shared.domain.instants import Micros, parse
from shared.domain.tenant import Tenant
from shared.errors import ConfigurationError

RECORDS_AT_ONCE = 500
PAGES_AT_ONCE = 32
NO_SHIFT = Shift()


class NothingStored(ConfigurationError):
    """No aggregator ever counted into this Redis."""

    reason = "nothing_stored"


class Stored(Struct, frozen=True):
    """A tenant's successions, one a ledger partition that has one."""

    layout: StateLayout
    successions: Sequence[Succession]

    def rules(self, tenant: str) -> list[AttributionRule]:
        """Every rule that some page of the tenant may be attributed by."""
        found: list[AttributionRule] = []
        for succession in self.successions:
            elders = [] if succession.is_through else succession.elders
            for rules in (succession.rules, *elders):
                rule = rules.get(tenant)
                if rule is not None and rule not in found:
                    found.append(rule)
        return found


class StoredFacts:
    """The live state of a deployment."""

    def __init__(
        self,
        ledger: LedgerStore,
        scoreboard: ScoreboardStore,
        stored: Stored,
        retained_from: Callable[[str, str], Awaitable[Micros]],
    ) -> None:
        """``retained_from`` answers of (tenant, rep) from when on her facts are retained."""
        self._retained_from = retained_from
        self.first_page: str | None = None
        """The earliest day with a page of the reps asked for so far."""
        self._stored = stored
        self._layout = stored.layout
        self._ledger = ledger
        self._scoreboard = scoreboard

    @classmethod
    async def open(cls, redis: Redis) -> StoredFacts:
        """Raises: NothingStored, TransientError, RedisError."""
        layout = await LiveState(redis).layout()
        if not layout.facts:
            raise NothingStored("nothing has been counted into this Redis yet: there are no numbers to move")
        ledger = RedisLedgerStore(redis, log_epoch=layout.epoch, state=layout.name)
        packed = [(await ledger.succession(partition))[1] for partition in range(layout.events)]
        scoreboard = RedisScoreboardStore(redis, log_epoch=layout.epoch, state=layout.name)
        reader = ScoreboardReader(redis)

        async def retained_from(tenant: str, rep: str) -> Micros:
            return (await reader.read(tenant, {rep: CellQuery()}))[rep].retained_from

        stored = Stored(layout, [decode_succession(each) for each in packed if each])
        return cls(ledger, scoreboard, stored, retained_from)

    async def moved(self, old: Tenant, new: Tenant, tell: Callable[[int, int], object]) -> MovedFacts:
        """What the change of owners and credit moves; no record is read where neither changes.

        ``tell``: records looked at, and how many there are in the partitions begun. Raises: TransientError.
        """
        rules = AttributionRule.of(old), AttributionRule.of(new)
        stored = self._stored.rules(old.id)
        moved = MovedFacts(old.id, stored, old=rules[0], new=rules[1])
        if rules[0] == rules[1] and all(rule == rules[1] for rule in stored):
            return moved
        seen = 0
        for partition in range(self._layout.events):
            async for text, packed, total in self._records(partition):
                seen += 1
                tell(seen, max(seen, total * self._layout.events))
                if text.startswith(f"{old.id}/"):
                    moved.take(text, packed)
        return moved

    async def _records(self, partition: int) -> AsyncIterator[tuple[str, bytes, int]]:
        cursor, begun = 0, False
        while cursor or not begun:
            begun = True
            found = await self._ledger.scan(partition, cursor, RECORDS_AT_ONCE)
            cursor = found.cursor
            for text, packed in found.records:
                yield text, packed, found.total

    async def pair(self, folding: Folding, tenant: str, rep: str, shift: Shift | None, kept_from: str) -> Pair:
        """A rep's cells under both configurations; under the new one nothing is kept of days before ``kept_from``.

        Raises: TransientError.
        """
        stored = await self._facts(tenant, rep)
        moved = NO_SHIFT if shift is None else shift
        old, new = dict(_placed(stored, moved, moved.old)), dict(_placed(stored, moved, moved.new))
        retained = await self._retained_from(tenant, rep)
        gone = [page for page, _ in new if page != STATE_PAGE and page < kept_from]
        kept = [fact for (page, _), fact in new.items() if page == STATE_PAGE or page >= kept_from]
        then = max(retained, parse(f"{day_after(max(gone))}T00:00:00Z")) if gone else retained
        same = shift is None and not gone
        return folding.pair(rep, Held(old.values(), retained), Held(kept, then), same_facts=same)

    async def _facts(self, tenant: str, rep: str) -> dict[Place, Fact]:
        partition = scoreboard_partition(tenant, rep, self._layout.facts)
        _, pages = await self._scoreboard.pages(partition, (tenant, rep))
        days = [page for page in pages if page != STATE_PAGE]
        self.first_page = min([*days, *([self.first_page] if self.first_page else [])], default=None)
        facts: dict[Place, Fact] = {}
        for start in range(0, len(pages), PAGES_AT_ONCE):
            names = pages[start : start + PAGES_AT_ONCE]
            for page, entries in zip(
                names, await self._scoreboard.entries(partition, (tenant, rep), names), strict=True
            ):
                for fact_id, entry in entries.items():
                    if (fact := entry.fact) is not None:
                        facts[page, fact_id] = fact
        return facts


def _placed(stored: Mapping[Place, Fact], shift: Shift, added: Mapping[Place, Fact]) -> Iterator[tuple[Place, Fact]]:
    yield from ((place, fact) for place, fact in stored.items() if place not in shift.masked)
    yield from added.items()
