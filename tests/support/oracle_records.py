"""The oracle's records: all that was said of one, sorted, and the facts that follow (contract 4.1 to 4.4)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

STATUSES = {"deal.won": "won", "deal.lost": "lost", "deal.reopened": "open"}
SETTING = ("updated", "deleted", "restored", "merged")


@dataclass
class Fact:
    """What counts: for ``deal.open``, ``at`` is when its amount was last set."""

    kind: str
    at: datetime
    source: str
    owner: str
    fields: dict[str, Any]


def facts_of_record(source: str, record_type: str, events: list[dict[str, Any]], *, at_fact: bool) -> Iterator[Fact]:
    """All facts of one record. ``at_fact``: the owner at the fact is credited, else the owner now."""
    said = sorted({_order(event): event for event in events}.values(), key=_order)
    if any(event["type"].endswith(".merged") for event in said):
        return
    life = [event["type"].split(".")[1] for event in said if event["type"].split(".")[1] in {"deleted", "restored"}]
    if life and life[-1] == "deleted":
        return
    owners = [(_at(event), owner) for event in said for owner in _owner_said(event)]
    fields: dict[str, Any] = {}
    for event in said:
        fields.update(_fields_said(event))
    for kind, at, own in _kinds(record_type, said, fields):
        now = owners[-1][1] if owners else None
        owner = _owner_at(owners, at) if at_fact and kind != "deal.open" else now
        if owner is not None:
            yield Fact(kind, at, source, owner, own)


def _kinds(
    record_type: str, said: list[dict[str, Any]], fields: dict[str, Any]
) -> Iterator[tuple[str, datetime, dict[str, Any]]]:
    moments = {event["type"]: _at(event) for event in said if _is_moment(event["type"])}
    outcomes = [event["type"] for event in said if event["type"] in {"meeting.held", "meeting.canceled"}]
    for kind, at in moments.items():
        if kind not in {"meeting.held", "meeting.canceled"} or kind == outcomes[-1]:
            yield kind, at, fields
    if record_type == "deal":
        yield from _deal_kinds(said, fields)


def _deal_kinds(said: list[dict[str, Any]], fields: dict[str, Any]) -> Iterator[tuple[str, datetime, dict[str, Any]]]:
    statuses = [(_at(event), _fields_said(event)["status"]) for event in said if "status" in _fields_said(event)]
    status = statuses[-1][1] if statuses else "open"
    if status in {"won", "lost"}:
        run = []
        for at, value in reversed(statuses):
            if value != status:
                break
            run.append(at)
        yield f"deal.{status}", run[-1], fields
    else:
        amounts = [_at(event) for event in said if "amount" in _fields_said(event)]
        yield "deal.open", amounts[-1] if amounts else _at(said[0]), fields
    entered: dict[str, datetime] = {}
    for event in said:
        stage = _fields_said(event).get("stage")
        if stage is not None:
            entered.setdefault(stage, _at(event))
    for stage, at in entered.items():
        yield "deal.stage_entered", at, {**fields, "stage": stage}


def _is_moment(event_type: str) -> bool:
    if event_type in {*STATUSES, "deal.stage_changed"}:
        return False
    return event_type.split(".")[1] not in SETTING


def _fields_said(event: dict[str, Any]) -> dict[str, Any]:
    """Its fields, with the status that its type sets."""
    fields = {name: value for name, value in event.get("fields", {}).items() if name != "owner"}
    if event["type"] in STATUSES:
        fields["status"] = STATUSES[event["type"]]
    return fields


def _owner_said(event: dict[str, Any]) -> Iterable[str | None]:
    """At most one owner: ``fields.owner`` goes before ``rep``; ``rep: null`` says nothing."""
    if "owner" in event.get("fields", {}):
        return [event["fields"]["owner"]]
    return [] if event.get("rep") is None else [event["rep"]]


def _owner_at(owners: list[tuple[datetime, str | None]], at: datetime) -> str | None:
    before = [owner for named_at, owner in owners if named_at <= at]
    if any(owner is not None for owner in before):
        return before[-1]
    return next((owner for _, owner in owners if owner is not None), None)


def _order(event: dict[str, Any]) -> tuple[datetime, str]:
    return _at(event), event["id"]


def _at(event: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(event["occurred_at"])
