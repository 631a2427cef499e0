"""What a delivery says of one Salesforce record, and what can be told from its flags."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, auto

from msgspec import Struct

from services.ingest.domain import said
from services.ingest.domain.delivery import RejectReason
from services.ingest.domain.json_values import Json
from services.ingest.domain.stages import status_of
from services.ingest.providers.salesforce_fields import instant_of, text_of
from shared.domain.instants import Micros
from shared.domain.sources import Source

TASK = "Task"
CALL_FIELDS = ("CallType", "CallDurationInSeconds", "CallDisposition", "CallObject")
_WON, _LOST = frozenset({"Closed Won"}), frozenset({"Closed Lost"})
"""Stages that Salesforce comes with; a source's own lists replace them."""


class Kind(Enum):
    """How a delivery speaks of a record: its values of now, or one change."""

    SNAPSHOT = auto()
    CREATE = auto()
    UPDATE = auto()
    DELETE = auto()
    UNDELETE = auto()


class State(Struct, frozen=True):
    """What a delivery says of one record. ``fields``: only what is said, None clears; ``changed``: surely new;
    ``missing``: our names of what changed and was not sent along.
    """

    object: str
    record: str
    kind: Kind
    fields: Mapping[str, Json] = {}
    changed: frozenset[str] = frozenset()
    missing: tuple[str, ...] = ()

    def flag(self, name: str) -> bool | None:
        """A checkbox, None where nothing is said of it."""
        value = self.fields.get(name)
        if value is not None and not isinstance(value, bool):
            said.refuse(RejectReason.INVALID_FIELDS, f"{name} is true or false")
        return value


def version_time(fields: Mapping[str, Json]) -> Micros:
    """When the values were these. Raises: Unusable."""
    stamp = fields.get("LastModifiedDate") or fields.get("SystemModstamp")
    if stamp is None:
        said.refuse(RejectReason.MISSING_TIME, "LastModifiedDate is missing: select it among the message's fields")
    return instant_of(stamp, "LastModifiedDate")


def created_at(state: State) -> Micros | None:
    """When the record was created; None where nothing is said of it. Raises: Unusable."""
    stamp = state.fields.get("CreatedDate")
    return None if stamp is None else instant_of(stamp, "CreatedDate")


def is_uncertain(state: State) -> bool:
    """Whether it concerns a task of which nothing tells what kind it is."""
    evidence = ("TaskSubtype", *CALL_FIELDS)
    speaks = any(state.fields.get(name) is not None for name in evidence)
    return state.object == TASK and state.kind is Kind.UPDATE and not speaks


def is_done(state: State) -> bool:
    """Whether a task is closed. What says nothing of it is done when it is created: it was logged."""
    closed, status = state.flag("IsClosed"), state.fields.get("Status")
    if closed is None and status is None:
        return state.kind is not Kind.UPDATE
    return closed is True or (closed is None and status == "Completed")


def is_completed(state: State) -> bool:
    """Whether this delivery says that a task was closed, not that it is so still."""
    said_now = not state.changed or not state.changed.isdisjoint({"Status", "IsClosed"})
    return is_done(state) and said_now


def deal_status(state: State, source: Source) -> str | None:
    """won, lost or open; by the CRM's own flags, else by the stage. None where nothing tells. Raises: Unusable."""
    won, closed = state.flag("IsWon"), state.flag("IsClosed")
    if won is True:
        return "won"
    if closed is False:
        return "open"
    one_changed = (closed is True and "IsClosed" in state.changed) or (won is False and "IsWon" in state.changed)
    if (closed is True and won is False) or one_changed:
        return "lost"  # of two flags one that is not among the changes did not change: it was closed, or not won
    stage = text_of(state.fields.get("StageName"))
    status = status_of(stage, source, won=_WON, lost=_LOST) if stage else None
    contradicts = (won is False and status == "won") or (closed is True and status == "open")
    return None if contradicts else status
