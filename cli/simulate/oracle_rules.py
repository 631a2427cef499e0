"""What the oracle has to know of a tenant, read straight from its YAML.

It shares no code with the services on purpose: a mistake there must not hide here. So it reads only what
``pacer check`` has accepted, without judging it again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import yaml

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


@dataclass(frozen=True, kw_only=True)
class OracleRules:
    """A tenant as the oracle sees it. ``owners`` maps (source, owner id) to a rep, ``zones`` a rep to her zone."""

    zones: Mapping[str, ZoneInfo]
    owners: Mapping[tuple[str, str], str]
    kpis: list[dict[str, Any]]
    currency: str
    rates: list[tuple[str, date, Decimal]] = field(default_factory=list)
    at_fact: Mapping[str, str] = field(default_factory=dict)
    week_start: int = 0
    fiscal_month: int = 1
    won: frozenset[str] = frozenset()
    lost: frozenset[str] = frozenset()
    hubspot: frozenset[str] = frozenset()

    def rate(self, currency: str, day: date) -> Decimal | None:
        """The rate into the tenant's currency on a day, None where there is none."""
        dated = [(first, rate) for code, first, rate in self.rates if code == currency and first <= day]
        return Decimal(1) if currency == self.currency else max(dated)[1] if dated else None

    def in_force(self, kpi_id: str, day: date) -> dict[str, Any] | None:
        """The version of a KPI that a period uses which begins on a day; None before the first."""
        versions = [(_day(kpi.get("effective", date.min)), kpi) for kpi in self.kpis if kpi["id"] == kpi_id]
        return max((v for v in versions if v[0] <= day), key=lambda v: v[0], default=(day, None))[1]

    def credited_at_fact(self, record_type: str) -> bool:
        """Whether the owner at the fact's time is credited."""
        return self.at_fact.get(record_type, self.at_fact.get("*", "current")) == "at_fact"


def read_rules(directory: Path) -> OracleRules:
    """The rules of one tenant's directory."""
    tenant, people, sources = (_read(directory / f"{name}.yaml") for name in ("tenant", "people", "sources"))
    senders = sources["sources"]
    native = [source["id"] for source in senders if source["provider"] == "native"]
    hubspot = [source for source in senders if source["provider"] == "hubspot"]
    return OracleRules(
        zones={rep["id"]: ZoneInfo(rep.get("time_zone", tenant["time_zone"])) for rep in people["reps"]},
        owners=_owners(people["reps"], native),
        kpis=_read(directory / "kpis.yaml")["kpis"],
        currency=tenant["currency"],
        rates=[_rate(fx) for fx in tenant.get("fx", [])],
        at_fact={"deal": "at_fact", **tenant.get("credit", {})},
        week_start=WEEKDAYS.index(tenant.get("week_start", "monday")),
        fiscal_month=int(str(tenant.get("fiscal_year_start", "01-01"))[:2]),
        won=frozenset(stage for source in hubspot for stage in source.get("won_stages", [])),
        lost=frozenset(stage for source in hubspot for stage in source.get("lost_stages", [])),
        hubspot=frozenset(source["id"] for source in hubspot),
    )


def _rate(fx: dict[str, Any]) -> tuple[str, date, Decimal]:
    return fx["currency"], _day(fx.get("from", date.min)), Decimal(str(fx["rate"]))


def _owners(reps: list[dict[str, Any]], native: list[str]) -> dict[tuple[str, str], str]:
    owners = {(source, rep["id"]): rep["id"] for source in native for rep in reps}
    for rep in reps:
        for source, identities in rep.get("identities", {}).items():
            owners |= {(source, str(identity)): rep["id"] for identity in identities}
    return owners


def _read(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return content


def _day(value: date | str) -> date:
    return value if isinstance(value, date) else date.fromisoformat(value)
