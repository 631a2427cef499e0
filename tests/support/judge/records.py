"""Events to facts. Contract 4.1 to 4.4: a record is what its set of events says, a fact is what a record gives."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

SET_STATUS = {"deal.won": "won", "deal.lost": "lost", "deal.reopened": "open"}
NO_MOMENT_VERBS = ("updated", "deleted", "restored", "merged")
NO_MOMENT_DEAL_VERBS = ("won", "lost", "reopened", "stage_changed", "stage_entered", "open")
"""The status and stage histories give these facts, not their events."""


@dataclass(frozen=True)
class Fact:
    kind: str
    source: str
    record: tuple[str, str, str]  # source, record type, record id
    stage: str | None  # what sets two stage entries of a deal apart
    at: datetime
    owner: str | None  # by the credit rule; None: nobody
    fields: dict[str, Any]
    set_at: dict[str, datetime]  # when each field was last set
    state: bool = False


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def event_order(event: dict[str, Any]) -> tuple[datetime, str]:
    return instant(event["occurred_at"]), event["id"]


def record_of(event: dict[str, Any]) -> tuple[str, str, str]:
    record = event.get("record")
    return (
        event.get("source", "native"),
        event["type"].split(".")[0],
        event["id"] if record is None else record,
    )


def facts_of(events: Iterable[dict[str, Any]], credit: dict[str, str]) -> list[Fact]:
    """Every fact of every record; `credit` by record type, with "*"."""
    by_record: dict[tuple[str, str, str], list[dict[str, Any]]] = defaultdict(list)
    for event in events:
        by_record[record_of(event)].append(event)
    found: list[Fact] = []
    for record, said in by_record.items():
        rule = credit.get(record[1], credit.get("*", "current"))
        found += record_facts(record, sorted(said, key=event_order), rule)
    return found


def record_facts(record: tuple[str, str, str], said: list[dict[str, Any]], rule: str) -> list[Fact]:
    """`said`: the record's events, earliest first (equal times by event id)."""
    if is_over(said):
        return []
    fields, set_at = current_fields(said)
    owners = owner_history(said)
    found = []
    for kind, stage, at in timed_kinds(record[1], said):
        own = {**fields, "stage": stage} if stage is not None else fields
        owner = owner_at(owners, at) if rule == "at_fact" else owner_now(owners)
        found.append(Fact(kind, record[0], record, stage, at, owner, own, set_at))
    if record[1] == "deal" and fields.get("status") not in ("won", "lost"):
        first = event_order(said[0])[0]
        found.append(Fact("deal.open", record[0], record, None, first, owner_now(owners), fields, set_at, True))
    return found


def is_over(said: list[dict[str, Any]]) -> bool:
    """Merged away (at any time), or deleted later than restored."""
    deleted = False
    for event in said:
        verb = event["type"].split(".")[1]
        if verb == "merged":
            return True
        if verb in ("deleted", "restored"):
            deleted = verb == "deleted"
    return deleted


def current_fields(said: list[dict[str, Any]]) -> tuple[dict[str, Any], dict[str, datetime]]:
    fields: dict[str, Any] = {}
    set_at: dict[str, datetime] = {}
    for event in said:
        for name, value in what_it_sets(event).items():
            fields[name] = value
            set_at[name] = event_order(event)[0]
    return fields, set_at


def what_it_sets(event: dict[str, Any]) -> dict[str, Any]:
    """The fields that one event sets; the type goes before `fields.status`."""
    sets = dict(event.get("fields") or {})
    if event["type"] in SET_STATUS:
        sets["status"] = SET_STATUS[event["type"]]
    return sets


def history(said: list[dict[str, Any]], name: str) -> list[tuple[datetime, Any]]:
    sets = [(event_order(event)[0], what_it_sets(event)) for event in said]
    return [(at, values[name]) for at, values in sets if name in values]


def owner_history(said: list[dict[str, Any]]) -> list[tuple[datetime, Any]]:
    """Who was named, null where cleared; `fields.owner` goes before `rep`, and `rep: null` says nothing."""
    named = []
    for event in said:
        fields = event.get("fields") or {}
        if "owner" in fields:
            named.append((event_order(event)[0], fields["owner"]))
        elif event.get("rep") is not None:
            named.append((event_order(event)[0], event["rep"]))
    return named


def owner_now(owners: list[tuple[datetime, Any]]) -> str | None:
    return owners[-1][1] if owners else None


def owner_at(owners: list[tuple[datetime, Any]], at: datetime) -> str | None:
    """Who owned it then, that instant included; the first ever named if none was yet."""
    until_then = [owner for set_at, owner in owners if set_at <= at]
    if any(owner is not None for owner in until_then):
        return until_then[-1]
    named = [owner for _, owner in owners if owner is not None]
    return named[0] if named else None


def timed_kinds(record_type: str, said: list[dict[str, Any]]) -> list[tuple[str, str | None, datetime]]:
    """(kind, stage, time) of each moment of a living record."""
    latest: dict[str, datetime] = {}
    for event in said:
        verb = event["type"].split(".")[1]
        if verb in NO_MOMENT_VERBS or (record_type == "deal" and verb in NO_MOMENT_DEAL_VERBS):
            continue
        if event["type"] in ("meeting.held", "meeting.canceled"):
            latest.pop("meeting.held", None)
            latest.pop("meeting.canceled", None)
        latest[event["type"]] = event_order(event)[0]
    moments: list[tuple[str, str | None, datetime]] = [(kind, None, at) for kind, at in latest.items()]
    if record_type == "deal":
        moments += closed(history(said, "status"))
        moments += entered(history(said, "stage"))
    return moments


def closed(statuses: list[tuple[datetime, Any]]) -> list[tuple[str, str | None, datetime]]:
    """`deal.won` or `deal.lost`, at the start of the present unbroken run of that status."""
    if not statuses or statuses[-1][1] not in ("won", "lost"):
        return []
    now = statuses[-1][1]
    started = statuses[-1][0]
    for at, status in reversed(statuses):
        if status != now:
            break
        started = at
    return [(f"deal.{now}", None, started)]


def entered(stages: list[tuple[datetime, Any]]) -> list[tuple[str, str | None, datetime]]:
    first: dict[Any, datetime] = {}
    for at, stage in stages:
        if stage is not None:
            first.setdefault(stage, at)
    return [("deal.stage_entered", stage, at) for stage, at in first.items()]
