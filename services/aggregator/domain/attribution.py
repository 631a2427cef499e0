"""Where facts belong: the subject that an owner means and the kpi.facts partition that owns the subject."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Self

from msgspec import Struct

from shared.domain.derivation import facts_of
from shared.domain.facts import Fact, unmapped_subject
from shared.domain.records import Record, RecordKey
from shared.domain.tenant import Credit, Tenant

Location = tuple[str, str, str]
"""(subject, page, fact id) within a tenant: at most one fact is at a location."""


class AttributionRule(Struct, array_like=True, frozen=True):
    """All that a record's facts depend on besides the record: whom owner ids mean, and who is credited."""

    owners: Mapping[tuple[str, str], str]
    credit: Credit

    @classmethod
    def of(cls, tenant: Tenant) -> Self:
        """The tenant's rule as configured."""
        return cls(tenant.owners, tenant.credit)


class Attribution:
    """One tenant's rule, with the answers kept: the same few thousand owners come again and again."""

    def __init__(self, tenant_id: str, rule: AttributionRule, partition_of: Callable[[str, str], int]) -> None:
        self.tenant_id = tenant_id
        self._rule = rule
        self._partition_of = partition_of
        self._subjects: dict[tuple[str, str], str] = {}
        self._partitions: dict[str, int] = {}

    def subject(self, source: str, owner: str) -> str:
        """The rep, or the stand-in of an unmapped owner. Mapping comes last (contract 4.4)."""
        known = self._subjects.get((source, owner))
        if known is None:
            known = self._rule.owners.get((source, owner)) or unmapped_subject(source, owner)
            self._subjects[source, owner] = known
        return known

    def partition(self, subject: str) -> int:
        """The kpi.facts partition of a subject."""
        known = self._partitions.get(subject)
        if known is None:
            known = self._partitions[subject] = self._partition_of(self.tenant_id, subject)
        return known

    def located(self, key: RecordKey, record: Record) -> dict[Location, Fact]:
        """All facts of a record, each at its place."""
        facts = facts_of(key, record, self._rule.credit)
        return {(self.subject(fact.source, fact.owner), fact.page, fact.id): fact for fact in facts}


def moves(before: dict[Location, Fact], after: dict[Location, Fact]) -> dict[Location, Fact | None]:
    """What has to be said so that who knows ``before`` knows ``after``; None withdraws."""
    changed: dict[Location, Fact | None] = {place: None for place in before if place not in after}
    changed.update((place, fact) for place, fact in after.items() if before.get(place) != fact)
    return changed
