"""What an entry of quarantine means now: decided anew from what was kept, under the configuration of now."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from msgspec import Struct

from services.ingest.domain.delivery import Accepted, Ignored, Outcome, Rejected
from services.ingest.domain.enrichment import Ask, asks_of
from services.ingest.domain.refusals import Refused
from shared.domain.changes import RecordChange
from shared.domain.quarantine import RetryOutcome
from shared.domain.sources import Source

GONE = "gone"
"""Reason of an entry that quarantine no longer holds."""
UNEXPECTED = "unexpected"
"""Reason of an entry that no version of ours was made for: a bug, which the log tells."""
UNDECODABLE = "undecodable"
UNKNOWN_TENANT = "unknown_tenant"
IMPOSSIBLE_TIME = "impossible_time"
TOO_LARGE = "body_too_large"


class FactMessage(Struct, frozen=True):
    """A message of kpi.facts as it was, and the partition that it is for."""

    partition: int
    value: bytes


class Verdict(Struct, frozen=True):
    """What a retry found, and what has to be on a log before it may be said."""

    outcome: RetryOutcome
    reason: str = ""
    detail: str = ""
    changes: tuple[RecordChange, ...] = ()
    facts: tuple[FactMessage, ...] = ()
    asks: tuple[Ask, ...] = ()


def still(reason: str, detail: str = "") -> Verdict:
    """It waits on, for this reason."""
    return Verdict(RetryOutcome.QUARANTINED, reason, detail)


def of_outcomes(outcomes: Sequence[Outcome], source: Source) -> Verdict:
    """What the source's provider made of the element: while a part of it cannot be used it waits on."""
    rejected = next((outcome for outcome in outcomes if isinstance(outcome, Rejected)), None)
    if rejected is not None:
        return still(rejected.reason, rejected.detail)
    accepted = [outcome for outcome in outcomes if isinstance(outcome, Accepted)]
    if accepted:
        changes = tuple(change for one in accepted for change in one.changes)
        return Verdict(RetryOutcome.ACCEPTED, changes=changes, asks=tuple(asks_of(changes, source)))
    return Verdict(RetryOutcome.IGNORED, detail=next((one.what for one in outcomes if isinstance(one, Ignored)), ""))


def of_refusal(refused: Refused) -> Verdict:
    """Where the provider's rule is all or nothing, one element is all."""
    reason = refused.problems[0].reason if refused.problems else refused.why
    return still(reason, refused.detail)


def of_change(change: RecordChange, tenants: Collection[str]) -> Verdict:
    """What an event of the log that the aggregator could not use means now."""
    if not change.has_possible_times:
        return still(IMPOSSIBLE_TIME, change.key)
    if change.tenant not in tenants:
        return still(UNKNOWN_TENANT, change.key)
    return Verdict(RetryOutcome.ACCEPTED, changes=(change,))
