"""The answer of ``pacer diff``: a table for people, JSON for programs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

import msgspec

from cli.diff.comparing import Change, Moved
from cli.diff.tenant_diff import TenantDiff
from shared.configuration import Unanswerable
from shared.domain.exact import plain
from shared.domain.instants import Micros, text

NONE = "-"
HEAD = ("who", "KPI", "period", "value", "", "", "target", "", "expected", "")
_encode = msgspec.json.Encoder(decimal_format="number").encode


def as_json(found: Sequence[TenantDiff], refused: Sequence[Unanswerable], now: Micros) -> bytes:
    """``{"at", "refused": [{reason, about, text}], "tenants": [{tenant, changes, alerts, ...}]}``, JSON numbers."""
    tenants = [
        {
            "tenant": each.tenant,
            "measurable": each.measurable,
            "moved_records": each.moved_records,
            "changes": [_change(change) for change in each.changes],
            "alerts": [
                {
                    "change": alert.turn,
                    "dedup_key": alert.dedup_key,
                    "rule": alert.rule,
                    "reason": alert.reason,
                    "text": alert.text,
                }
                for alert in each.alerts
            ],
        }
        for each in found
    ]
    return _encode({"at": text(now), "refused": refused, "tenants": tenants})


def _change(change: Change) -> dict[str, Any]:
    return {
        change.kind.value: change.subject,
        "kpi": change.kpi,
        "period": {"kind": change.period_kind, "id": change.period},
        "current": change.is_current,
        "value": _moved(change.value),
        "target": _moved(change.target),
        "expected_to_date": _moved(change.expected),
    }


def _moved(moved: Moved) -> dict[str, Decimal | None]:
    return {"from": moved.old, "to": moved.new, "difference": moved.difference}


def as_lines(found: TenantDiff, limit: int) -> Iterator[str]:
    """The tenant's part for people; at most ``limit`` readings are listed."""
    if found.is_empty:
        yield f"{found.tenant}: nothing moves"
        return
    subjects = Counter(change.kind for change in found.changes)
    counts = ", ".join(f"{count:,} of {kind}s" for kind, count in subjects.items()) or "none"
    records = f"; facts of {found.moved_records:,} records are elsewhere" if found.moved_records else ""
    yield f"{found.tenant}: readings that move: {counts}{records}"
    ordered = sorted(found.changes, key=lambda change: not change.is_current)
    yield from _table([HEAD, *(_row(change) for change in ordered[:limit])])
    if len(ordered) > limit:
        yield f"... and {len(ordered) - limit:,} more: --limit {len(ordered)}, or --json"
    if not found.measurable:
        yield "alerts: none would begin or end, as a source is out"
    for alert in found.alerts:
        yield f"alert {alert.dedup_key} {alert.turn.replace('_', ' ')}: {alert.text}"


def _row(change: Change) -> tuple[str, ...]:
    who = change.subject if change.kind == "rep" else f"team {change.subject}"
    difference = change.value.difference
    sign = "+" if difference is not None and difference > 0 else ""
    moved = "" if not change.value.differs or difference is None else f"({sign}{plain(difference)})"
    return (
        who,
        change.kpi,
        change.period if not change.is_current else f"{change.period} (now)",
        *_from_to(change.value),
        moved,
        *_from_to(change.target),
        *_from_to(change.expected),
    )


def _from_to(moved: Moved) -> tuple[str, str]:
    """One number where it stays, two where it moves."""
    if not moved.differs:
        return _shown(moved.old), ""
    return _shown(moved.old), f"-> {_shown(moved.new)}"


def _shown(number: Decimal | None) -> str:
    return NONE if number is None else plain(number)


def _table(rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEAD))]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True) if width).rstrip()
