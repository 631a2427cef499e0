"""How each source is: what came of its deliveries, its rhythm, its sender's clock."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from services.api.domain.source_rhythm import HourlyCounts, hours_asked, last_hours, rhythm
from services.api.ports import Arrivals, Reported
from shared.domain.instants import HOUR_US, SECOND_US, Micros, text
from shared.domain.source_hours import SourceHour
from shared.domain.tenant import Tenant

STALE = "stale_timestamp"
"""Said of a signature only once it is known to be valid."""
FORGED = frozenset(
    {
        "bad_signature",
        "wrong_credentials",
        "missing_credentials",
        "invalid_timestamp",
        "future_timestamp",
        "signature_version_not_allowed",
    }
)
"""Refusals of who could not show that the delivery is the sender's, or that it is of now."""
DAY_HOURS = 24


class SourceHealth:
    """Asks the ledger's counts and what ingest tells."""

    def __init__(self, arrivals: Arrivals, reported: Reported) -> None:
        self._arrivals = arrivals
        self._reported = reported

    async def of(self, tenant: Tenant, now: Micros) -> Mapping[str, dict[str, Any]]:
        """By source id. Raises: TransientError."""
        days = {hour // DAY_HOURS for hour in hours_asked(now, tenant.zone)}
        counted = await self._arrivals.of(days)
        return {
            source: health(
                counted.get((tenant.id, source), HourlyCounts()),
                self._reported.of(tenant.id, source),
                now=now,
                zone=tenant.zone,
            )
            for source in tenant.sources
        }


def health(counted: HourlyCounts, told: Sequence[SourceHour], *, now: Micros, zone: str) -> dict[str, Any]:
    """Shares are from 0 to 1, null of nothing: of events that repeat others, of deliveries that were refused."""
    found = rhythm(counted, now, zone)
    received = last_hours(counted.received, now, DAY_HOURS)
    repeated = last_hours(counted.repeated, now, DAY_HOURS)
    day = _counts(told)
    last = max((each.last_delivery_at for each in told if each.last_delivery_at is not None), default=None)
    failed = sum(day["refused"].values())
    return {
        "last_delivery_at": None if last is None else text(last),
        "last_hour": _counts(each for each in told if each.hour >= now // HOUR_US - 1),
        "last_day": day,
        "events_last_day": received,
        "duplicate_share": _share(repeated, received),
        "error_share": _share(failed, day["deliveries"] + failed),
        "signature_failures": sum(count for reason, count in day["refused"].items() if reason in FORGED),
        "stale_signatures": day["refused"].get(STALE, 0),
        "clock_skew_seconds": _skew(told),
        "rhythm": {"state": found.state, "rate": found.rate, "usual": found.usual},
    }


def _counts(told: Iterable[SourceHour]) -> dict[str, Any]:
    hours = list(told)
    refused: Counter[str] = Counter()
    for each in hours:
        refused.update(each.refused)
    names = ("deliveries", "accepted", "quarantined", "ignored")
    return {name: sum(getattr(each, name) for each in hours) for name in names} | {"refused": dict(refused)}


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 6) if whole else None


def _skew(told: Sequence[SourceHour]) -> float | None:
    """By the latest word of it."""
    known = [(each.at, each.skew_us) for each in told if each.skew_us is not None]
    return max(known)[1] / SECOND_US if known else None
