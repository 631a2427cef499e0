"""The events behind a fact, as its record tells: who said last what the fact depends on. Contract 4.1, 4.3 and 4.4."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

from msgspec import Struct

from shared.domain.changes import Scalar
from shared.domain.derivation import owner_said, run_began
from shared.domain.facts import FactKind, FactName
from shared.domain.instants import Micros, text
from shared.domain.records import Record, Said, Stamp
from shared.domain.tenant import Credit

Statement: TypeAlias = tuple[Stamp, str, Scalar]
"""The event that said it, what it spoke of, and the value."""


class Evidence(Struct, frozen=True):
    """One event with what it said that holds: fields by name, ``owner``, ``moment``, ``<verb>_time``, ``deleted``."""

    event: str
    occurred_at: Micros
    said: dict[str, Scalar]


def evidence(record: Record, name: FactName, at: Micros | None, credit: Credit) -> list[Evidence]:
    """Every event that a fact of the record depends on, in the order of time; ``at`` is the fact's own, if known."""
    found: dict[Stamp, dict[str, Scalar]] = {}
    for stamp, subject, value in _statements(record, name):
        found.setdefault(stamp, {})[subject] = value
    owner = _owner(record, name, at if credit.is_at_fact(name.record_type) else None)
    if owner is not None:
        found.setdefault(owner[:2], {})["owner"] = owner[2]
    return [Evidence(event, occurred_at, said) for (occurred_at, event), said in sorted(found.items())]


def _statements(record: Record, name: FactName) -> Iterator[Statement]:
    for field, said in record.fields.items():
        yield said[:2], field, said[2]
    if name.verb in record.moments:
        yield record.moments[name.verb], "moment", name.kind
    if name.verb in record.times:
        at, event, instant = record.times[name.verb]
        yield (at, event), f"{name.verb}_time", text(instant)
    if name.kind in {FactKind.DEAL_WON, FactKind.DEAL_LOST}:
        began = run_began(record.statuses, name.verb)
        if began is not None:
            yield began[:2], "status", began[2]
    if name.stage is not None:
        yield from ((said[:2], "stage", said[2]) for said in _entry(record, name.stage))
    if record.deleted is not None:
        yield record.deleted[:2], "deleted", record.deleted[2]


def _entry(record: Record, stage: str) -> list[Said]:
    """The first statement of a stage."""
    return [said for said in record.stages if said[2] is not None and str(said[2]) == stage][:1]


def _owner(record: Record, name: FactName, at: Micros | None) -> Said | None:
    """Whom the fact is credited to; a state, and what is credited to the owner now, to the last one named."""
    if at is None or name.kind == FactKind.DEAL_OPEN:
        return record.owners[-1] if record.owners else None
    return owner_said(record.owners, at)
