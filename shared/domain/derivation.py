"""Facts are a pure function of a record, and whom they count for one of the owner history (contract 4.3, 4.4)."""

from __future__ import annotations

from collections.abc import Iterator

from shared.domain.changes import RecordChange, Scalar
from shared.domain.facts import Fact, FactKind
from shared.domain.instants import Micros
from shared.domain.records import DEAL, NO_MOMENT, NO_MOMENT_ELSEWHERE, Record, RecordKey, Said
from shared.domain.tenant import Credit

WON = "won"
LOST = "lost"
_MEETING = "meeting"
_HELD = "held"
_CANCELED = "canceled"


def facts_of(key: RecordKey, record: Record, credit: Credit) -> list[Fact]:
    """All facts of a record; one that nobody is credited with is none."""
    if record.is_gone:
        return []
    deriving = _Deriving(key, record, at_fact=credit.is_at_fact(key.record_type))
    facts = list(deriving.moments())
    if key.record_type == DEAL:
        facts.extend(deriving.deal())
    return facts


def only_fact(change: RecordChange) -> Fact | None:
    """The fact of a record of which this is the only event: ``facts_of`` without the record. Not for deals.

    One event names one owner at most, who is both the owner now and the first ever named: every credit rule agrees.
    """
    record_type = change.record_type
    verb = change.verb
    owner = change.owner
    if verb in NO_MOMENT.get(record_type, NO_MOMENT_ELSEWHERE) or not isinstance(owner, str):
        return None
    at = change.times.get(verb, change.occurred_at) if change.times else change.occurred_at
    kind = f"{record_type}.{verb}"
    return Fact(kind, at, change.source, record_type, change.record, owner, change.fields, change.url)


def owner_now(owners: list[Said]) -> str | None:
    """The owner by the latest statement; None if nobody ever was, or it was cleared."""
    return _text(owners[-1]) if owners else None


def owner_at(owners: list[Said], instant: Micros) -> str | None:
    """The owner at an instant, the instant included; before anybody was named, the first ever named."""
    said = owner_said(owners, instant)
    return None if said is None else _text(said)


def owner_said(owners: list[Said], instant: Micros) -> Said | None:
    """The statement that ``owner_at`` answers from."""
    until = [said for said in owners if said[0] <= instant]
    if any(said[2] is not None for said in until):
        return until[-1]
    return next((said for said in owners if said[2] is not None), None)


def run_start(history: list[Said], value: str) -> Micros | None:
    """When the present unbroken run of a value began; None if the latest value is another."""
    began = run_began(history, value)
    return None if began is None else began[0]


def run_began(history: list[Said], value: str) -> Said | None:
    """The statement that ``run_start`` answers from."""
    start = None
    for said in reversed(history):
        if said[2] != value:
            break
        start = said
    return start


class _Deriving:
    """One derivation: the record's identity, fields and credit rule, worked out once for all its facts."""

    def __init__(self, key: RecordKey, record: Record, *, at_fact: bool) -> None:
        self._key = key
        self._record = record
        self._at_fact = at_fact
        self._fields = record.current_fields()
        self._url = None if record.url is None else record.url[2]

    def moments(self) -> Iterator[Fact]:
        """One fact a verb, less the meeting outcome that the other one overrules."""
        moments = self._record.moments
        void = None
        if self._key.record_type == _MEETING and _HELD in moments and _CANCELED in moments:
            void = _CANCELED if moments[_HELD] > moments[_CANCELED] else _HELD
        for verb in moments:
            if verb != void:
                yield from self._credited(f"{self._key.record_type}.{verb}", self._record.moment_at(verb))

    def deal(self) -> Iterator[Fact]:
        """Won or lost, or else open; and the first entry into each stage."""
        won = run_start(self._record.statuses, WON)
        lost = run_start(self._record.statuses, LOST)
        if won is not None:
            yield from self._credited(FactKind.DEAL_WON.value, self._own_time(WON, won))
        elif lost is not None:
            yield from self._credited(FactKind.DEAL_LOST.value, self._own_time(LOST, lost))
        else:
            yield from self._open()
        seen: set[Scalar] = {None}
        for at, _, stage in self._record.stages:
            if stage not in seen:
                seen.add(stage)
                fields = {**self._fields, "stage": stage}
                yield from self._credited(FactKind.DEAL_STAGE_ENTERED.value, at, fields)

    def _open(self) -> Iterator[Fact]:
        amount = self._record.fields.get("amount")
        at = self._record.first_at if amount is None else amount[0]
        owner = owner_now(self._record.owners)
        if owner is not None:
            yield self._fact(FactKind.DEAL_OPEN.value, at, owner, self._fields)

    def _own_time(self, verb: str, start: Micros) -> Micros:
        said = self._record.times.get(verb)
        return start if said is None else said[2]

    def _credited(self, kind: str, at: Micros, fields: dict[str, Scalar] | None = None) -> Iterator[Fact]:
        owners = self._record.owners
        owner = owner_at(owners, at) if self._at_fact else owner_now(owners)
        if owner is not None:
            yield self._fact(kind, at, owner, self._fields if fields is None else fields)

    def _fact(self, kind: str, at: Micros, owner: str, fields: dict[str, Scalar]) -> Fact:
        key = self._key
        return Fact(kind, at, key.source, key.record_type, key.record, owner, fields, self._url)


def _text(said: Said) -> str | None:
    value = said[2]
    return None if value is None else str(value)
