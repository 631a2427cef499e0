"""What becomes of a record of which nothing was said for longer than ``retention_days``.

What is open stays: it holds now. Of what is over or gone its fate stays, so that a late word of it makes it neither
open nor alive again. Everything else goes, and a late word of it begins it anew.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from services.aggregator.domain.ageing import PACK_AFTER_DAYS
from shared.domain.derivation import LOST, WON
from shared.domain.instants import DAY_US, Micros
from shared.domain.records import DEAL, Record, RecordKey, Said

_FATEFUL = ("status", "stage")
MARGIN_DAYS = 2
"""Records go after their facts, so that an edit of identities finds the record of every fact that a page holds."""


class Kept(Struct, frozen=True):
    """The verdict on a record. None: it goes altogether."""

    record: Record | None


def outlived(record: Record, key: RecordKey, now: Micros, *, retention_days: int) -> Kept | None:
    """What is kept of a record; None if all of it is."""
    if _days_since(_latest_at(record), now) < retention_days + MARGIN_DAYS:
        return None
    if key.record_type == DEAL:
        if not record.is_gone and not _is_over(record):
            return None
    elif not record.is_gone:
        return Kept(None)
    fate = _fate(record)
    return None if fate == record else Kept(fate)


def is_at_rest(record: Record, now: Micros) -> bool:
    """Whether so little is to be expected of a record that it may be stored in fewer bytes."""
    return _days_since(_latest_at(record), now) >= PACK_AFTER_DAYS


def _days_since(instant: Micros, now: Micros) -> int:
    return now // DAY_US - instant // DAY_US - 1


def _latest_at(record: Record) -> Micros:
    """The latest that was said, or the latest time that is spoken of: no fact of the record is later."""
    said: Iterable[tuple[Micros, ...]] = (
        *((at,) for at, _, _ in record.fields.values()),
        *((at,) for at, _ in record.moments.values()),
        *((at, instant) for at, _, instant in record.times.values()),
        *((each[0],) for history in (record.owners, record.statuses, record.stages) for each in history[-1:]),
        *((each[0],) for each in (record.deleted, record.url) if each is not None),
    )
    return max((instant for some in said for instant in some), default=record.first_at)


def _is_over(record: Record) -> bool:
    return bool(record.statuses) and record.statuses[-1][2] in (WON, LOST)


def _fate(record: Record) -> Record:
    """Won or lost and since when, the stages that were entered, deleted, merged; without an owner or other fields."""
    return Record(
        first_at=record.first_at,
        fields={name: said for name, said in record.fields.items() if name in _FATEFUL},
        statuses=_run(record.statuses),
        stages=_entries(record.stages),
        deleted=record.deleted,
        merged=record.merged,
    )


def _run(statuses: list[Said]) -> list[Said]:
    """The first and the last statement of the present run."""
    run = len(statuses)
    while run and statuses[run - 1][2] == statuses[-1][2]:
        run -= 1
    return statuses[run:][:1] + statuses[run + 1 :][-1:]


def _entries(stages: list[Said]) -> list[Said]:
    """The first statement of each stage, and the last of all."""
    first: dict[object, Said] = {}
    for said in stages:
        first.setdefault(said[2], said)
    last = [] if not stages or stages[-1] in first.values() else stages[-1:]
    return [*first.values(), *last]
