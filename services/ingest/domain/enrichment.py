"""Asking a CRM for what it did not send along: what is asked, and what an answer of its API means for the asking."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from typing import TypeAlias

from msgspec import Struct

from services.ingest.domain.delivery import Context
from services.ingest.domain.json_values import JsonObject
from shared.domain.changes import RecordChange
from shared.domain.instants import Micros
from shared.domain.sources import Source

FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 60.0
LONGEST_ASKED_PAUSE_SECONDS = 3600.0
"""Daily limits of CRMs end at midnight; whoever asks for more is asked again after an hour."""
MOST_FAILURES = 10
"""After so many failures on one record (some six minutes) the fault is the record's, and others wait behind it."""


class Ask(Struct, frozen=True, kw_only=True):
    """One record that the CRM's API is to be asked for. ``missing``: our names of what the event did not say."""

    tenant: str
    source: str
    record_type: str
    record: str
    event: str
    missing: tuple[str, ...]
    received_at: Micros

    @property
    def key(self) -> str:
        """Of its record, as on the log."""
        return f"{self.tenant}/{self.source}/{self.record_type}/{self.record}"


class ApiRequest(Struct, frozen=True):
    """What to GET below the API's address, and how to say who asks. The headers are secret."""

    path: str
    headers: Mapping[str, str]
    query: Mapping[str, str] = {}


class ApiAnswer(Struct, frozen=True):
    """What the API answered. ``retry_after``: seconds, where it named them."""

    status: int
    body: bytes
    retry_after: float | None = None


class RecordApi(Struct, frozen=True, kw_only=True):
    """How one CRM's API is asked for a record, and what the record that it answers means. Pure.

    ``request`` is None for records that the API does not have. ``translate`` gives changes that are the same whenever
    the same version of the record is read. Raises: Unusable.
    """

    request: Callable[[Ask, str], ApiRequest | None]
    translate: Callable[[JsonObject, Ask, Context], list[RecordChange]]


class Outcome(StrEnum):
    """What became of an ask."""

    ENRICHED = "enriched"
    COALESCED = "coalesced"
    """The record was read since."""
    GONE = "gone"
    UNKNOWN_TYPE = "unknown_type"
    UNUSABLE = "unusable"
    REFUSED = "refused"
    """The API will never answer this."""
    GIVEN_UP = "given_up"
    NOT_CONFIGURED = "not_configured"


class Wait(StrEnum):
    """Why an ask waits before it is made again."""

    RATE_LIMITED = "rate_limited"
    API_AWAY = "api_away"
    API_FAILS = "api_fails"
    TOKEN_REFUSED = "token_refused"  # noqa: S105 - a reason, no token
    """A person has to mend the token or what it may read."""
    WRONG_ADDRESS = "wrong_address"
    """It redirects: the token goes nowhere but to the address that is configured."""


class Again(Struct, frozen=True):
    """Ask again after so many seconds."""

    why: Wait
    seconds: float


Next: TypeAlias = "Again | Outcome"


def asks_of(changes: Iterable[RecordChange], source: Source) -> list[Ask]:
    """What has to be asked for after these changes: one ask a record, of all that is missing of it."""
    if source.enrich is None:
        return []
    asks: dict[str, Ask] = {}
    for change in changes:
        if not change.missing:
            continue
        before = asks.get(change.key)
        missing = dict.fromkeys((*(before.missing if before else ()), *change.missing))
        asks[change.key] = Ask(
            tenant=change.tenant,
            source=change.source,
            record_type=change.record_type,
            record=change.record,
            event=change.event,
            missing=tuple(missing),
            received_at=change.received_at,
        )
    return list(asks.values())


def coalesced(asks: Iterable[Ask]) -> list[Ask]:
    """One ask a record, of all that is missing, at the place and with the time of the last one."""
    latest: dict[str, Ask] = {}
    for ask in asks:
        before = latest.pop(ask.key, None)
        missing = dict.fromkeys((*(before.missing if before else ()), *ask.missing))
        latest[ask.key] = Ask(
            tenant=ask.tenant,
            source=ask.source,
            record_type=ask.record_type,
            record=ask.record,
            event=ask.event,
            missing=tuple(missing),
            received_at=max(ask.received_at, before.received_at if before else 0),
        )
    return list(latest.values())


_WAITS = {
    401: Wait.TOKEN_REFUSED,
    403: Wait.TOKEN_REFUSED,
    429: Wait.RATE_LIMITED,
    502: Wait.API_AWAY,
    503: Wait.API_AWAY,
    504: Wait.API_AWAY,
}
_ENDS = {200: Outcome.ENRICHED, 404: Outcome.GONE, 410: Outcome.GONE}


def next_step(answer: ApiAnswer | None, *, failures: int) -> Next:
    """What an answer means; ENRICHED is: read it. None is no answer. ``failures``: how many there were before."""
    if answer is None:
        return Again(Wait.API_AWAY, _pause(failures))
    if answer.status in _ENDS:
        return _ENDS[answer.status]
    why = _WAITS.get(answer.status) or _wait_of_class(answer.status)
    if why is None:
        return Outcome.REFUSED
    if why is Wait.API_FAILS and failures >= MOST_FAILURES:
        return Outcome.GIVEN_UP
    if why in {Wait.TOKEN_REFUSED, Wait.WRONG_ADDRESS}:
        return Again(why, LONGEST_PAUSE_SECONDS)
    return Again(why, _asked_pause(answer, failures))


def _wait_of_class(status: int) -> Wait | None:
    if 300 <= status < 400:
        return Wait.WRONG_ADDRESS
    return Wait.API_FAILS if status >= 500 else None


def _asked_pause(answer: ApiAnswer, failures: int) -> float:
    if answer.retry_after is None:
        return _pause(failures)
    return min(max(answer.retry_after, FIRST_PAUSE_SECONDS), LONGEST_ASKED_PAUSE_SECONDS)


def _pause(failures: int) -> float:
    """Doubles with each failure, up to a minute."""
    return min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2.0 ** min(failures, 10))
