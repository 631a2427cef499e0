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
        for group in _by_number(watches):
            with self._counting_failures(group):
                for rep, query in _queries(floor, group[0], moment).items():
                    wanted[rep] = wanted.get(rep, CellQuery()) | query
                asked.append(group)
        cells = await self._scoreboard.read(floor.tenant.id, wanted)
        found: dict[str, Reading] = {}
        for group in asked:
            with self._counting_failures(group):
                reading = _read(floor, group[0], moment, cells)
                found.update({watch.dedup_key: reading for watch in group if reading is not None})
        return found

    @contextmanager
    def _counting_failures(self, group: Sequence[Watch]) -> Iterator[None]:
        try:
            yield
        except Exception as error:  # noqa: BLE001 - one impossible subject must not silence all the others
            self._metrics.judgement_failed()
            log.warning("reading_failed", dedup_key=group[0].dedup_key, error=repr(error))


def _by_number(watches: Iterable[Watch]) -> list[list[Watch]]:
    """Watches of one number are read together: the same subject, period and KPI."""
    groups: dict[tuple[bool, str, str, str], list[Watch]] = {}
    for watch in watches:
        key = (watch.rep is None, watch.subject.id, watch.period.id, watch.rule.kpi)
        groups.setdefault(key, []).append(watch)
    return list(groups.values())


def _queries(floor: Floor, watch: Watch, moment: Moment) -> dict[str, CellQuery]:
    kpis = [floor.readings.definitions.on(watch.period.first)[watch.rule.kpi]]
    if watch.rep is not None:
        return {watch.rep.id: floor.readings.query_rep(kpis, watch.period)}
    return floor.readings.query_team(watch.subject.id, kpis, watch.period, now=moment.now, org=Org.AS_WAS)


def _read(floor: Floor, watch: Watch, moment: Moment, cells: Mapping[str, SubjectCells]) -> Reading | None:
    kpis = [floor.readings.definitions.on(watch.period.first)[watch.rule.kpi]]
    if watch.rep is not None:
        own = cells.get(watch.rep.id, SubjectCells())
        return floor.readings.of_rep(watch.rep, kpis, watch.period, own, moment=moment)[0]
    if watch.team is None:
        return None
    parts = _queries(floor, watch, moment)
    members = {rep: cells[rep] for rep in parts if rep in cells}
    return floor.readings.of_team(watch.team, kpis, watch.period, members, moment=moment, org=Org.AS_WAS)[0]
