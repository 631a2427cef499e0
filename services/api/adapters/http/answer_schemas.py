"""What the main answers look like, for /openapi.json: taken from the very types that are encoded."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
from fastapi import FastAPI
from msgspec import Struct

from shared.domain.reading import Reading
from shared.domain.restatements import RestatementReason

REFERENCE = "#/components/schemas/{name}"


class Readings(Struct, frozen=True):
    """Readings taken at ``as_of``; every source's events up to ``watermark`` are in them."""

    as_of: str
    watermark: str | None
    readings: list[Reading]


class EventBehind(Struct, frozen=True):
    """One event that a fact depends on, with what it said that holds."""

    id: str
    occurred_at: str
    said: dict[str, str | bool | None]


class ElsewhereNow(Struct, frozen=True):
    """Where a fact is that is gone from here."""

    owner: str
    at: str


class ReceiptShown(Struct, frozen=True):
    """One fact: what it adds, or the reason why it does not count. ``at`` is null where it is not known any more."""

    rep: str
    kpi: str
    fact: str
    record: str
    record_type: str
    source: str
    url: str | None
    missing: list[str]
    at: str | None
    fields: dict[str, str | bool | None]
    adds: Decimal | None
    reason: str
    condition: str | None
    decides: bool
    now: ElsewhereNow | None
    events: list[EventBehind]


class ReceiptTotals(Struct, frozen=True):
    """How many there are in all."""

    counted: int
    not_counted: int


class Receipts(Struct, frozen=True):
    """The facts behind a reading. ``consistent``: they are of the very instant of the reading."""

    as_of: str
    watermark: str | None
    reading: Reading
    consistent: bool
    counted: list[ReceiptShown]
    not_counted: list[ReceiptShown]
    totals: ReceiptTotals
    next: str | None


class RestatedPeriod(Struct, frozen=True):
    """A closed period; its bounds are null if the calendar has no such period any more."""

    kind: str
    id: str
    start: str | None
    end: str | None
    time_zone: str | None


class RestatingEvent(Struct, frozen=True):
    """The event because of which a closed period changed."""

    id: str
    source: str | None
    record_type: str | None
    record: str | None
    url: str | None


class RestatementShown(Struct, frozen=True, rename={"before": "from", "after": "to"}):
    """One reading of a closed period that changed; ``event`` is null where an edit of the configuration did it."""

    rep: str
    kpi: str
    definition: str
    period: RestatedPeriod
    before: Decimal | None
    after: Decimal | None
    at: str
    reason: RestatementReason
    event: RestatingEvent | None


class Restatements(Struct, frozen=True):
    """Readings of closed periods that changed, the last ones first."""

    as_of: str
    watermark: str | None
    restatements: list[RestatementShown]


class Problem(Struct, frozen=True):
    """RFC 9457: why there is no answer. ``reason`` is stable."""

    type: str
    title: str
    status: int
    reason: str
    detail: str


def answering(answer: type[Struct]) -> dict[int | str, dict[str, Any]]:
    """A route's ``responses``: the answer as JSON, else a problem document."""
    return {
        200: {"content": {"application/json": {"schema": _reference(answer)}}},
        "4XX": {
            "description": "Refused; the reason says why",
            "content": {"application/problem+json": {"schema": _reference(Problem)}},
        },
    }


def describe(app: FastAPI) -> None:
    """Puts the schemas that ``answering`` refers to into the application's OpenAPI document."""
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        document = generate()
        schemas = document.setdefault("components", {}).setdefault("schemas", {})
        schemas |= {name: known for name, known in _components().items() if name not in schemas}
        return document

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's own way to extend the document


def _components() -> dict[str, object]:
    _, components = msgspec.json.schema_components([Readings, Receipts, Restatements, Problem], ref_template=REFERENCE)
    return {name: _with_numbers(schema) for name, schema in components.items()}


def _with_numbers(schema: object) -> object:
    """Decimals are encoded as JSON numbers."""
    if isinstance(schema, list):
        return [_with_numbers(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    if schema.get("format") == "decimal":
        return {"type": "number"}
    return {name: _with_numbers(part) for name, part in schema.items()}


def _reference(answer: type[Struct]) -> dict[str, str]:
    return {"$ref": REFERENCE.format(name=answer.__name__)}
