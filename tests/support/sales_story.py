"""A random story of a small sales floor, as native events and HubSpot deliveries, with what the oracle is told of it.

Deals are won, lost, reopened, deleted, restored, merged, reassigned and corrected; calls, meetings and e-mails are
logged, corrected and deleted. Everything is then repeated and shuffled.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

REPS = ("ana", "bo", "cy", "dee", "eli", "fay")
PORTAL = 247279312
ZONES = ("Europe/Berlin", "America/New_York", "Asia/Kolkata", "Europe/Berlin", "Europe/London", "Pacific/Auckland")


def kpi(kpi_id: str, aggregate: str, *facts: str, unit: str = "count", **others: Any) -> dict[str, Any]:
    found: dict[str, Any] = {"id": kpi_id, "name": kpi_id.title(), "unit": unit, "aggregate": aggregate}
    found |= {"type": "leading", "better": "higher", "periods": ["day", "week", "month", "quarter", "year"]}
    return found | ({"facts": list(facts)} if facts else {}) | others


def target(kpi_id: str, period: str, whom: Any, value: Any, **others: Any) -> dict[str, Any]:
    return {"kpi": kpi_id, "period": period, "for": whom, "value": value, **others}


def _days_ago(days: int) -> date:
    return (datetime.now(UTC) - timedelta(days=days)).date()


LOWER = {"better": "lower"}
OTHERS = (
    *("lead.created", "lead.qualified", "lead.answered", "lead.updated", "lead.deleted", "task.completed"),
    *("quote.sent", "quote.deleted", "quote.restored", "demo.given", "demo.won", "demo.merged", "call_2.x1"),
)
SILENT = (".updated", ".deleted", ".restored", ".merged")
STRANGE = ("", " a b", "/x/y", "#won", "ü\U0001f600", "%2F", "'\"\\")
CONFIGURATION: dict[str, Any] = {
    "tenant": {
        "tenant": "shop",
        "name": "Shop",
        "time_zone": "Europe/Berlin",
        "currency": "EUR",
        "fx": [
            {"currency": "USD", "rate": 0.9, "from": "2020-01-01"},
            {"currency": "USD", "rate": 0.8137, "from": "2026-01-01"},
        ],
        "week_start": "sunday",
        "fiscal_year_start": "04-01",
        "credit": {"lead": "at_fact"},
        "calendar": {
            "working_hours": dict.fromkeys(("mon", "tue", "wed", "thu", "fri", "sat", "sun"), "07:00-19:30"),
            "closed": [_days_ago(3)],
        },
    },
    "sources": {
        "sources": [
            {"id": "native", "provider": "native", "secrets": [{"env": "TEST_TOKEN"}]},
            {
                "id": "hubspot",
                "provider": "hubspot",
                "public_url": "https://hooks.example.com/v1/webhooks/hubspot",
                "secrets": [{"env": "TEST_HUBSPOT"}],
                "won_stages": ["closedwon"],
                "lost_stages": ["closedlost"],
            },
        ]
    },
    "people": {
        "teams": [
            {"id": "emea", "name": "EMEA"},
            {"id": "sdr", "name": "SDR", "parent": "emea"},
            {"id": "ae", "name": "AE", "parent": "emea"},
        ],
        "reps": [
            {
                "id": rep,
                "name": rep.title(),
                "time_zone": zone,
                "teams": [{"id": team, "from": _days_ago(20)}, {"id": other, "until": _days_ago(21)}],
                "identities": {"hubspot": [str(1000 + number)], "native": [f"crm-{rep}"]},
            }
            for number, (rep, zone, team, other) in enumerate(
                zip(REPS, ZONES, ("sdr", "sdr", "sdr", "ae", "ae", "ae"), ("sdr", "ae", "emea") * 2, strict=True)
            )
        ],
    },
    "kpis": {
        "kpis": [
            kpi("calls", "count", "call.logged", where={"direction": "outbound", "duration_seconds": {"gte": 20}}),
            kpi("talk", "average", "call.logged", unit="seconds", field="duration_seconds"),
            kpi("held", "count", "meeting.held"),
            kpi("accounts", "distinct", "call.logged", "meeting.held", "deal.won", field="account"),
            kpi("won", "count", "deal.won"),
            kpi("closed", "count", "deal.won", "deal.lost"),
            kpi("revenue", "sum", "deal.won", unit="money", field="amount"),
            {**kpi("win_rate", "ratio", unit="ratio"), "numerator": "won", "denominator": "closed"},
            kpi("proposals", "count", "deal.stage_entered", where={"stage": "proposal"}),
            kpi("pipeline", "latest", "deal.open", unit="money", field="amount"),
            kpi("open", "count", "deal.open", where={"amount": {"gte": 50_000}}),
            {**kpi("coverage", "ratio", unit="ratio"), "numerator": "pipeline", "denominator": "revenue"},
            kpi("response_p90", "percentile", "lead.answered", unit="seconds", field="seconds", percentile=90) | LOWER,
            kpi("fastest", "minimum", "lead.answered", unit="seconds", field="seconds") | LOWER,
            kpi("biggest", "maximum", "deal.won", "quote.sent", unit="money", field="amount"),
            kpi("others", "count", *(kind for kind in OTHERS if not kind.endswith(tuple(SILENT)))),
            kpi("sources", "distinct", "lead.created", "demo.given", field="channel"),
            kpi("late", "count", "task.completed", where={"late": True}) | LOWER,
            kpi("quoted", "sum", "quote.sent", unit="money", field="amount"),
            kpi("quoted", "sum", "quote.sent", "deal.won", unit="money", field="amount", effective=_days_ago(12)),
        ]
    },
    "targets": {
        "targets": [
            target("calls", "day", "all", 2),
            target("calls", "week", {"team": "emea"}, 9, ramp=[0.25, 0.5], seasonality={1: 0.5, 11: 1.5}),
            target("calls", "week", {"rep": "bo"}, 4, **{"from": _days_ago(9)}),
            target("revenue", "month", {"team": "ae"}, "123456.78"),
            target("revenue", "quarter", {"team_total": "emea"}, 4_000_000),
            target("win_rate", "month", "all", 0.3),
            target("pipeline", "quarter", "all", 100_000),
            target("open", "week", "all", 3),
            target("response_p90", "month", "all", 120),
            target("late", "week", "all", 2),
            target("accounts", "year", {"team": "sdr"}, 40),
        ]
    },
}


class Story:
    """``native`` and ``hubspot`` are what is sent; ``told`` is all of it as the oracle reads it."""

    def __init__(self, seed: int, now: datetime, *, records: int = 60) -> None:
        self._random = random.Random(seed)
        self._now = now
        self._number = 0
        self.native: list[dict[str, Any]] = []
        self.hubspot: list[dict[str, Any]] = []
        self.told: list[dict[str, Any]] = []
        for number in range(records):
            self._random.choice((self._deal, self._call, self._meeting, self._hubspot_deal, self._other))(f"r{number}")
        for sent in (self.native, self.hubspot):
            sent.extend(self._random.sample(sent, len(sent) // 4))  # some of it twice
            self._random.shuffle(sent)

    def _when(self) -> datetime:
        """Some minute of the last five weeks, so that days, weeks and months all have something."""
        return self._now - timedelta(minutes=self._random.randrange(0, 36 * 24 * 60))

    def _say(
        self, record: str, kind: str, at: datetime, fields: dict[str, Any] | None = None, rep: str | None = None
    ) -> None:
        self._number += 1
        event: dict[str, Any] = {
            "id": f"e{self._number}",
            "type": kind,
            "record": record,
            "occurred_at": at.isoformat().replace("+00:00", "Z"),
        }
        if fields is not None:
            event["fields"] = fields
        if rep is not None:
            event["rep"] = rep
        self.native.append(event)
        self.told.append(event)

    def _owner(self) -> str:
        rep = self._random.choice(REPS)
        return self._random.choice((rep, f"crm-{rep}", "nobody-we-know" if self._random.random() < 0.1 else rep))

    def _amount(self) -> dict[str, Any]:
        amount = f"{self._random.randrange(1, 10_000_000) / 100:.2f}"
        return {"amount": amount, "currency": self._random.choice(("EUR", "USD", "EUR", "XXX"))}

    def _deal(self, record: str) -> None:
        self._say(record, "deal.created", self._when(), {**self._amount(), "account": self._account()}, self._owner())
        turns: tuple[tuple[str, Callable[[], dict[str, Any] | None]], ...] = (
            ("deal.won", lambda: None),
            ("deal.won", lambda: None),
            ("deal.lost", lambda: None),
            ("deal.reopened", lambda: None),
            ("deal.updated", self._amount),
            ("deal.updated", lambda: {"owner": self._random.choice((*REPS, None))}),
            ("deal.stage_changed", lambda: {"stage": self._random.choice(("proposal", "demo"))}),
            ("deal.deleted", lambda: None),
            ("deal.restored", lambda: None),
            ("deal.restored", lambda: None),
        )
        for kind, fields in self._random.choices(turns, k=self._random.randrange(0, 7)):
            self._say(record, kind, self._when(), fields(), self._random.choice((None, None, self._owner())))
        if self._random.random() < 0.05:
            self._say(record, "deal.merged", self._when(), {"into": "another"})

    def _call(self, record: str) -> None:
        fields = {
            "direction": self._random.choice(("outbound", "outbound", "inbound")),
            "duration_seconds": self._random.choice((5, 20, "90", 12.5, None)),
            "account": self._account(),
        }
        at = self._when()
        self._say(record, "call.logged", at, fields, self._owner())
        if self._random.random() < 0.3:
            self._say(record, "call.updated", at + timedelta(minutes=1), {"duration_seconds": 300}, self._owner())
        if self._random.random() < 0.15:
            self._say(record, "call.deleted", at + timedelta(minutes=2))

    def _meeting(self, record: str) -> None:
        self._say(record, "meeting.booked", self._when(), {"account": self._account()}, self._owner())
        for kind in self._random.choices(("meeting.held", "meeting.canceled"), k=self._random.randrange(0, 3)):
            self._say(record, kind, self._when())

    def _other(self, record: str) -> None:
        """Records of every other type, under strange ids, at one of two instants or far in the past."""
        record += self._random.choice(STRANGE)
        often = (self._when(), self._when(), datetime(1990, 3, 25, 0, 59, 59, 999_999, UTC))
        kind = self._random.choice(OTHERS).partition(".")[0]
        for name in self._random.choices([each for each in OTHERS if each.startswith(f"{kind}.")], k=3):
            fields: dict[str, Any] = {
                "seconds": self._random.choice((3, "3.0", 0.5, "59.9999995", None)),
                "channel": self._random.choice(("web", "Web", 1, "1", True, "true", None)),
                "late": self._random.choice((True, False, "true")),
                "amount": self._random.choice(("9999999.99995", "-0.00005", 7, "1e3", "much")),
            }
            chosen = {name: fields[name] for name in self._random.sample(sorted(fields), 3)}
            if name == "demo.merged":
                chosen["into"] = "another"
            self._say(record, name, self._random.choice(often), chosen, self._random.choice((None, self._owner())))

    def _account(self) -> str:
        return f"a-{self._random.randrange(0, 12)}"

    def _hubspot_deal(self, _: str) -> None:
        deal = 5000 + self._number
        owner = str(1000 + self._random.randrange(0, len(REPS)))
        self._hubspot(deal, "deal.creation", self._when())
        self._hubspot(deal, "deal.propertyChange", self._when(), "hubspot_owner_id", owner)
        self._hubspot(deal, "deal.propertyChange", self._when(), "amount", self._amount()["amount"])
        for _ in range(self._random.randrange(0, 4)):
            stage = self._random.choice(("closedwon", "closedwon", "closedlost", "proposal"))
            self._hubspot(deal, "deal.propertyChange", self._when(), "dealstage", stage)
        if self._random.random() < 0.15:
            self._hubspot(deal, "deal.deletion", self._when())
        if self._random.random() < 0.15:
            self._hubspot(deal, "deal.restore", self._when())
        if self._random.random() < 0.1:
            self._hubspot(deal, "deal.merge", self._when())

    def _hubspot(self, deal: int, kind: str, at: datetime, name: str = "", value: str = "") -> None:
        self._number += 1
        at += timedelta(milliseconds=self._number)  # no two statements of a deal at the same instant
        event: dict[str, Any] = {
            "eventId": self._number,
            "subscriptionId": 7,
            "portalId": PORTAL,
            "appId": 1,
            "occurredAt": int(at.timestamp() * 1000),
            "subscriptionType": kind,
            "attemptNumber": 0,
            "objectId": deal,
            "changeSource": "CRM",
        }
        if name:
            event |= {"propertyName": name, "propertyValue": value}
        if kind == "deal.merge":
            event |= {"primaryObjectId": 1, "mergedObjectIds": [deal], "newObjectId": 1}
        self.hubspot.append(event)
        self.told.append(self._as_native(event, at))

    def _as_native(self, event: dict[str, Any], at: datetime) -> dict[str, Any]:
        told: dict[str, Any] = {
            "id": f"h{event['eventId']:09d}",
            "source": "hubspot",
            "record": str(event["objectId"]),
            "occurred_at": at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "fields": {},
        }
        value = event.get("propertyValue")
        match event["subscriptionType"], event.get("propertyName"):
            case "deal.creation", _:
                told["type"] = "deal.created"
            case "deal.deletion" | "deal.restore" | "deal.merge" as action, _:
                told["type"] = {"deletion": "deal.deleted", "restore": "deal.restored"}.get(action[5:], "deal.merged")
            case _, "hubspot_owner_id":
                told |= {"type": "deal.updated", "fields": {"owner": value}}
            case _, "amount":
                told |= {"type": "deal.updated", "fields": {"amount": value}}
            case _:
                status = {"closedwon": "won", "closedlost": "lost"}.get(str(value), "open")
                told |= {"type": "deal.stage_changed", "fields": {"stage": value, "status": status}}
        return told


def utc_now() -> datetime:
    return datetime.now(UTC).replace(second=0, microsecond=0)
