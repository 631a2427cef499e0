"""The first pass over a file: every line is looked at before anything is imported."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable

from msgspec import Struct, field

from cli.history.lines import Line
from cli.history.translation import BadLine, Translation
from shared.domain.changes import RecordChange
from shared.domain.instants import DAY_US, Micros
from shared.domain.tenant import Tenant

SHOWN = 20
"""Bad lines that are told one by one; the others are counted by reason."""
NAMES_KEPT = 1_000
"""Types and owners that are told apart: more of them is a wrong column, and must not fill the memory."""


class Findings(Struct):
    """What a file holds. ``shown`` are the first bad lines, ``reasons`` counts all of them."""

    events: int = 0
    shown: list[BadLine] = field(default_factory=list)
    reasons: Counter[str] = field(default_factory=Counter)
    types: Counter[str] = field(default_factory=Counter)
    unmapped: Counter[str] = field(default_factory=Counter)
    expired: int = 0
    first_at: Micros | None = None
    last_at: Micros | None = None

    @property
    def bad(self) -> int:
        """How many lines cannot be imported."""
        return self.reasons.total()


class Check:
    """Looks at lines; ``bad`` is told of each that cannot be imported."""

    def __init__(self, translation: Translation, tenant: Tenant, *, now: Micros) -> None:
        self._translation = translation
        self._tenant = tenant
        self._first_kept_day = now // DAY_US - tenant.retention_days
        self.findings = Findings()

    def run(self, lines: Iterable[Line], bad: Callable[[BadLine], object]) -> Findings:
        """All of them."""
        for line in lines:
            found = self._translation.change(line)
            if isinstance(found, BadLine):
                self._note_bad(found)
                bad(found)
            else:
                self._note(found)
        return self.findings

    def _note_bad(self, found: BadLine) -> None:
        self.findings.reasons[found.reason] += 1
        if len(self.findings.shown) < SHOWN:
            self.findings.shown.append(found)

    def _note(self, change: RecordChange) -> None:
        found, at = self.findings, change.occurred_at
        found.events += 1
        found.first_at = at if found.first_at is None else min(found.first_at, at)
        found.last_at = at if found.last_at is None else max(found.last_at, at)
        found.expired += at // DAY_US < self._first_kept_day
        _count(found.types, change.type)
        if isinstance(change.owner, str) and (change.source, change.owner) not in self._tenant.owners:
            _count(found.unmapped, change.owner)


def _count(counter: Counter[str], name: str) -> None:
    if name in counter or len(counter) < NAMES_KEPT:
        counter[name] += 1
