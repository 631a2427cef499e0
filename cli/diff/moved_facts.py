"""Facts that are elsewhere under another configuration: out of records, as the ledger's pass says them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeAlias

from msgspec import Struct, field

from services.aggregator.domain.attribution import Attribution, AttributionRule, Location
from shared.contracts.records import unpack
from shared.domain.facts import Fact
from shared.domain.records import RecordKey

Place: TypeAlias = tuple[str, str]
"""(page, fact id) of one subject."""


class Shift(Struct):
    """What to put in place of a subject's stored facts: ``masked`` are left out, ``old`` and ``new`` are added."""

    masked: set[Place] = field(default_factory=set)
    old: dict[Place, Fact] = field(default_factory=dict)
    new: dict[Place, Fact] = field(default_factory=dict)


class MovedFacts:
    """Collects one tenant's shifts by subject. ``stored``: the rules that its pages are attributed by."""

    def __init__(
        self, tenant: str, stored: Iterable[AttributionRule], *, old: AttributionRule, new: AttributionRule
    ) -> None:
        self.shifts: dict[str, Shift] = {}
        self.records = 0
        self._stored = [_attribution(tenant, rule) for rule in stored]
        self._old = _attribution(tenant, old)
        self._new = _attribution(tenant, new)

    def take(self, text: str, packed: bytes) -> None:
        """Looks at a record; one that comes twice is the same."""
        key = RecordKey.parse(text)
        record = unpack(packed, key)
        old, new = self._old.located(key, record), self._new.located(key, record)
        elsewhere = [located for rule in self._stored if (located := rule.located(key, record)) != new]
        if old == new and not elsewhere:
            return
        self.records += old != new
        for location in {*old, *new, *(place for located in elsewhere for place in located)}:
            self._shift(location[0]).masked.add(location[1:])
        for located, is_new in ((old, False), (new, True)):
            self._add(located, is_new=is_new)

    def _add(self, located: Mapping[Location, Fact], *, is_new: bool) -> None:
        for (subject, page, fact_id), fact in located.items():
            shift = self._shift(subject)
            (shift.new if is_new else shift.old)[page, fact_id] = fact

    def _shift(self, subject: str) -> Shift:
        return self.shifts.setdefault(subject, Shift())


def _attribution(tenant: str, rule: AttributionRule) -> Attribution:
    return Attribution(tenant, rule, lambda _owner, _subject: 0)
