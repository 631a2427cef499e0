"""A rep's cells under each configuration: the same fold of the same facts as the scoreboard's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal

from msgspec import Struct

from services.aggregator.domain.counting import Plan, compile_plan
from services.aggregator.domain.footing import digest_of
from services.aggregator.domain.pages import fold
from shared.domain.cells import STATE_CELL, SubjectCells
from shared.domain.facts import Fact
from shared.domain.instants import Micros
from shared.domain.kpis import RANKED
from shared.domain.tenant import Tenant

DAY_PREFIX = "d"
EMPTY = SubjectCells()


class Held(Struct, frozen=True):
    """A rep's facts, and from when on they are retained."""

    facts: Iterable[Fact]
    retained_from: Micros = 0


class Pair(Struct, frozen=True):
    """A rep's cells under the old and the new configuration; the same object where nothing could move."""

    old: SubjectCells = EMPTY
    new: SubjectCells = EMPTY

    @property
    def days(self) -> frozenset[date]:
        """Every day with something that counts."""
        return frozenset(map(_day, {*_days(self.old), *_days(self.new)}))

    @property
    def first_day(self) -> date | None:
        """The earliest day with something that counts."""
        return min(self.days, default=None)

    @property
    def touched(self) -> frozenset[date]:
        """Days whose cells differ."""
        if self.old is self.new:
            return frozenset()
        names = {*_days(self.old), *_days(self.new)}
        return frozenset(_day(name) for name in names if _content(self.old, name) != _content(self.new, name))

    @property
    def state_differs(self) -> bool:
        """Whether what holds now differs."""
        return _content(self.old, STATE_CELL) != _content(self.new, STATE_CELL)


class Folding:
    """Folds reps of one tenant under two configurations of it."""

    def __init__(self, old: Tenant, new: Tenant) -> None:
        self._tenants = (old, new)
        self._plans = (compile_plan(old), compile_plan(new))
        self._same_plan = digest_of(old) == digest_of(new)

    def pair(self, rep: str, old: Held, new: Held, *, same_facts: bool) -> Pair:
        """Her cells; who is not configured has none."""
        zones = [tenant.organisation.reps[rep].zone if rep in tenant.organisation.reps else None
                 for tenant in self._tenants]  # fmt: skip
        before = _cells(self._tenants[0], self._plans[0], zones[0], old)
        same_facts = same_facts and old.retained_from == new.retained_from
        if same_facts and self._same_plan and zones[0] == zones[1]:
            return Pair(before, before)
        return Pair(before, _cells(self._tenants[1], self._plans[1], zones[1], new))


def _cells(tenant: Tenant, plan: Plan, zone: str | None, held: Held) -> SubjectCells:
    if zone is None:
        return EMPTY
    folded = fold(plan, zone, held.facts)
    ranked = {kpi.definition for kpi in tenant.kpis.values() if kpi.aggregate in RANKED}
    values: dict[tuple[str, str], frozenset[str]] = {}
    numbers: dict[tuple[str, str], Mapping[Decimal, int]] = {}
    for place, counted in folded.values.items():
        kept = {value: facts for value, facts in counted.items() if facts}
        if kept and place[0] in ranked:
            numbers[place] = {Decimal(value): facts for value, facts in kept.items()}
        elif kept:
            values[place] = frozenset(kept)
    cells = {name: cell for name, cell in folded.cells.items() if cell}
    return SubjectCells(0, cells, values, numbers, held.retained_from)


def _days(cells: SubjectCells) -> set[str]:
    kept = {name for _, name in (*cells.values, *cells.numbers)}
    return {name for name in (*cells.cells, *kept) if name.startswith(DAY_PREFIX)}


def _day(name: str) -> date:
    return date.fromisoformat(name.removeprefix(DAY_PREFIX))


def _content(cells: SubjectCells, name: str) -> tuple[object, ...]:
    return (
        cells.cells.get(name, {}),
        {place[0]: found for place, found in cells.values.items() if place[1] == name},
        {place[0]: found for place, found in cells.numbers.items() if place[1] == name},
    )
