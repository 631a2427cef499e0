"""Builders of record changes; a test names only what matters to it."""

from __future__ import annotations

from typing import Any

from shared.contracts.messages import encode_change
from shared.domain.changes import RecordChange
from shared.domain.instants import SECOND_US, Micros, parse

T0 = parse("2026-11-23T09:00:00Z")
"""A Monday morning, ten o'clock in Berlin."""
MINUTE_US = 60 * SECOND_US
HOUR_US = 60 * MINUTE_US


def change(event_type: str = "call.logged", *, record: str = "r-1", at: Micros = T0, **others: Any) -> RecordChange:
    """A change of ana's record; its event id follows from what it says unless ``event`` names it."""
    record_type, verb = event_type.split(".")
    defaults: dict[str, Any] = {
        "tenant": "acme",
        "source": "native",
        "record_type": record_type,
        "record": record,
        "verb": verb,
        "event": f"e-{record}-{event_type}-{at}",
        "occurred_at": at,
        "received_at": at + SECOND_US,
        "owner": "ana",
    }
    return RecordChange(**defaults | others)


def call(record: str = "c-1", **others: Any) -> RecordChange:
    """An outbound call of two minutes."""
    fields = {"direction": "outbound", "duration_seconds": "120", "account": "a-1", "outcome": "connected"}
    return change("call.logged", record=record, **{"fields": fields} | others)


def deal(verb: str, *, record: str = "d-1", at: Micros = T0, **fields: Any) -> RecordChange:
    """Something that happens to a deal of ana's; keywords are its fields, but for ``owner`` and ``event``."""
    named = {name: fields.pop(name) for name in ("owner", "event", "times", "source") if name in fields}
    return change(f"deal.{verb}", record=record, at=at, fields=fields, **named)


def on_the_log(changes: list[RecordChange]) -> list[bytes]:
    """As crm.events holds them."""
    return [encode_change(one) for one in changes]
