"""``kpis.yaml``: what is counted, period-free."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator

from shared.configuration.documents import Location
from shared.configuration.parsing import Section, Strict
from shared.configuration.scalars import Day, FactKindName, Id, Number, parse_number, shown, word
from shared.domain.kpis import RANKED, Aggregate, Better, Condition, Kpi, KpiType, Operator, Unit
from shared.domain.periods import PeriodKind

WITH_FIELD = frozenset({Aggregate.SUM, Aggregate.AVERAGE, Aggregate.DISTINCT, Aggregate.LATEST}) | RANKED
HUNDRED = Decimal(100)
_ROLLING = re.compile(r"rolling:\d+[smhd]", re.ASCII)


def _period(value: object) -> PeriodKind:
    if isinstance(value, str) and _ROLLING.fullmatch(value):
        raise ValueError(
            f"`{value}` can be read without being listed, but targets and alerts are of calendar periods. "
            f"Use one of: {', '.join(PeriodKind)}"
        )
    try:
        return PeriodKind(str(value))
    except ValueError:
        raise ValueError(f"{shown(value)} is no period. Use one of: {', '.join(PeriodKind)}") from None


PeriodWord = Annotated[PeriodKind, BeforeValidator(_period)]


def _conditions(value: object) -> tuple[Condition, ...]:
    if not isinstance(value, dict):
        raise ValueError("a filter is a mapping. Write {direction: outbound, duration_seconds: {gte: 20}}")  # noqa: TRY004
    if "rep" in value:
        raise ValueError("`rep` is not among a fact's fields. Choose reps where you read, or in `select` of a rule")
    return tuple(condition for field, said in value.items() for condition in _of_field(str(field), said))


def _of_field(field: str, said: object) -> list[Condition]:
    if isinstance(said, (str, bool)):
        return [Condition(field, Operator.EQ, (said,))]
    if isinstance(said, dict) and said:
        return [_condition(field, name, operand) for name, operand in said.items()]
    raise ValueError(f"`{field}`: {shown(said)} is no comparison. Write a plain value, or {{in: [...]}}, {{gte: 20}}")


def _condition(field: str, name: object, operand: object) -> Condition:
    try:
        operator = Operator(str(name))
    except ValueError:
        raise ValueError(f"`{field}`: {shown(name)} compares nothing. Use one of: {', '.join(Operator)}") from None
    match operator:
        case Operator.IN | Operator.NOT_IN:
            if not isinstance(operand, list) or not all(isinstance(each, (str, bool)) for each in operand):
                raise ValueError(f"`{field}`: `{operator}` compares with a list. Write {{{operator}: [a, b]}}")
            return Condition(field, operator, tuple(operand))
        case Operator.EXISTS:
            if not isinstance(operand, bool):
                raise ValueError(f"`{field}`: `exists` is either true or false. Write {{exists: true}}")  # noqa: TRY004
        case Operator.EQ:
            if not isinstance(operand, (str, bool)):
                raise ValueError(f"`{field}`: `eq` compares with one value. Write {{eq: value}}")  # noqa: TRY004
        case _:
            parse_number(operand)
    return Condition(field, operator, (operand if isinstance(operand, bool) else str(operand),))


Conditions = Annotated[Any, BeforeValidator(_conditions)]


def _percentile(value: Decimal) -> Decimal:
    if not 0 < value <= HUNDRED:
        raise ValueError(f"{shown(str(value))} is no percentile. Write a number above 0 and up to 100, such as 90")
    return value


class KpiModel(Strict):
    """One KPI."""

    id: Id
    name: str
    type: Annotated[KpiType, word(KpiType)] = KpiType.LEADING
    unit: Annotated[Unit, word(Unit)]
    better: Annotated[Better, word(Better)] = Better.HIGHER
    aggregate: Annotated[Aggregate, word(Aggregate)]
    facts: tuple[FactKindName, ...] = ()
    where: Conditions = ()
    field: str | None = None
    numerator: str | None = None
    denominator: str | None = None
    periods: tuple[PeriodWord, ...] = (PeriodKind.DAY, PeriodKind.WEEK, PeriodKind.MONTH)
    percentile: Annotated[Number, AfterValidator(_percentile)] | None = None
    effective: Day | None = None


class KpisModel(Strict):
    """The file."""

    kpis: tuple[KpiModel, ...] = ()


def check_kpis(section: Section[KpisModel]) -> None:
    """Ids, and what each aggregate needs, or does not read."""
    _check_versions(section)
    for index, kpi in enumerate(section.model.kpis):
        at: Location = ("kpis", index)
        _check_percentile(section, at, kpi)
        if kpi.aggregate is Aggregate.RATIO:
            _check_ratio(section, at, kpi)
            continue
        if not kpi.facts:
            section.problem(at, f"`{kpi.id}`: `{kpi.aggregate}` needs `facts`. Add such as `facts: [call.logged]`")
        if kpi.aggregate in WITH_FIELD and not kpi.field:
            section.problem(at, f"`{kpi.id}`: `{kpi.aggregate}` needs `field`. Add the fact's field to read")


def _check_percentile(section: Section[KpisModel], at: Location, kpi: KpiModel) -> None:
    if (kpi.aggregate is Aggregate.PERCENTILE) == (kpi.percentile is not None):
        return
    if kpi.percentile is None:
        section.problem(at, f"`{kpi.id}`: which percentile? Add such as `percentile: 90`")
    else:
        section.problem((*at, "percentile"), f"`{kpi.id}`: `{kpi.aggregate}` reads no percentile. Remove it")


def _check_versions(section: Section[KpisModel]) -> None:
    """The same id again is a later version, from another day on."""
    known: dict[tuple[str, date | None], int] = {}
    for index, kpi in enumerate(section.model.kpis):
        first = known.setdefault((kpi.id, kpi.effective), index)
        if first != index:
            line = section.document.line_of(("kpis", first, "id"))
            if kpi.effective is None:
                taken = f"the id `{kpi.id}` is taken (line {line}). Choose another id, or say since when: `effective`"
                section.problem(("kpis", index, "id"), taken)
            else:
                taken = f"`{kpi.id}` has a version of {kpi.effective} (line {line}). Choose another day"
                section.problem(("kpis", index, "effective"), taken)


def _check_ratio(section: Section[KpisModel], at: Location, kpi: KpiModel) -> None:
    versions: dict[str, list[KpiModel]] = {}
    for each in section.model.kpis:
        versions.setdefault(each.id, []).append(each)
    for part in ("numerator", "denominator"):
        name = getattr(kpi, part)
        if name is None:
            section.problem(at, f"`{kpi.id}`: a ratio needs `{part}`. Add the id of another KPI")
        elif name not in versions:
            section.refuse_unknown((*at, part), "KPI", name, versions)
        elif any(version.aggregate is Aggregate.RATIO for version in versions[name]):
            section.problem((*at, part), f"`{name}` is a ratio itself. Name a KPI that counts facts")


def refuse_unlisted_period(
    section: Section[Any], at: Location, kpi: str, *, period: PeriodKind, kpis: KpisModel
) -> None:
    """Notes a KPI that is not there, or a period of a target or rule that no version of its KPI lists."""
    versions = [each for each in kpis.kpis if each.id == kpi]
    listed = ", ".join(dict.fromkeys(word for version in versions for word in version.periods))
    if not versions:
        section.refuse_unknown((*at, "kpi"), "KPI", kpi, (each.id for each in kpis.kpis))
    elif not any(period in version.periods for version in versions):
        section.problem((*at, "period"), f"`{kpi}` lists the periods {listed}. Use one, or add `{period}` to the KPI")


def compile_kpis(model: KpisModel) -> dict[str, Kpi]:
    """KPIs by definition, in the order of the file."""
    compiled = (
        Kpi(
            id=kpi.id,
            name=kpi.name,
            type=kpi.type,
            unit=kpi.unit,
            better=kpi.better,
            aggregate=kpi.aggregate,
            facts=tuple(kpi.facts),
            where=kpi.where,
            field=kpi.field,
            numerator=kpi.numerator,
            denominator=kpi.denominator,
            percentile=kpi.percentile,
            effective=kpi.effective,
            periods=tuple(period.value for period in kpi.periods),
        )
        for kpi in model.kpis
    )
    return {kpi.definition: kpi for kpi in compiled}
