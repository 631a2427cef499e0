"""``tenant.yaml``: who the tenant is, its calendar, money and credit."""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from functools import lru_cache
from typing import Annotated, Literal

import holidays
from pydantic import AfterValidator, BeforeValidator, Field

from shared.configuration.parsing import Section, Strict
from shared.configuration.scalars import (
    WEEKDAYS,
    Currency,
    Day,
    FiscalStart,
    Id,
    Minutes,
    Number,
    TimesOfDay,
    Zone,
    positive,
    word,
)
from shared.domain.calendar import Calendar
from shared.domain.people import WorkingWeek
from shared.domain.periods import PeriodRules
from shared.domain.tenant import Credit, Currencies, Rate

HOLIDAY_YEARS = range(1990, 2041)
"""Years whose public holidays are known beforehand; history and targets lie within."""
OFFICE_HOURS: dict[str, Minutes] = dict.fromkeys(WEEKDAYS[:5], ((9 * 60, 17 * 60),))
"""Working hours where a tenant says nothing."""


class WeekDay(StrEnum):
    """Days that a week may start on, in ISO order."""

    MONDAY = "monday"
    TUESDAY = "tuesday"
    WEDNESDAY = "wednesday"
    THURSDAY = "thursday"
    FRIDAY = "friday"
    SATURDAY = "saturday"
    SUNDAY = "sunday"


class Owner(StrEnum):
    """Whom a fact is credited to."""

    AT_FACT = "at_fact"
    CURRENT = "current"


def _known_weekdays(value: object) -> object:
    unknown = sorted(set(value) - set(WEEKDAYS)) if isinstance(value, dict) else []
    if unknown:
        raise ValueError(f"`{unknown[0]}` is no day. Use {', '.join(WEEKDAYS)}")
    return value


WorkingHours = Annotated[dict[str, TimesOfDay], BeforeValidator(_known_weekdays)]


class HolidaysModel(Strict):
    """Public holidays by the ``holidays`` package."""

    country: str
    subdivision: str | None = None


class CalendarModel(Strict):
    """When the tenant works."""

    working_hours: WorkingHours = Field(default_factory=lambda: dict(OFFICE_HOURS))
    holidays: HolidaysModel | None = None
    closed: tuple[Day, ...] = ()


class FxModel(Strict):
    """One unit of the currency is ``rate`` units of the tenant's, from a day on."""

    currency: Currency
    rate: Annotated[Number, AfterValidator(positive)]
    first: Day = Field(date.min, alias="from")


class TenantModel(Strict):
    """The file."""

    tenant: Id
    name: str | None = None
    time_zone: Zone
    week_start: Annotated[WeekDay, word(WeekDay)] = WeekDay.MONDAY
    fiscal_year_start: FiscalStart = "01-01"
    currency: Currency
    fx: tuple[FxModel, ...] = ()
    calendar: CalendarModel = CalendarModel()
    credit: dict[str, Literal["at_fact", "current"]] = Field({})
    retention_days: int = Field(400, ge=1, le=36_500)


def check_tenant(section: Section[TenantModel]) -> None:
    """What a single value cannot show."""
    model = section.model
    seen = set()
    for index, fx in enumerate(model.fx):
        if fx.currency == model.currency:
            section.problem(("fx", index, "currency"), f"`{fx.currency}` is the tenant's own currency. Remove the rate")
        if (fx.currency, fx.first) in seen:
            section.problem(("fx", index), f"`{fx.currency}` has two rates from {fx.first}. Keep one of them")
        seen.add((fx.currency, fx.first))
    wanted = model.calendar.holidays
    if wanted is not None and _public_holidays(wanted.country, wanted.subdivision) is None:
        where = wanted.country if wanted.subdivision is None else f"{wanted.country}/{wanted.subdivision}"
        remedy = "Use a country code such as DE and a subdivision of the `holidays` package such as BE"
        section.problem(("calendar", "holidays"), f"no holidays are known for `{where}`. {remedy}")


def compile_calendar(model: TenantModel) -> Calendar:
    """Working hours, closed days with holidays, and the rules of periods."""
    wanted = model.calendar.holidays
    public = None if wanted is None else _public_holidays(wanted.country, wanted.subdivision)
    return Calendar(
        zone=model.time_zone,
        week=working_week(model.calendar.working_hours),
        closed=frozenset(model.calendar.closed) | (public or frozenset()),
        periods=PeriodRules(list(WeekDay).index(model.week_start), int(model.fiscal_year_start[:2])),
    )


def working_week(hours: dict[str, tuple[tuple[int, int], ...]]) -> WorkingWeek:
    """Days that are not named are free."""
    return WorkingWeek(tuple(hours.get(day, ()) for day in WEEKDAYS))


def compile_currencies(model: TenantModel) -> Currencies:
    """The tenant's own currency and the rates into it, sorted by day."""
    rates: dict[str, list[Rate]] = {}
    for fx in sorted(model.fx, key=lambda fx: fx.first):
        rates.setdefault(fx.currency, []).append(Rate(fx.currency, fx.rate, fx.first))
    return Currencies(model.currency, {currency: tuple(dated) for currency, dated in rates.items()})


def compile_credit(model: TenantModel) -> Credit:
    """Deals are credited at the fact and all else to the owner now, unless the file says otherwise."""
    said = {"deal": Owner.AT_FACT.value, "*": Owner.CURRENT.value} | model.credit
    named = {record_type: owner for record_type, owner in said.items() if record_type != "*"}
    return Credit(
        at_fact=frozenset(name for name, owner in named.items() if owner == Owner.AT_FACT),
        default_at_fact=said["*"] == Owner.AT_FACT,
        current=frozenset(name for name, owner in named.items() if owner == Owner.CURRENT),
    )


@lru_cache(maxsize=64)
def _public_holidays(country: str, subdivision: str | None) -> frozenset[date] | None:
    """All public holidays of the known years; None for a country or subdivision that nobody knows."""
    try:
        return frozenset(holidays.country_holidays(country, subdiv=subdivision, years=HOLIDAY_YEARS))
    except (NotImplementedError, KeyError, AttributeError):
        return None
