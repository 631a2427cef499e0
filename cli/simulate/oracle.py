"""The exact numbers that a set of sent events must lead to, computed the slow, obvious way.

Events are grouped by record, each record is read from scratch, its facts are listed and the KPIs folded over them,
as docs and contract word it. Nothing here is shared with the services: where both agree, both are right.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from typing import Any

import msgspec

from cli.simulate.oracle_folds import fold, satisfies, stock
from cli.simulate.oracle_rules import OracleRules
from cli.simulate.wire import Element

Field = str | None
Said = tuple[int, str, Field]
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
STATUS_OF = {"won": "won", "lost": "lost", "reopened": "open"}
SILENT = {"updated", "deleted", "restored", "merged", "won", "lost", "reopened", "stage_changed"}


@dataclass(frozen=True)
class Statement:
    """One event in neutral words; ``order`` is (occurred at in microseconds, event id)."""

    record: tuple[str, str, str]
    verb: str
    order: tuple[int, str]
    fields: Mapping[str, Field]


@dataclass(frozen=True)
class OracleFact:
    """One thing that counts for an owner; ``at`` None is a state that holds now, its amount set at ``set_at``."""

    kind: str
    at: int | None
    owner: tuple[str, str]
    fields: Mapping[str, Field]
    set_at: int = 0


def expected_values(elements: Iterable[Element], rules: OracleRules, *, now: int) -> bytes:
    """JSON: rep -> KPI -> period id -> value, for every period in which the rep has a fact.

    Numbers are exact: money to four places, ratios to six. A KPI without a value there is null. ``now`` in
    microseconds decides in which periods a stock is shown.
    """
    records: defaultdict[tuple[str, str, str], dict[tuple[int, str], Statement]] = defaultdict(dict)
    for element in elements:
        said = _native(element) if element.source not in rules.hubspot else _hubspot(element, rules)
        records[said.record][said.order] = said
    by_rep: defaultdict[str, list[OracleFact]] = defaultdict(list)
    for record, statements in records.items():
        for fact in facts_of(record, [statements[order] for order in sorted(statements)], rules):
            if (rep := rules.owners.get(fact.owner)) is not None:
                by_rep[rep].append(fact)
    with localcontext(prec=100, rounding=ROUND_HALF_EVEN):
        values = {rep: _values(rep, facts, rules, now=now) for rep, facts in sorted(by_rep.items())}
    return msgspec.json.format(msgspec.json.Encoder(decimal_format="number").encode(values))


def _native(element: Element) -> Statement:
    body: dict[str, Any] = element.body
    kind, verb = body["type"].split(".")
    fields: dict[str, Field] = dict(body.get("fields", {}))
    if verb in STATUS_OF and kind == "deal":
        fields["status"] = STATUS_OF[verb]
    if body.get("rep") is not None:
        fields.setdefault("owner", body["rep"])
    record = (element.source, kind, body.get("record") or body["id"])
    return Statement(record, verb, (element.occurred_at, body["id"]), fields)


def _hubspot(element: Element, rules: OracleRules) -> Statement:
    body: dict[str, Any] = element.body
    kind = "call" if body.get("objectTypeId") == "0-48" else "deal"
    action = body["subscriptionType"].split(".")[1]
    verb = {"creation": "logged" if kind == "call" else "created", "deletion": "deleted"}.get(action, "updated")
    fields = _property(body["propertyName"], body["propertyValue"], rules) if verb == "updated" else {}
    record = (element.source, kind, str(body["objectId"]))
    return Statement(record, verb, (body["occurredAt"] * 1000, str(body["eventId"])), fields)


def _property(name: str, value: str, rules: OracleRules) -> dict[str, Field]:
    match name:
        case "dealstage":
            status = "won" if value in rules.won else "lost" if value in rules.lost else "open"
            return {"stage": value, "status": status}
        case "hubspot_owner_id":
            return {"owner": value or None}
        case "hs_call_direction":
            return {"direction": value.lower()}
        case "hs_call_duration":
            return {"duration_seconds": str(Decimal(value) / 1000)}
    return {name: value or None}


def facts_of(record: tuple[str, str, str], said: list[Statement], rules: OracleRules) -> list[OracleFact]:
    """The facts of one record; ``said`` is all that was said of it, in order, nothing twice."""
    source, kind, _ = record
    verbs = [statement.verb for statement in said]
    gone = [verb for verb in verbs if verb in {"deleted", "restored"}]
    if "merged" in verbs or (gone and gone[-1] == "deleted"):
        return []
    fields = {name: value for statement in said for name, value in statement.fields.items()}
    public = {name: value for name, value in fields.items() if name != "owner"}
    owners = _history(said, "owner")
    moments = _moments(kind, said)
    facts = []
    for name, at, more in moments:
        owner = _owner_at(owners, at) if rules.credited_at_fact(kind) else fields.get("owner")
        if owner is not None:
            facts.append(OracleFact(f"{kind}.{name}", at, (source, owner), {**public, **more}))
    owner = fields.get("owner")
    if kind == "deal" and fields.get("status") not in {"won", "lost"} and owner is not None:
        set_at = max((at for at, _, _ in _history(said, "amount")), default=0)
        facts.append(OracleFact("deal.open", None, (source, owner), public, set_at))
    return facts


def _moments(kind: str, said: list[Statement]) -> list[tuple[str, int, dict[str, Field]]]:
    """(verb, instant, fields of its own): the latest of each verb, runs of status, first entries of stages."""
    latest = {statement.verb: statement.order for statement in said if kind != "deal" or statement.verb not in SILENT}
    for verb in SILENT - {"won", "lost", "reopened", "stage_changed"}:
        latest.pop(verb, None)
    if kind == "meeting" and {"held", "canceled"} <= latest.keys():
        latest.pop(min("held", "canceled", key=latest.__getitem__))
    moments: list[tuple[str, int, dict[str, Field]]] = [(verb, order[0], {}) for verb, order in latest.items()]
    if kind == "deal":
        for at, _, stage in reversed(_history(said, "stage")):
            moments = [m for m in moments if m[2].get("stage") != stage]
            moments += [("stage_entered", at, {"stage": stage})] if stage is not None else []
        start: tuple[str, int] | None = None
        for at, _, status in _history(said, "status"):
            start = start if start is not None and start[0] == status else (str(status), at)
        moments += [(*start, {})] if start is not None and start[0] in {"won", "lost"} else []
    return moments


def _history(said: list[Statement], name: str) -> list[Said]:
    return [(*statement.order, statement.fields[name]) for statement in said if name in statement.fields]


def _owner_at(owners: list[Said], at: int) -> Field:
    named = [owner for since, _, owner in owners if since <= at]
    return named[-1] if named else next((owner for _, _, owner in owners if owner is not None), None)


def _values(rep: str, facts: list[OracleFact], rules: OracleRules, *, now: int) -> dict[str, dict[str, Decimal | None]]:
    """KPI -> period id -> value of one rep."""
    by_period: defaultdict[tuple[str, date], list[OracleFact]] = defaultdict(list)
    for fact in facts:
        if fact.at is not None:
            for touched in period_ids(_local_day(rep, fact.at, rules), rules).items():
                by_period[touched].append(fact)
    states = [fact for fact in facts if fact.at is None]
    today = period_ids(_local_day(rep, now, rules), rules)
    values: dict[str, dict[str, Decimal | None]] = {}
    for kpi_id in dict.fromkeys(kpi["id"] for kpi in rules.kpis):
        values[kpi_id] = {}
        for period, first in dict.fromkeys([*by_period, *today.items()]):
            kpi, is_now = rules.in_force(kpi_id, first), period in today
            if is_now or not _is_stock(kpi):
                inside = [*by_period.get((period, first), ()), *(states if is_now else ())]
                if inside or _is_stock(kpi):
                    values[kpi_id][period] = _value(kpi, inside, first, rep, rules, is_now=is_now)
    return values


def _is_stock(kpi: Mapping[str, Any] | None) -> bool:
    return kpi is not None and kpi["aggregate"] == "latest"


def _value(
    kpi: Mapping[str, Any] | None, facts: list[OracleFact], first: date, rep: str, rules: OracleRules, *, is_now: bool
) -> Decimal | None:
    """A KPI's number of the facts of a period that begins on ``first``; None before its first version.

    What holds now is nothing at any other time.
    """
    if kpi is None or (not is_now and (_is_stock(kpi) or set(kpi.get("facts", ())) == {"deal.open"})):
        return None
    if kpi["aggregate"] == "ratio":
        parts = (rules.in_force(kpi[part], first) for part in ("numerator", "denominator"))
        return _ratio(*(_value(part, facts, first, rep, rules, is_now=is_now) for part in parts))
    amounts = _amounts(kpi, facts, rep, rules)
    return stock(amounts) if _is_stock(kpi) else fold(kpi, amounts)


def _amounts(kpi: Mapping[str, Any], facts: list[OracleFact], rep: str, rules: OracleRules) -> list[Decimal | Field]:
    """What each fact that counts brings: its field, money in the tenant's currency, None without a number or rate."""
    found: list[Decimal | Field] = []
    for fact in facts:
        if fact.kind not in kpi["facts"] or not satisfies(fact.fields, kpi.get("where", {})):
            continue
        value = fact.fields.get(kpi.get("field", ""))
        if kpi["unit"] == "money" and value is not None:
            day = _local_day(rep, fact.set_at if fact.at is None else fact.at, rules)
            rate = rules.rate(fact.fields.get("currency") or rules.currency, day)
            found.append(None if rate is None else (Decimal(value) * rate).quantize(Decimal("0.0001")))
        else:
            found.append(value)
    return found


def _ratio(numerator: Decimal | None, denominator: Decimal | None) -> Decimal | None:
    if numerator is None or not denominator:
        return None
    return (numerator / denominator).quantize(Decimal("0.000001"))


def _local_day(rep: str, at: int, rules: OracleRules) -> date:
    return (EPOCH + timedelta(microseconds=at)).astimezone(rules.zones[rep]).date()


def period_ids(day: date, rules: OracleRules) -> dict[str, date]:
    """The day, week, month, fiscal quarter and fiscal year that contain a local day, each with its first day."""
    week = day - timedelta(days=(day.weekday() - rules.week_start) % 7)
    year = day.year if day.month >= rules.fiscal_month else day.year - 1
    quarter = (day.month - rules.fiscal_month) % 12 // 3 + 1
    month = (rules.fiscal_month - 1) + 3 * (quarter - 1)
    return {
        f"{day}": day,
        f"w{week}": week,
        f"{day:%Y-%m}": day.replace(day=1),
        f"{year:04d}-q{quarter}": date(year + month // 12, month % 12 + 1, 1),
        f"{year:04d}": date(year, rules.fiscal_month, 1),
    }
