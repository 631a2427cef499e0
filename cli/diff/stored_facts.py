"""Reads a deployment's facts for a comparison: pages as they are, and records where an edit moves facts."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence

from msgspec import Struct
from redis.asyncio import Redis

from cli.diff.folded import Folding, Pair
from cli.diff.moved_facts import MovedFacts, Place, Shift
from services.aggregator.adapters.redis_ledger_store import RedisLedgerStore
from services.aggregator.adapters.redis_scoreboard_store import RedisScoreboardStore
from services.aggregator.domain.attribution import AttributionRule
from services.aggregator.domain.succession import Succession, decode_succession
from services.aggregator.ports import LedgerStore, ScoreboardStore
from shared.adapters.live_state import LiveState, StateLayout
from shared.contracts.keys import scoreboard_partition
from shared.domain.facts import STATE_PAGE, Fact
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

    def __init__(self, ledger: LedgerStore, scoreboard: ScoreboardStore, stored: Stored) -> None:
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
        return cls(ledger, scoreboard, Stored(layout, [decode_succession(each) for each in packed if each]))

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
        old = dict(_placed(stored, moved, moved.old))
        new = {place: fact for place, fact in _placed(stored, moved, moved.new) if _is_kept(place, kept_from)}
        return folding.pair(rep, old.values(), new.values(), same_facts=shift is None and len(old) == len(new))

    async def _facts(self, tenant: str, rep: str) -> dict[Place, Fact]:
        partition = scoreboard_partition(tenant, rep, self._layout.facts)
        _, pages = await self._scoreboard.pages(partition, (tenant, rep))
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


def _is_kept(place: Place, kept_from: str) -> bool:
    return place[0] == STATE_PAGE or place[0] >= kept_from
