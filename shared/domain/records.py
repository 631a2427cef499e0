"""A CRM record as a set of what was said about it (contract 4.1): merging is commutative, associative, idempotent.

How records are stored: shared.contracts.records.
"""

from __future__ import annotations

from typing import TypeAlias

from msgspec import UNSET, Struct

from shared.domain.changes import EARLIEST_AT, RecordChange, Scalar, Verb
from shared.domain.instants import Micros

Stamp: TypeAlias = tuple[Micros, str]
"""(occurred_at, event id): what orders statements; ids compare by code point."""
Said: TypeAlias = tuple[Micros, str, Scalar]
"""A stamp with the value that was said."""

DEAL = "deal"
OWNER = "owner"
"""What ``missing`` calls the owner, who is no field."""
_NEVER: Micros = EARLIEST_AT - 1
_STATUS_OF_VERB = {Verb.WON.value: "won", Verb.LOST.value: "lost", Verb.REOPENED.value: "open"}
_SILENT_VERBS = frozenset({Verb.UPDATED.value, Verb.DELETED.value, Verb.RESTORED.value, Verb.MERGED.value})
_DERIVED_DEAL_VERBS = frozenset({*_STATUS_OF_VERB, Verb.STAGE_CHANGED.value, "stage_entered", "open"})
NO_MOMENT: dict[str, frozenset[str]] = {DEAL: _SILENT_VERBS | _DERIVED_DEAL_VERBS}
"""Verbs by record type that are no moment: they set something, or the fact of that name is derived."""
NO_MOMENT_ELSEWHERE = _SILENT_VERBS


def is_moment(record_type: str, verb: str) -> bool:
    """Whether an event of this type is a moment, and so a fact."""
    return verb not in NO_MOMENT.get(record_type, NO_MOMENT_ELSEWHERE)


class RecordKey(Struct, frozen=True, gc=False):
    """Which record; its text is ``RecordChange.key``."""

    tenant: str
    source: str
    record_type: str
    record: str

    @classmethod
    def of(cls, change: RecordChange) -> RecordKey:
        """The record that a change speaks of."""
        return cls(change.tenant, change.source, change.record_type, change.record)

    @classmethod
    def parse(cls, text: str) -> RecordKey:
        """From ``RecordChange.key``; only the last part may hold slashes."""
        return cls(*text.split("/", 3))


class Record(Struct, array_like=True, tag=2):
    """Everything that was ever said of a record, folded.

    fields, times, url: last writer wins. owners, statuses, stages: whole histories in order (the last two of deals
    only). moments: the latest event by verb. deleted: the latest of deleted and restored. first_at: earliest event.
    missing: fields that the CRM has but did not tell, by name, as of when; what is told at that time or later is not.
    """

    first_at: Micros
    fields: dict[str, Said] = {}
    owners: list[Said] = []
    moments: dict[str, Stamp] = {}
    times: dict[str, tuple[Micros, str, Micros]] = {}
    statuses: list[Said] = []
    stages: list[Said] = []
    deleted: tuple[Micros, str, bool] | None = None
    merged: bool = False
    url: tuple[Micros, str, str] | None = None
    missing: dict[str, Micros] = {}

    @classmethod
    def of(cls, change: RecordChange) -> Record:
        """The record of which only this is known."""
        record = cls(first_at=change.occurred_at)
        record.merge(change)
        return record

    @property
    def is_gone(self) -> bool:
        """Deleted or merged into another: it has no facts."""
        return self.merged or (self.deleted is not None and self.deleted[2])

    def current_fields(self) -> dict[str, Scalar]:
        """Each field's present value; a cleared one is None."""
        return {name: said[2] for name, said in self.fields.items()}

    def moment_at(self, verb: str) -> Micros:
        """When a known moment was: the CRM's own time for it, else that of its event."""
        said = self.times.get(verb)
        return self.moments[verb][0] if said is None else said[2]

    def merge(self, change: RecordChange) -> bool:
        """Takes up an event; False if it says nothing new, so that nothing has to be stored or derived."""
        stamp = (change.occurred_at, change.event)
        news = self._merge_fields(change, stamp)
        news |= self._merge_times(change, stamp)
        news |= self._merge_life(change, stamp)
        if change.owner is not UNSET:
            news |= _observe(self.owners, (*stamp, change.owner))
        if is_moment(change.record_type, change.verb) and stamp > self.moments.get(change.verb, ()):
            self.moments[change.verb] = stamp
            news = True
        if change.occurred_at < self.first_at:
            self.first_at = change.occurred_at
            news = True
        if change.missing or self.missing:
            news |= self._merge_missing(change)
        return news

    def _merge_fields(self, change: RecordChange, stamp: Stamp) -> bool:
        news = False
        for name, value in _fields_said(change).items():
            said = (*stamp, value)
            known = self.fields.get(name)
            if known is None or order(said) > order(known):
                self.fields[name] = said
                news = True
            if change.record_type == DEAL and name in {"status", "stage"}:
                news |= _observe(self.statuses if name == "status" else self.stages, said)
        return news

    def _merge_times(self, change: RecordChange, stamp: Stamp) -> bool:
        news = False
        for verb, instant in change.times.items():
            if (*stamp, instant) > self.times.get(verb, ()):
                self.times[verb] = (*stamp, instant)
                news = True
        if change.url is not None and (*stamp, change.url) > (self.url or ()):
            self.url = (*stamp, change.url)
            news = True
        return news

    def _merge_missing(self, change: RecordChange) -> bool:
        """What lacks is the latest that was missing of each field, unless as late a statement of it is known.

        What a creation leaves out was never told before: any statement makes up for it, whatever its time.
        """
        before = dict(self.missing)
        as_of = change.occurred_at if change.verb == Verb.UPDATED else EARLIEST_AT
        for name in change.missing:
            self.missing[name] = max(as_of, self.missing.get(name, EARLIEST_AT))
        self.missing = {name: at for name, at in self.missing.items() if self._told_at(name) < at}
        return self.missing != before

    def _told_at(self, name: str) -> Micros:
        """When the latest statement of a field is of; before all times if there is none."""
        if name == OWNER:
            return self.owners[-1][0] if self.owners else _NEVER
        told = self.fields.get(name)
        return _NEVER if told is None else told[0]

    def _merge_life(self, change: RecordChange, stamp: Stamp) -> bool:
        if change.verb == Verb.MERGED:
            news = not self.merged
            self.merged = True
            return news
        if change.verb not in {Verb.DELETED, Verb.RESTORED}:
            return False
        said = (*stamp, change.verb == Verb.DELETED)
        if said <= (self.deleted or ()):
            return False
        self.deleted = said
        return True


def order(said: Said) -> tuple[Micros, str, int, str]:
    """Total order of statements: by stamp; one event that says two things is settled by value, the same everywhere."""
    at, event, value = said
    if value is None:
        return at, event, 0, ""
    return (at, event, 1, str(value)) if isinstance(value, bool) else (at, event, 2, value)


def _fields_said(change: RecordChange) -> dict[str, Scalar]:
    """The fields that an event sets; a deal's won, lost and reopened set the status, whatever its fields say."""
    status = _STATUS_OF_VERB.get(change.verb) if change.record_type == DEAL else None
    return change.fields if status is None else {**change.fields, "status": status}


def _observe(history: list[Said], said: Said) -> bool:
    if said in history:
        return False
    history.append(said)
    history.sort(key=order)
    return True
