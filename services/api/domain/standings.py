"""Who stands where: reps ranked by one KPI."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from enum import StrEnum

from msgspec import Struct

from services.api.domain.refusals import InvalidRanking
from shared.domain.exact import CONTEXT
from shared.domain.kpis import Better
from shared.domain.reading import Reading


class Ranking(StrEnum):
    """What is compared. Improvement is the pace less the pace at which the period before ended."""

    ATTAINMENT = "attainment"
    VALUE = "value"
    PACE = "pace"
    IMPROVEMENT = "improvement"


class Place(Struct, frozen=True):
    """A reading with its rank: equals share one, what has no score comes last without one."""

    rank: int | None
    score: Decimal | None
    reading: Reading


def ranking_of(text: str) -> Ranking:
    """Raises: InvalidRanking."""
    try:
        return Ranking(text)
    except ValueError:
        raise InvalidRanking(f"{text[:40]!r}: use attainment, value, pace or improvement") from None


def ranked(
    readings: Sequence[Reading], by: Ranking, better: Better, *, before: Mapping[str, Reading] | None = None
) -> list[Place]:
    """Best first. ``before`` holds the previous period's readings by rep, for improvement."""
    score = _scorer(by, before or {})
    lower_first = better is Better.LOWER and by in (Ranking.VALUE, Ranking.ATTAINMENT)
    scored = [(score(reading), reading) for reading in readings]
    known = [(value, reading) for value, reading in scored if value is not None]
    known.sort(key=lambda pair: pair[0] if lower_first else -pair[0])
    places: list[Place] = []
    for index, (value, reading) in enumerate(known, start=1):
        shared = bool(places) and places[-1].score == value
        places.append(Place(places[-1].rank if shared else index, value, reading))
    return places + [Place(None, None, reading) for value, reading in scored if value is None]


def _scorer(by: Ranking, before: Mapping[str, Reading]) -> Callable[[Reading], Decimal | None]:
    match by:
        case Ranking.ATTAINMENT:
            return lambda reading: reading.attainment
        case Ranking.VALUE:
            return lambda reading: reading.value
        case Ranking.PACE:
            return lambda reading: reading.pace
        case Ranking.IMPROVEMENT:
            return lambda reading: _improvement(reading, before.get(str(reading.rep)))


def _improvement(reading: Reading, before: Reading | None) -> Decimal | None:
    if before is None or reading.pace is None or before.pace is None:
        return None
    return CONTEXT.subtract(reading.pace, before.pace)
