"""A reading: one KPI of one subject in one period, rounded for show. Contract section 5."""

from __future__ import annotations

from decimal import Decimal

from msgspec import UNSET, Struct, UnsetType

from shared.domain.exact import CONTEXT, MONEY_PLACES, RATIO_PLACES, plain
from shared.domain.instants import Micros, text
from shared.domain.kpis import Kpi, Unit
from shared.domain.miss_probability import miss_probability
from shared.domain.pace import Situation, Status, standing
from shared.domain.rolling import AnyPeriod
from shared.domain.targets import Asked


class PeriodBounds(Struct, frozen=True):
    """A period as readers see it; ``start`` and ``end`` are RFC 3339, half-open."""

    kind: str
    id: str
    start: str
    end: str
    time_zone: str


class Reading(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Contract section 5. Decimals are rounded for show: money to four places, everything else to six."""

    rep: str | UnsetType = UNSET
    team: str | UnsetType = UNSET
    kpi: str
    unit: Unit
    period: PeriodBounds
    value: Decimal | None
    target: Decimal | None
    target_assigned: Decimal | None
    expected_to_date: Decimal | None
    attainment: Decimal | None
    pace: Decimal | None
    required_rate: Decimal | None
    status: Status
    miss_probability: Decimal | None
    definition: str
    version: int
    measurable: bool
    pinned: bool | UnsetType = UNSET
    members_target: Decimal | UnsetType | None = UNSET


class Moment(Struct, frozen=True):
    """When readings are taken, and whether the data can be trusted then (no source is out)."""

    now: Micros
    measurable: bool = True

    def seeing(self, *, whole: bool) -> Moment:
        """This moment for a number that may lack something: a part is never shown as if it were the whole."""
        return self if whole or not self.measurable else Moment(self.now, measurable=False)


def make_reading(
    kpi: Kpi,
    value: Decimal | None,
    asked: Asked | None,
    situation: Situation,
    *,
    moment: Moment,
    bounds: PeriodBounds,
    version: int,
    rep: str | UnsetType = UNSET,
    team: str | UnsetType = UNSET,
) -> Reading:
    """The reading of a value (None: a ratio or average of nothing, or a stock at another time)."""
    stands = standing(value, asked, situation)
    return Reading(
        rep=rep,
        team=team,
        kpi=kpi.id,
        unit=kpi.unit,
        period=bounds,
        value=shown(value, kpi.unit),
        target=shown(None if asked is None else asked.target, kpi.unit),
        target_assigned=shown(None if asked is None else asked.assigned, kpi.unit),
        expected_to_date=shown(None if asked is None else asked.expected, kpi.unit),
        attainment=shown(stands.attainment, Unit.RATIO),
        pace=shown(stands.pace, Unit.RATIO),
        required_rate=shown(stands.required_rate, kpi.unit),
        status=stands.status,
        miss_probability=shown(miss_probability(kpi, value, asked, situation), Unit.RATIO),
        definition=kpi.definition,
        version=version,
        measurable=moment.measurable,
    )


def with_pin(reading: Reading, kpi: Kpi, members: Asked | None) -> Reading:
    """The same reading of a team whose total is pinned, with what its members' targets add up to."""
    fields = {name: getattr(reading, name) for name in reading.__struct_fields__}
    return Reading(
        **fields | {"pinned": True, "members_target": shown(None if members is None else members.target, kpi.unit)}
    )


def shown(value: Decimal | None, unit: Unit) -> Decimal | None:
    """Rounded for show, in plain notation."""
    if value is None:
        return None
    places = MONEY_PLACES if unit is Unit.MONEY else RATIO_PLACES
    return Decimal(plain(value.quantize(places, context=CONTEXT)))


def bounds_of(period: AnyPeriod, zone: str) -> PeriodBounds:
    """A period's bounds as readers see them in a zone."""
    start, end = period.bounds(zone)
    return PeriodBounds(kind=period.kind, id=period.id, start=text(start), end=text(end), time_zone=zone)
