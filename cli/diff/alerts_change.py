"""Which alerts an edit of the configuration would begin or end at once: the evaluator's own decisions, not stored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum

from msgspec import Struct
from prometheus_client import CollectorRegistry

from cli.diff.folded import EMPTY
from services.alerts.domain.judgement import judge
from services.alerts.domain.lifecycle import Decision, Reason, ended, next_state
from services.alerts.floor import Floor
from services.alerts.measuring import Measuring
from services.alerts.metrics import AlertsMetrics
from shared.domain.cells import CellQuery, SubjectCells
from shared.domain.episodes import Episode, Subject
from shared.domain.reading import Moment

BEGINNING = frozenset({Reason.FIRED, Reason.BECAME_PENDING})
ENDING = frozenset(
    {
        Reason.RECOVERED,
        Reason.WITHDRAWN,
        Reason.LAPSED,
        Reason.NO_LONGER_JUDGED,
        Reason.NO_LONGER_WATCHED,
        Reason.PERIOD_ENDED,
    }
)


class Turn(StrEnum):
    """What would become of an alert."""

    FIRES = "fires"
    BECOMES_PENDING = "becomes_pending"
    RESOLVES = "resolves"


class AlertChange(Struct, frozen=True, kw_only=True):
    """An alert that the change would begin or end; ``text`` says why in words."""

    turn: Turn
    dedup_key: str
    rule: str
    subject: Subject
    reason: Reason
    text: str


class FoldedBoard:
    """The alerts' scoreboard port over cells that are only computed."""

    def __init__(self, cells: Mapping[str, SubjectCells]) -> None:
        self._cells = cells

    async def read(self, tenant: str, wanted: Mapping[str, CellQuery]) -> dict[str, SubjectCells]:  # noqa: ARG002
        """See the port."""
        return {rep: self._cells.get(rep, EMPTY) for rep in wanted}


async def alert_changes(
    old: tuple[Floor, Mapping[str, SubjectCells]],
    new: tuple[Floor, Mapping[str, SubjectCells]],
    *,
    latest: Mapping[str, Episode],
    is_open: Sequence[Episode],
    moment: Moment,
) -> list[AlertChange]:
    """What the new configuration would do at once and the old one would not.

    latest: the newest stored episode of each dedup key of both floors. is_open: all pending and firing ones.
    """
    before = await _decisions(*old, latest=latest, is_open=is_open, moment=moment)
    after = await _decisions(*new, latest=latest, is_open=is_open, moment=moment)
    found = []
    for key, (decision, subject) in after.items():
        known = before.get(key)
        turn = _turn(decision)
        if turn is None or decision.episode is None or (known is not None and _turn(known[0]) is turn):
            continue
        found.append(
            AlertChange(
                turn=turn,
                dedup_key=key,
                rule=decision.episode.rule,
                subject=subject,
                reason=decision.reason,
                text=decision.episode.reason,
            )
        )
    return sorted(found, key=lambda change: (change.turn, change.dedup_key))


def keys_of(floor: Floor, now: int) -> set[str]:
    """The dedup keys that a configuration watches."""
    return {watch.dedup_key for watch in floor.watches(now)}


def _turn(decision: Decision) -> Turn | None:
    if decision.reason in BEGINNING:
        return Turn.FIRES if decision.reason is Reason.FIRED else Turn.BECOMES_PENDING
    return Turn.RESOLVES if decision.reason in ENDING else None


async def _decisions(
    floor: Floor,
    cells: Mapping[str, SubjectCells],
    *,
    latest: Mapping[str, Episode],
    is_open: Sequence[Episode],
    moment: Moment,
) -> dict[str, tuple[Decision, Subject]]:
    now, tenant = moment.now, floor.tenant
    watches = floor.watches(now)
    readings = await Measuring(FoldedBoard(cells), AlertsMetrics(CollectorRegistry())).readings(floor, watches, moment)
    found: dict[str, tuple[Decision, Subject]] = {}
    for watch in watches:
        reading = readings.get(watch.dedup_key)
        if reading is not None:
            decision = next_state(
                latest.get(watch.dedup_key),
                judge(watch.rule, reading),
                watch,
                tenant=tenant.id,
                calendar=tenant.calendar,
                now=now,
            )
            found[watch.dedup_key] = decision, watch.subject
    gone = set(floor.gone((episode.dedup_key for episode in is_open if episode.subject.source is None), now))
    for episode in is_open if moment.measurable else ():
        if episode.dedup_key in gone:
            found[episode.dedup_key] = ended(episode, now), episode.subject
    return found
