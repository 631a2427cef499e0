"""``targets.yaml`` and ``targets.csv``: what is asked of whom, from when."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field

from shared.configuration.documents import Document, Location, read_text
from shared.configuration.kpis_file import KpisModel, PeriodWord, refuse_unlisted_period
from shared.configuration.parsing import Section, Strict, validate
from shared.configuration.people_file import PeopleModel
from shared.configuration.problems import Report
from shared.configuration.scalars import Day, Number, not_negative, shown
from shared.domain.people import DateSpan
from shared.domain.targets import Scope, TargetEntry

COLUMNS = ("kpi", "period", "for", "id", "value", "from", "until")
REQUIRED_COLUMNS = frozenset({"kpi", "period", "for", "value"})
SCOPES = {"all": Scope.ALL, "role": Scope.ROLE, "team": Scope.TEAM, "rep": Scope.REP, "team_total": Scope.TEAM_TOTAL}

Amount = Annotated[Number, AfterValidator(not_negative)]


def _scope(value: object) -> tuple[Scope, str]:
    """Whom a target is for: ``all``, or one of role, team, rep and team_total with an id."""
    if value == "all":
        return Scope.ALL, ""
    if isinstance(value, dict) and len(value) == 1:
        ((name, found),) = value.items()
        if name in SCOPES and name != "all" and isinstance(found, str) and found:
            return SCOPES[name], found
    raise ValueError(
        f"{shown(value)} is nobody. Write all, {{role: sdr}}, {{team: emea}}, {{rep: ana}} or {{team_total: emea}}"
    )


def _seasons(value: object) -> dict[str, Any]:
    months = {str(month) for month in range(1, 13)}
    if not isinstance(value, dict) or not set(value) <= months:
        raise ValueError("seasonality is by month. Write {12: 0.6} with months from 1 to 12")
    return value


class TargetModel(Strict):
    """One line."""

    kpi: str
    period: PeriodWord
    scope: Annotated[Any, BeforeValidator(_scope)] = Field(alias="for")
    value: Amount
    first: Day | None = Field(None, alias="from")
    until: Day | None = None
    ramp: tuple[Amount, ...] = ()
    seasonality: Annotated[dict[int, Amount], BeforeValidator(_seasons)] = Field({})


class TargetsModel(Strict):
    """The file."""

    targets: tuple[TargetModel, ...] = ()


def parse_targets_csv(path: Path, report: Report) -> Section[TargetsModel] | None:
    """The table as the same model; an empty cell is as good as none. None with problems where it cannot be."""
    text = read_text(path, report)
    if text is None:
        return None
    file = str(path)
    reader = csv.DictReader(io.StringIO(text, newline=""))
    columns = reader.fieldnames or ()
    if not REQUIRED_COLUMNS <= set(columns) <= set(COLUMNS):
        report.add(file, 1, f"the columns are {', '.join(columns) or 'missing'}. Use {','.join(COLUMNS)}")
        return None
    rows: list[dict[str, Any]] = []
    lines: dict[Location, int] = {("targets",): 1}
    for row in reader:
        if None in row or None in row.values():
            report.add(file, reader.line_num, f"the line has not {len(columns)} cells. Quote cells that hold a comma")
            continue
        lines["targets", len(rows)] = reader.line_num
        rows.append(_of_row({name: cell.strip() for name, cell in row.items() if cell.strip()}))
    document = Document(file, {"targets": rows}, lines)
    found = validate(document, (), TargetsModel, report=report)
    return None if found is None else Section(found, document, report)


def _of_row(row: dict[str, str]) -> dict[str, Any]:
    content: dict[str, Any] = {name: cell for name, cell in row.items() if name != "id"}
    if "for" in row and row["for"] != "all":
        content["for"] = {row["for"]: row.get("id", "")}
    return content


def check_targets(section: Section[TargetsModel], kpis: KpisModel, people: PeopleModel) -> None:
    """References and dates."""
    known = {
        Scope.ROLE: ("role", people.roles),
        Scope.TEAM: ("team", tuple(team.id for team in people.teams)),
        Scope.TEAM_TOTAL: ("team", tuple(team.id for team in people.teams)),
        Scope.REP: ("rep", tuple(rep.id for rep in people.reps)),
    }
    for index, target in enumerate(section.model.targets):
        at = ("targets", index)
        refuse_unlisted_period(section, at, target.kpi, period=target.period, kpis=kpis)
        scope, name = target.scope
        if scope in known:
            section.refuse_unknown((*at, "for"), known[scope][0], name, known[scope][1])
        if target.first and target.until and target.until < target.first:
            section.problem((*at, "until"), "the target ends before it begins. Correct the dates")


def compile_targets(models: Iterable[TargetsModel]) -> tuple[TargetEntry, ...]:
    """All entries; the order of the lines decides between equals, CSV after YAML."""
    lines = (line for model in models for line in model.targets)
    return tuple(
        TargetEntry(
            kpi=line.kpi,
            period=line.period,
            scope=line.scope[0],
            id=line.scope[1],
            value=line.value,
            span=DateSpan(line.first, line.until),
            ramp=tuple(line.ramp),
            seasonality={int(month): Decimal(factor) for month, factor in line.seasonality.items()},
            order=order,
        )
        for order, line in enumerate(lines)
    )
