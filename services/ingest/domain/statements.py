"""What one notification says, before it is known whose notification it is: some say several things at once."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import UNSET, Struct, UnsetType

from services.ingest.domain.delivery import Accepted, Context
from shared.domain.changes import RecordChange, Scalar
from shared.domain.instants import Micros


class Statement(Struct, frozen=True, kw_only=True):
    """One thing said of one record. ``mark`` tells it from what else the notification says, of whatever record.

    ``missing`` as in RecordChange: what the CRM has to be asked for.
    """

    kind: str
    record: str
    verb: str
    fields: dict[str, Scalar] = {}
    owner: str | UnsetType | None = UNSET
    times: dict[str, Micros] = {}
    mark: str = ""
    missing: tuple[str, ...] = ()


def accepted(statements: Iterable[Statement], *, event: str, at: Micros, context: Context) -> Accepted:
    """All that the notification ``event``, of the version ``at``, says."""
    return Accepted(tuple(change_of(one, event=event, at=at, context=context) for one in statements))


def change_of(statement: Statement, *, event: str, at: Micros, context: Context) -> RecordChange:
    """The record change that a statement of the notification ``event``, of the version ``at``, means."""
    return RecordChange(
        tenant=context.source.tenant,
        source=context.source.id,
        record_type=statement.kind,
        record=statement.record,
        verb=statement.verb,
        event=f"{event}:{statement.mark}" if statement.mark else event,
        occurred_at=at,
        received_at=context.received_at,
        fields=statement.fields,
        owner=statement.owner,
        times=statement.times,
        delivery=context.delivery,
        missing=statement.missing,
    )
