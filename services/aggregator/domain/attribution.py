"""Where facts belong: the subject that an owner means and the kpi.facts partition that owns the subject."""

from __future__ import annotations

from collections.abc import Callable

from services.aggregator.domain.derivation import facts_of
from services.aggregator.domain.records import Record, RecordKey
from shared.domain.facts import Fact
from shared.domain.tenant import Tenant

Location = tuple[str, str, str]
"""(subject, page, fact id) within a tenant: at most one fact is at a location."""


class Attribution:
    """One tenant's mapping, with the answers kept: the same few thousand owners come again and again."""

    def __init__(self, tenant: Tenant, partition_of: Callable[[str, str], int]) -> None:
        self.tenant = tenant
        self._partition_of = partition_of
        self._subjects: dict[tuple[str, str], str] = {}
        self._partitions: dict[str, int] = {}

    def subject(self, source: str, owner: str) -> str:
        """The rep, or the stand-in of an unmapped owner."""
        known = self._subjects.get((source, owner))
        if known is None:
            known = self._subjects[source, owner] = self.tenant.subject_of(source, owner)
        return known

    def partition(self, subject: str) -> int:
        """The kpi.facts partition of a subject."""
        known = self._partitions.get(subject)
        if known is None:
            known = self._partitions[subject] = self._partition_of(self.tenant.id, subject)
        return known

    def located(self, key: RecordKey, record: Record) -> dict[Location, Fact]:
        """All facts of a record, each at its place."""
        facts = facts_of(key, record, self.tenant.credit)
        return {(self.subject(fact.source, fact.owner), fact.page, fact.id): fact for fact in facts}


def moves(before: dict[Location, Fact], after: dict[Location, Fact]) -> dict[Location, Fact | None]:
    """What has to be said so that who knows ``before`` knows ``after``; None withdraws."""
    changed: dict[Location, Fact | None] = {place: None for place in before if place not in after}
    changed.update((place, fact) for place, fact in after.items() if before.get(place) != fact)
    return changed
