"""Why a fact that a page once held is there no more, as far as its record tells."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct
from msgspec.structs import replace

from shared.domain.derivation import facts_of
from shared.domain.facts import Fact, FactName, utc_day
from shared.domain.instants import DAY_US, EPOCH, Micros, from_datetime
from shared.domain.records import Record, RecordKey
from shared.domain.tenant import Tenant


class Gone(StrEnum):
    """What became of a fact."""

    DELETED = "record_deleted"
    MERGED = "record_merged"
    REASSIGNED = "reassigned"
    MOVED = "moved_to_another_day"
    ENDED = "no_longer_holds"
    UNOWNED = "no_owner"
    WITHDRAWN = "withdrawn"
    """The record is no longer kept, or its last change is still on its way here."""


class Withdrawal(Struct, frozen=True):
    """A fact that is gone from a rep's page. ``at``: when it was, None where nothing tells any more.

    ``now``: the same fact where it is today.
    """

    name: FactName
    page: str
    reason: Gone
    at: Micros | None = None
    now: Fact | None = None

    @property
    def shown_at(self) -> Micros:
        """Where it stands among others: a time that is not known is taken as the noon of its page, in UTC."""
        return noon(self.page) if self.at is None else self.at


def noon(page: str) -> Micros:
    """Twelve o'clock of a page's UTC day."""
    return from_datetime(EPOCH.fromisoformat(f"{page}T00:00:00+00:00")) + DAY_US // 2


def withdrawal(tenant: Tenant, rep_id: str, name: FactName, page: str, record: Record | None) -> Withdrawal:
    """Why a rep's page holds a fact no more."""
    if record is None:
        return Withdrawal(name, page, Gone.WITHDRAWN)
    living = replace(record, deleted=None, merged=False)
    fact = _fact(tenant, name, living)
    at = fact.at if fact is not None and fact.page == page else _said_on(record, name, page)
    if record.is_gone:
        return Withdrawal(name, page, Gone.MERGED if record.merged else Gone.DELETED, at)
    return Withdrawal(name, page, _reason(tenant, rep_id, page, living, fact), at, fact)


def _reason(tenant: Tenant, rep_id: str, page: str, record: Record, fact: Fact | None) -> Gone:
    if fact is None:
        return Gone.UNOWNED if not record.owners or record.owners[-1][2] is None else Gone.ENDED
    if tenant.subject_of(fact.source, fact.owner) != rep_id:
        return Gone.REASSIGNED
    return Gone.WITHDRAWN if fact.page == page else Gone.MOVED


def _fact(tenant: Tenant, name: FactName, record: Record) -> Fact | None:
    """The same fact as it is now."""
    key = RecordKey(tenant.id, name.source, name.record_type, name.record)
    return next((fact for fact in facts_of(key, record, tenant.credit) if FactName.parse(fact.id) == name), None)


def _said_on(record: Record, name: FactName, page: str) -> Micros | None:
    """When a deal was last said to be won or lost on the page's day: histories keep what no longer holds."""
    times = [said[0] for said in record.statuses if said[2] == name.verb and utc_day(said[0]) == page]
    return times[-1] if times else None
