"""Which version of a KPI counts in a period: the one in force on its first day. Contract section 2."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from datetime import date

from shared.domain.kpis import Kpi


class Definitions:
    """A tenant's KPIs by id and day; built once a configuration.

    A KPI that begins later is there by its first version, so that it has a name and a unit; its value is null
    then (``Kpi.has_begun``).
    """

    def __init__(self, kpis: Iterable[Kpi]) -> None:
        self._versions: dict[str, list[Kpi]] = {}
        for kpi in kpis:
            self._versions.setdefault(kpi.id, []).append(kpi)
        for versions in self._versions.values():
            versions.sort(key=lambda kpi: kpi.effective or date.min)
        changes = {kpi.effective for versions in self._versions.values() for kpi in versions if kpi.effective}
        self._changes = sorted(changes)
        self._between = [self._worked_out(day) for day in (date.min, *self._changes)]

    @property
    def ids(self) -> Sequence[str]:
        """Every KPI's id, in configured order."""
        return tuple(self._versions)

    def versions(self, kpi_id: str) -> Sequence[Kpi]:
        """All versions of a KPI, the earliest first. Raises: KeyError."""
        return tuple(self._versions[kpi_id])

    def on(self, day: date) -> Mapping[str, Kpi]:
        """By id, the version of every KPI that periods which begin on a day use, in configured order."""
        return self._between[bisect_right(self._changes, day)]

    def _worked_out(self, day: date) -> dict[str, Kpi]:
        return {
            kpi_id: next((kpi for kpi in reversed(versions) if kpi.has_begun(day)), versions[0])
            for kpi_id, versions in self._versions.items()
        }
