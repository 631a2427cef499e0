"""A KPI's value over a bag of facts. Contract 4.5, 4.8 and the versions of kpis.yaml."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from math import ceil
from typing import Any
from zoneinfo import ZoneInfo

from tests.support.judge import values
from tests.support.judge.records import Fact
from tests.support.judge.times import local_day

EXTREMES = ("minimum", "maximum", "percentile")


@dataclass(frozen=True)
class Counted:
    """A fact that a rep is credited with."""

    fact: Fact
    rep: str
    zone: ZoneInfo


class Kpis:
    """`kpis.yaml` as a dict: every id with its versions."""

    def __init__(self, tenant: dict[str, Any], kpis: dict[str, Any]) -> None:
        self.tenant = tenant
        self.versions: dict[str, list[dict[str, Any]]] = {}
        for one in kpis["kpis"]:
            self.versions.setdefault(one["id"], []).append(one)

    def in_force(self, kpi: str, day: date) -> dict[str, Any] | None:
        begun = [one for one in self.versions[kpi] if one.get("effective", date.min) <= day]
        return max(begun, key=lambda one: one.get("effective", date.min)) if begun else None

    def shown_version(self, kpi: str, day: date) -> dict[str, Any]:
        """The version in force, or the first one where none is yet."""
        return self.in_force(kpi, day) or min(self.versions[kpi], key=lambda one: one.get("effective", date.min))

    def is_stock(self, version: dict[str, Any]) -> bool:
        """What holds now: `latest`, and any other aggregate of nothing but states."""
        return version["aggregate"] == "latest" or set(version.get("facts", [])) == {"deal.open"}

    def is_prorated(self, version: dict[str, Any]) -> bool:
        return version["aggregate"] in ("count", "sum", "distinct") and not self.is_stock(version)

    def value(self, kpi: str, day: date, facts: list[Counted], *, is_now: bool) -> Fraction | None:
        """`day`: the period's first; `facts`: all that fall into the period; `is_now`: it contains now."""
        version = self.in_force(kpi, day)
        return None if version is None else self.value_of(version, day, facts, is_now=is_now)

    def value_of(self, version: dict[str, Any], day: date, facts: list[Counted], *, is_now: bool) -> Fraction | None:
        if version["aggregate"] == "ratio":
            above = self.value(version["numerator"], day, facts, is_now=is_now)
            below = self.value(version["denominator"], day, facts, is_now=is_now)
            return None if above is None or not below else above / below
        if self.is_stock(version) and not is_now:
            return None
        return self.aggregate(version, [one for one in facts if self.counts(version, one.fact)])

    def counts(self, version: dict[str, Any], fact: Fact) -> bool:
        return fact.kind in version["facts"] and values.passes(version.get("where", {}), fact.fields)

    def aggregate(self, version: dict[str, Any], facts: list[Counted]) -> Fraction | None:
        how = version["aggregate"]
        if how == "count":
            return Fraction(len(facts))
        if how == "distinct":
            found = [one.fact.fields.get(version["field"]) for one in facts]
            return Fraction(len({values.text(one) for one in found if one is not None}))
        numbers = [n for one in facts if (n := self.amount(version, one)) is not None]
        if how in ("sum", "latest"):
            return sum(numbers, Fraction(0))
        if not numbers:
            return None
        if how == "average":
            return sum(numbers, Fraction(0)) / len(numbers)
        pick: dict[str, Callable[[list[Fraction]], Fraction]] = {
            "minimum": min,
            "maximum": max,
            "percentile": lambda them: sorted(them)[nearest_rank(version["percentile"], len(them)) - 1],
        }
        return pick[how](numbers)

    def amount(self, version: dict[str, Any], one: Counted) -> Fraction | None:
        """The fact's number in the KPI's field; of money in the tenant's currency, None with no rate."""
        name = version["field"]
        found = values.number(one.fact.fields.get(name))
        if found is None or version["unit"] != "money":
            return found
        dated = one.fact.set_at[name] if one.fact.state else one.fact.at
        rate = values.rate_on(self.tenant, one.fact.fields.get("currency"), local_day(dated, one.zone))
        return None if rate is None else values.rounded(found * rate, 4)


def nearest_rank(percentile: Any, count: int) -> int:
    return max(1, ceil(Fraction(Decimal(str(percentile))) / 100 * count))
