"""Reads the numbers that watches are judged by: one round trip for any number of watches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import structlog

from services.alerts.domain.watches import Watch
from services.alerts.floor import Floor
from services.alerts.metrics import AlertsMetrics
from services.alerts.ports import Scoreboard
from shared.domain.cells import CellQuery, SubjectCells
from shared.domain.kpis import Kpi
from shared.domain.reading import Moment, Reading
from shared.domain.readings import Org

log = structlog.get_logger()


class Measuring:
    """Readings for watches, by dedup key."""

    def __init__(self, scoreboard: Scoreboard, metrics: AlertsMetrics) -> None:
        self._scoreboard = scoreboard
        self._metrics = metrics

    async def readings(self, floor: Floor, watches: Sequence[Watch], moment: Moment) -> dict[str, Reading]:
        """A reading for each watch; one that cannot be computed is left out and counted. Raises: TransientError."""
        wanted: dict[str, CellQuery] = {}
        asked: list[list[Watch]] = []
        for group in _by_subject(watches):
            with self._counting_failures(group):
                for rep, query in _queries(floor, group, moment).items():
                    wanted[rep] = wanted.get(rep, CellQuery()) | query
                asked.append(group)
        cells = await self._scoreboard.read(floor.tenant.id, wanted)
        found: dict[str, Reading] = {}
        for group in asked:
            with self._counting_failures(group):
                found.update(_read(floor, group, moment, cells))
        return found

    @contextmanager
    def _counting_failures(self, group: Sequence[Watch]) -> Iterator[None]:
        try:
            yield
        except Exception as error:  # noqa: BLE001 - one impossible subject must not silence all the others
            self._metrics.judgement_failed()
            log.warning("reading_failed", subject=group[0].subject.id, error=repr(error))


def _by_subject(watches: Iterable[Watch]) -> list[list[Watch]]:
    """Watches of one subject and period are read together."""
    groups: dict[tuple[bool, str, str, str], list[Watch]] = {}
    for watch in watches:
        key = (watch.rep is None, watch.subject.id, watch.period.kind, watch.period.id)
        groups.setdefault(key, []).append(watch)
    return list(groups.values())


def _kpis(floor: Floor, group: Sequence[Watch]) -> list[Kpi]:
    return [floor.tenant.kpis[kpi] for kpi in dict.fromkeys(watch.rule.kpi for watch in group)]


def _queries(floor: Floor, group: Sequence[Watch], moment: Moment) -> dict[str, CellQuery]:
    first, kpis = group[0], _kpis(floor, group)
    if first.rep is not None:
        return {first.rep.id: floor.readings.query_rep(kpis, first.period)}
    return floor.readings.query_team(first.subject.id, kpis, first.period, now=moment.now, org=Org.AS_WAS)


def _read(
    floor: Floor, group: Sequence[Watch], moment: Moment, cells: Mapping[str, SubjectCells]
) -> dict[str, Reading]:
    first, kpis = group[0], _kpis(floor, group)
    if first.rep is not None:
        own = cells.get(first.rep.id, SubjectCells())
        readings = floor.readings.of_rep(first.rep, kpis, first.period, own, moment=moment)
    elif first.team is not None:
        parts = floor.readings.query_team(first.team.id, kpis, first.period, now=moment.now, org=Org.AS_WAS)
        members = {rep: cells[rep] for rep in parts if rep in cells}
        readings = floor.readings.of_team(first.team, kpis, first.period, members, moment=moment, org=Org.AS_WAS)
    else:
        return {}
    by_kpi = {reading.kpi: reading for reading in readings}
    return {watch.dedup_key: by_kpi[watch.rule.kpi] for watch in group}
