"""Random worlds: a tenant's whole configuration and what its CRMs say, made to collide and to sit on every border.

``rng`` has the methods of ``random.Random``; hypothesis gives one that it can shrink.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

from tests.support.judge.values import Raw

ZONES = (
    *("Europe/Berlin", "America/New_York", "Asia/Kolkata", "Pacific/Auckland", "America/Sao_Paulo", "America/Havana"),
    *("Australia/Lord_Howe", "America/St_Johns", "Asia/Kathmandu", "Pacific/Kiritimati", "Africa/Cairo", "UTC"),
    *("America/Nuuk", "Asia/Beirut", "Pacific/Apia", "America/Los_Angeles"),
)
DAYS = tuple(
    date.fromisoformat(text)
    for text in (
        *(
            "2026-11-23",
            "2026-11-24",
            "2026-11-25",
            "2026-11-22",
            "2026-11-30",
            "2026-11-01",
            "2026-10-31",
            "2026-10-25",
        ),
        *(
            "2026-03-29",
            "2026-03-08",
            "2026-10-24",
            "2026-09-30",
            "2026-10-01",
            "2026-04-01",
            "2026-03-31",
            "2026-01-01",
        ),
        *("2025-12-31", "2024-02-29", "2018-11-04", "1990-10-28", "2011-12-30", "2026-04-24", "2026-10-04"),
    )
)
IDS = (
    "e1",
    "e2",
    "E1",
    "é",
    "e/1",
    "e 1",
    "e\u00e91",
    "\U0001f600",
    "x" * 300,
    "0",
    "-",
    "e#1:won",
    "zz",
    "~",
    "\uffff",
)
RECORDS = ("r", "r/1", "r 1", "r#won", "r#stage_entered:new", "R", "ü?", "12", "\U0001f600")
TYPES = (
    *("deal.created", "deal.won", "deal.won", "deal.lost", "deal.reopened", "deal.stage_changed", "deal.updated"),
    *("deal.updated", "deal.deleted", "deal.restored", "deal.restored", "deal.merged", "deal.stage_entered"),
    *("call.logged", "call.logged", "call.updated", "call.deleted", "call.restored", "call.merged"),
    *("meeting.booked", "meeting.held", "meeting.canceled", "meeting.held", "meeting.updated", "meeting.deleted"),
    *("email.sent", "task.completed", "lead.created", "lead.qualified", "lead.answered", "lead.answered", "quote.sent"),
    *("demo.given", "demo.won", "demo.updated", "demo_2.x1", "deal.celebrated", "account.updated"),
)
FIELDS: dict[str, tuple[Any, ...]] = {
    "amount": (
        *("100", "99.99995", "0.00005", "0.00015", "1e2", "-5", "much", None, "", True, Raw("1200.50"), Raw("1E+2")),
        *(
            "12345678901234567890.123456789",
            "-0.00005",
            Raw("0.1"),
            Raw("-7"),
            "1e-5",
            "+3",
            ".5",
            "5.",
            "NaN",
            "Infinity",
        ),
    ),
    "currency": ("EUR", "USD", "USD", "GBP", "XXX", None, "usd", ""),
    "status": ("open", "won", "lost", "whatever", None, ""),
    "stage": ("new", "proposal", "won", None, "1:new", "new#won", ""),
    "account": ("a-1", "a-2", None, "", Raw("1"), "1", "1.0", Raw("1.0"), True, "true", False, "ä", "a\u0308"),
    "seconds": ("19.9", "20", Raw("20.0"), "600", "long", Raw("0"), None, "-3", "0.1234567", "1e30"),
    "direction": ("outbound", "inbound", True, "true", None, ""),
    "owner": ("ana", "bo", None, None, "crm-bo", "ghost", "x/y"),
}
OWNERS = ("ana", "bo", "cy", "dee", "crm-ana", "crm-bo", "ghost", "x/y", None)
CONDITIONS: tuple[dict[str, Any], ...] = (
    {}, {}, {"direction": "outbound"}, {"seconds": {"gte": 20}}, {"seconds": {"gt": 20}}, {"seconds": {"lt": "20.0"}},
    {"seconds": {"lte": 20, "gt": "-3"}}, {"direction": {"in": ["inbound", True]}}, {"direction": ""},
    {"direction": {"not_in": ["inbound"]}}, {"account": {"exists": True}}, {"account": {"exists": False}},
    {"account": 1}, {"account": True}, {"account": {"eq": "1.0"}}, {"owner": "bo"}, {"status": "won"},
    {"status": {"not_in": ["lost", "whatever"]}}, {"stage": "proposal"},
)  # fmt: skip
ODD = ("demo.won", "demo_2.x1", "deal.celebrated", "lead.answered", "quote.sent", "task.completed")
TEAMS = ("emea", "sdr", "sdr-1", "ae")
MEMBER_DATES: tuple[dict[str, Any], ...] = (
    {}, {"from": date(2026, 11, 24)}, {"until": date(2026, 11, 23)}, {"from": date(2026, 11, 26)},
    {"from": date(2026, 11, 10), "until": date(2026, 11, 24)}, {"from": date(2000, 1, 1)},
)  # fmt: skip
PERIODS = ("day", "week", "month", "quarter", "year")


def configuration(rng: Random) -> dict[str, Any]:
    """All files of a tenant."""
    return {
        "tenant": tenant(rng),
        "sources": {"sources": [{"id": "native", "provider": "native", "secrets": [{"env": "TOKEN"}]},
                                {"id": "dialler", "provider": "native", "secrets": [{"env": "TOKEN"}]}]},
        "people": people(rng),
        "kpis": {"kpis": kpis(rng)},
        "targets": {"targets": targets(rng)},
    }  # fmt: skip


def hours(rng: Random) -> dict[str, str]:
    week = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
    times = ("09:00-17:30", "00:00-24:00", "08:00-12:00, 13:00-16:20", "22:00-24:00", "00:00-06:00", "02:30-10:00")
    return {day: rng.choice(times) for day in week if rng.random() < 0.8}


def tenant(rng: Random) -> dict[str, Any]:
    found: dict[str, Any] = {
        "tenant": "acme",
        "time_zone": rng.choice(ZONES),
        "week_start": rng.choice(("monday", "sunday", "saturday", "wednesday")),
        "fiscal_year_start": f"{rng.choice((1, 2, 4, 7, 10, 12)):02d}-01",
        "currency": "EUR",
        "fx": [
            {"currency": "USD", "rate": "0.92", "from": date(2026, 1, 1)},
            {"currency": "USD", "rate": "0.90005", "from": date(2026, 11, 24)},
            {"currency": "USD", "rate": "1.1", "from": date(1990, 1, 1)},
            {"currency": "GBP", "rate": "1.123456789", "from": date(2026, 11, 1)},
        ],
    }
    if rng.random() < 0.8:
        calendar: dict[str, Any] = {"working_hours": hours(rng), "closed": [date(2026, 11, 24), date(2026, 12, 24)]}
        if rng.random() < 0.3:
            calendar["holidays"] = {"country": "DE", "subdivision": "BE"}
        found["calendar"] = calendar
    if rng.random() < 0.6:
        found["credit"] = rng.choice(
            ({"deal": "current"}, {"*": "at_fact"}, {"call": "at_fact"}, {"deal": "at_fact", "*": "current"})
        )
    return found


def people(rng: Random) -> dict[str, Any]:
    teams = [
        {"id": "emea", "name": "EMEA", "time_zone": rng.choice(ZONES)},
        {"id": "sdr", "name": "SDR", "parent": "emea"},
        {"id": "sdr-1", "name": "SDR 1", "parent": "sdr", "time_zone": rng.choice(ZONES)},
        {"id": "ae", "name": "AE", "parent": "emea"},
    ]
    reps = [rep(rng, name) for name in ("ana", "bo", "cy", "dee")]
    reps[0]["role"], reps[1]["role"] = "sdr", "ae"
    return {"teams": teams, "reps": reps}


def rep(rng: Random, name: str) -> dict[str, Any]:
    found: dict[str, Any] = {
        "id": name,
        "name": name.title(),
        "role": rng.choice(("sdr", "ae")),
        "teams": [membership(rng, team) for team in rng.sample(TEAMS, rng.choice((0, 1, 1, 2, 3)))],
        "identities": {"native": [f"crm-{name}"], "dialler": [f"{name}-d"]},
    }
    if rng.random() < 0.8:
        found["time_zone"] = rng.choice(ZONES)
    if rng.random() < 0.4:
        found["hired"] = rng.choice((date(2026, 11, 24), date(2026, 8, 31), date(2026, 10, 5), date(2020, 2, 29)))
    if rng.random() < 0.4:
        found["working_hours"] = hours(rng)
    if rng.random() < 0.4:
        found["absences"] = [
            {"from": date(2026, 11, 23), "to": date(2026, 11, 24)},
            {"from": date(2026, 9, 1), "to": date(2026, 9, 1)},
        ]
    return found


def membership(rng: Random, team: str) -> Any:
    dates: dict[str, Any] = rng.choice(MEMBER_DATES)
    return {"id": team, **dates} if dates else team


def kpis(rng: Random) -> list[dict[str, Any]]:
    activities = ("call.logged", "email.sent", "meeting.held", "meeting.booked", "meeting.canceled", "demo.given")
    found = [
        kpi(rng, "acts", "count", rng.sample(activities, 3)),
        kpi(rng, "odd", "count", [*ODD]),
        kpi(rng, "created", "count", ["deal.created", "lead.created"]),
        kpi(rng, "won", "count", ["deal.won"]),
        kpi(rng, "closed", "count", ["deal.won", "deal.lost"]),
        kpi(rng, "revenue", "sum", ["deal.won"], unit="money", field="amount"),
        kpi(rng, "deal_size", "average", ["deal.won", "deal.lost"], unit="money", field="amount"),
        kpi(rng, "units", "sum", ["deal.won", "deal.created"], unit=rng.choice(("count", "days")), field="amount"),
        kpi(rng, "talk", "average", ["call.logged", "lead.answered"], unit="seconds", field="seconds"),
        kpi(rng, "accounts", "distinct", rng.sample((*activities, "deal.won", "deal.created"), 5), field="account"),
        kpi(rng, "stages", "count", ["deal.stage_entered"]),
        kpi(rng, "stage_names", "distinct", ["deal.stage_entered"], field="stage"),
        kpi(rng, "pipeline", "latest", ["deal.open"], unit="money", field="amount"),
        kpi(rng, "open", rng.choice(("count", "distinct", "average")), ["deal.open"], field="amount"),
        kpi(rng, "open_or_won", "count", ["deal.open", "deal.won"]),
        kpi(rng, "fastest", "minimum", ["call.logged", "lead.answered"], unit="seconds", field="seconds"),
        kpi(rng, "biggest", "maximum", ["deal.won", "deal.created"], unit="money", field="amount"),
        kpi(rng, "p", "percentile", ["deal.created", *activities], unit="money", field="amount",
            percentile=rng.choice((1, 50, 90, 100, "33.3"))),
        kpi(rng, "coverage", "ratio", None, unit="ratio", numerator="pipeline", denominator="created"),
        kpi(rng, "win_rate", "ratio", None, unit="ratio", numerator="won", denominator="closed"),
        kpi(rng, "per_deal", "ratio", None, unit="money", numerator="revenue", denominator="won"),
    ]  # fmt: skip
    return found + [version(rng, one) for one in rng.sample(found, 4)]


def version(rng: Random, earlier: dict[str, Any]) -> dict[str, Any]:
    """A later version of a KPI."""
    found = {**earlier, "effective": rng.choice((date(2026, 11, 24), date(2026, 10, 1), date(2026, 11, 1)))}
    if "facts" in found:
        found |= {"facts": ["deal.won", "call.logged"] if "deal.open" not in found["facts"] else ["deal.open"]}
        found["where"] = rng.choice(CONDITIONS) or {"account": {"exists": True}}
    return found


def kpi(rng: Random, kpi_id: str, aggregate: str, facts: list[str] | None, **others: Any) -> dict[str, Any]:
    found: dict[str, Any] = {"id": kpi_id, "name": kpi_id, "unit": "count", "aggregate": aggregate, **others}
    found["periods"] = list(PERIODS)
    found["better"] = "lower" if rng.random() < 0.25 else "higher"
    if facts is not None:
        found["facts"] = facts
        where = rng.choice(CONDITIONS)
        if where:
            found["where"] = where
    return found


def targets(rng: Random) -> list[dict[str, Any]]:
    whose: tuple[Any, ...] = (
        *("all", {"role": "sdr"}, {"team": "emea"}, {"team": "sdr"}, {"team": "sdr-1"}, {"rep": "ana"}, {"rep": "bo"}),
        *({"team_total": "emea"}, {"team_total": "sdr"}),
    )
    found = []
    for kpi_id in (
        "acts",
        "won",
        "revenue",
        "deal_size",
        "talk",
        "accounts",
        "pipeline",
        "win_rate",
        "units",
        "open",
        "p",
    ):
        for kind in PERIODS:
            found += [target(rng, kpi_id, kind, rng.choice(whose)) for _ in range(rng.choice((0, 1, 2, 2)))]
    return found


def target(rng: Random, kpi_id: str, kind: str, whom: Any) -> dict[str, Any]:
    found: dict[str, Any] = {
        "kpi": kpi_id,
        "period": kind,
        "for": whom,
        "value": rng.choice((0, 1, 2, "3.5", 60, "0.3")),
    }
    if rng.random() < 0.6:
        found["from"] = rng.choice((date(2026, 1, 1), date(2026, 11, 24), date(2026, 11, 15), date(1980, 1, 1)))
    if rng.random() < 0.3:
        found["until"] = rng.choice((date(2026, 11, 24), date(2026, 12, 31)))
        if found.get("from", date.min) > found["until"]:
            del found["until"]
    if rng.random() < 0.3:
        found["ramp"] = rng.sample(("0", "0.25", "0.5", "0.75", "1.5"), rng.choice((1, 2, 3)))
    if rng.random() < 0.3:
        found["seasonality"] = {11: "0.6", 10: "1.3"}
    return found


def instants(rng: Random, zones: list[str]) -> datetime:
    """Somewhere on or near a local midnight, or anywhere in the day."""
    zone = ZoneInfo(rng.choice(zones))
    start = datetime.combine(rng.choice(DAYS), datetime.min.time(), zone).astimezone(UTC)
    near = (
        0,
        0,
        -1,
        1,
        -60_000_000,
        1_800_000_000,
        3_600_000_000,
        -3_600_000_000,
        9 * 3_600_000_000,
        12 * 3_600_000_000,
    )
    return start + timedelta(microseconds=rng.choice(near))


def events(rng: Random, found: dict[str, Any], now: datetime, *, most: int = 20) -> list[dict[str, Any]]:
    """Distinct events; few records, so that they meet."""
    zones = [found["tenant"]["time_zone"], *(one.get("time_zone", "UTC") for one in found["people"]["reps"])]
    ids = [f"{rng.choice(IDS)}{n}" for n in range(rng.randint(1, most))]
    records = rng.sample(RECORDS, 2)
    moments = [min(instants(rng, zones), now + timedelta(hours=20)) for _ in range(5)]
    return [event(rng, name, records, moments) for name in ids]


def event(rng: Random, event_id: str, records: list[str], moments: list[datetime]) -> dict[str, Any]:
    found: dict[str, Any] = {"id": event_id, "type": rng.choice(TYPES), "occurred_at": text(rng, rng.choice(moments))}
    if rng.random() < 0.9:
        found["record"] = rng.choice(records)
    if rng.random() < 0.7:
        found["rep"] = rng.choice(OWNERS)
    if rng.random() < 0.8:
        names = rng.sample(sorted(FIELDS), rng.choice((0, 1, 2, 3, 4)))
        found["fields"] = {name: rng.choice(FIELDS[name]) for name in names}
    if found["type"].endswith(".merged"):
        found["fields"] = {**found.get("fields", {}), "into": "another"}
    if rng.random() < 0.1:
        found["source"] = "dialler"
    return found


def text(rng: Random, moment: datetime) -> str:
    """The instant in some zone's words."""
    zone = rng.choice((UTC, UTC, ZoneInfo("Asia/Kolkata"), ZoneInfo("America/New_York")))
    return moment.astimezone(zone).isoformat()


def delivered(rng: Random, told: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """In another order, some of it again."""
    again = told + rng.choices(told, k=rng.randint(0, 5))
    return rng.sample(again, len(again))
