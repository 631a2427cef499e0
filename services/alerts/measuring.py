"""Reads the numbers that watches are judged by: one round trip for any number of watches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import structlog

from services.alerts.domain.watches import Watch
from services.alerts.floor import Floor
from services.alerts.histories import Histories
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
        self._histories = Histories()

    async def readings(self, floor: Floor, watches: Sequence[Watch], moment: Moment) -> dict[str, Reading]:
        """A reading for each watch; one that cannot be computed is left out and counted. Raises: TransientError."""
        wanted, past = dict[str, CellQuery](), dict[str, CellQuery]()
        asked: list[list[Watch]] = []
        for group in _by_number(watches):
            with self._counting_failures(group):
                for rep, query in _queries(floor, group[0], moment).items():
                    wanted[rep] = wanted.get(rep, CellQuery()) | query
                    if _foresees(group):
                        past[rep] = self._histories.lacking(floor, rep, moment.now)
                asked.append(group)
        reading = {rep: query | past.get(rep, CellQuery()) for rep, query in wanted.items()}
        cells = await self._scoreboard.read(floor.tenant.id, reading)
        for rep, query in past.items():
            if query.cells:
                self._histories.take(floor, rep, cells[rep], moment.now)
        found: dict[str, Reading] = {}
        for group in asked:
            with self._counting_failures(group):
                one = self._read(floor, group, moment, cells)
                found.update({watch.dedup_key: one for watch in group if one is not None})
        return found

    def _read(
        self, floor: Floor, group: Sequence[Watch], moment: Moment, cells: Mapping[str, SubjectCells]
    ) -> Reading | None:
        """The number of a group; how it may end only where some rule asks, as that takes the past days."""
        watch, readings = group[0], floor.readings
        kpis = [readings.definitions.on(watch.period.first)[watch.rule.kpi]]
        if watch.rep is not None:
            own = cells.get(watch.rep.id, SubjectCells())
            history = self._histories.of(floor, watch.rep.id) if _foresees(group) else None
            return readings.of_rep(watch.rep, kpis, watch.period, own, moment=moment, history=history)[0]
        if watch.team is None:
            return None
        members = {rep: cells[rep] for rep in _queries(floor, watch, moment) if rep in cells}
        histories = {rep: self._histories.of(floor, rep) for rep in members} if _foresees(group) else None
        return readings.of_team(
            watch.team, kpis, watch.period, members, moment=moment, org=Org.AS_WAS, histories=histories
        )[0]

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


def _foresees(group: Iterable[Watch]) -> bool:
    return any(watch.rule.foresees for watch in group)


def _queries(floor: Floor, watch: Watch, moment: Moment) -> dict[str, CellQuery]:
    kpis = [floor.readings.definitions.on(watch.period.first)[watch.rule.kpi]]
    if watch.rep is not None:
        return {watch.rep.id: floor.readings.query_rep(kpis, watch.period)}
    return floor.readings.query_team(watch.subject.id, kpis, watch.period, now=moment.now, org=Org.AS_WAS)
