"""A tenant as the domain sees it: everything that configuration says, compiled and immutable."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal

from msgspec import Struct

from shared.domain.calendar import Calendar
from shared.domain.exact import CONTEXT, money
from shared.domain.facts import unmapped_subject
from shared.domain.instants import Micros
from shared.domain.kpis import Kpi
from shared.domain.people import Organisation
from shared.domain.targets import TargetEntry


class Credit(Struct, frozen=True):
    """Who is credited after a change of owner, by record type; ``at_fact`` holds the types credited that way."""

    at_fact: frozenset[str] = frozenset({"deal"})
    default_at_fact: bool = False
    current: frozenset[str] = frozenset()

    def is_at_fact(self, record_type: str) -> bool:
        """Whether the owner at the fact's time is credited, rather than the owner now."""
        if record_type in self.at_fact:
            return True
        return self.default_at_fact and record_type not in self.current


class Rate(Struct, frozen=True):
    """A dated exchange rate into the tenant's currency."""

    currency: str
    rate: Decimal
    first: date


class Currencies(Struct, frozen=True):
    """Converts into the tenant's currency; ``rates`` are sorted by day within a currency."""

    own: str
    rates: Mapping[str, tuple[Rate, ...]] = {}

    def convert(self, amount: Decimal, currency: str | None, day: date) -> Decimal | None:
        """In the tenant's currency at the day's rate, four places half-even; None without a rate."""
        if currency is None or currency == self.own:
            return money(amount)
        in_force = [rate for rate in self.rates.get(currency, ()) if rate.first <= day]
        return money(CONTEXT.multiply(amount, in_force[-1].rate)) if in_force else None


class SourceRhythm(Struct, frozen=True):
    """What the domain has to know of a source. ``expect_every_us`` is working time; None: never called out."""

    id: str
    provider: str
    expect_every_us: Micros | None = None


class Tenant(Struct, frozen=True, kw_only=True):
    """One customer. ``owners`` maps (source, owner id) to a rep; native sources know reps by their own ids too.

    ``kpis`` are by definition, every version of a KPI; shared.domain.definitions finds the one of a day.
    """

    id: str
    name: str
    calendar: Calendar
    currencies: Currencies
    organisation: Organisation
    kpis: Mapping[str, Kpi]
    targets: tuple[TargetEntry, ...]
    sources: Mapping[str, SourceRhythm]
    owners: Mapping[tuple[str, str], str]
    credit: Credit = Credit()
    retention_days: int = 400

    @property
    def zone(self) -> str:
        """The tenant's own zone."""
        return self.calendar.zone

    def subject_of(self, source: str, owner: str) -> str:
        """The rep an owner id means, or the stand-in for an unmapped owner. Mapping comes last (contract 4.4)."""
        return self.owners.get((source, owner)) or unmapped_subject(source, owner)
