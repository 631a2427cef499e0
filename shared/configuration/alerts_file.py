"""``alerts.yaml``: rules, and who is told on which route."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field

from shared.configuration.kpis_file import PeriodWord
from shared.configuration.parsing import Strict
from shared.configuration.scalars import Duration, Id, NotYet, Number, not_negative, parse_number, shown, word
from shared.configuration.secret_values import Secret, SecretReference
from shared.configuration.sources_file import checked_url
from shared.domain.alerting import ForEach, Recovery, Severity, Test

LATER_RECEIVERS = frozenset({"apprise", "alertmanager"})
LATER_TESTS = frozenset({"silent_for", "unreachable"})
SOURCE_OUT = "source-out"
"""The rule of data incidents: routes may match it, no rule may take its name."""


class ReceiverType(StrEnum):
    """Kinds of receivers that alerts can reach."""

    WEBHOOK = "webhook"


class Label(StrEnum):
    """What alerts can be grouped by."""

    RULE = "rule"
    KPI = "kpi"
    TEAM = "team"
    REP = "rep"
    SEVERITY = "severity"
    SOURCE = "source"


def _url(value: object) -> object:
    """An address, or where one is found: a chat's address is a secret."""
    return checked_url(value) if isinstance(value, str) else SecretReference.model_validate(value)


def _severity(value: object) -> Severity:
    names = [severity.name.lower() for severity in Severity]
    if value not in names:
        raise ValueError(f"{shown(value)} is no severity. Use one of: {', '.join(names)}")
    return Severity[str(value).upper()]


def _single_comparison(kind: type[StrEnum], later: frozenset[str] = frozenset()) -> BeforeValidator:
    """Exactly one ``test: number``, as a pair."""

    def check(value: object) -> tuple[StrEnum, Any]:
        if not isinstance(value, dict) or len(value) != 1:
            raise ValueError(f"exactly one test is needed. Write one of: {', '.join(kind)}, with a number")
        ((name, threshold),) = value.items()
        if name in later:
            raise ValueError(f"`{name}` is not supported yet. Use one of: {', '.join(kind)}")
        try:
            return kind(str(name)), parse_number(threshold)
        except ValueError as error:
            raise ValueError(
                str(error) if name in set(kind) else f"{shown(name)} tests nothing. Use one of: {', '.join(kind)}"
            ) from None

    return BeforeValidator(check)


class ReceiverModel(Strict):
    """Somebody who is told; ``secret`` signs by Standard Webhooks."""

    id: Id
    type: Annotated[ReceiverType, word(ReceiverType, later=LATER_RECEIVERS)]
    url: Annotated[Any, BeforeValidator(_url)]
    secret: Secret


class MatchModel(Strict):
    """What a route is for; nothing means everything."""

    severity: Annotated[Severity, BeforeValidator(_severity)] | None = None
    rule: str | None = None
    kpi: str | None = None
    team: str | None = None
    rep: str | None = None

    def compiled(self) -> dict[str, str]:
        """Label -> value, only of what was written."""
        said = {name: getattr(self, name) for name in type(self).model_fields}
        return {
            name: value.name.lower() if isinstance(value, Severity) else value
            for name, value in said.items()
            if value is not None
        }


class RouteModel(Strict):
    """Where notifications go, and how often."""

    match: MatchModel = MatchModel()
    receivers: list[str] = Field(min_length=1)
    group_by: tuple[Annotated[Label, word(Label)], ...] = ()
    group_wait: Duration = 0
    repeat: Duration | None = None
    only_working_hours: bool = False


class SelectModel(Strict):
    """Whom a rule judges."""

    team: str | None = None
    role: str | None = None
    rep: str | None = None


class RuleModel(Strict):
    """One rule."""

    id: Id
    kpi: str
    period: PeriodWord
    for_each: Annotated[ForEach, word(ForEach)] = ForEach.REP
    select: SelectModel = SelectModel()
    when: Annotated[Any, _single_comparison(Test, LATER_TESTS)]
    recover: Annotated[Any, _single_comparison(Recovery)] = None
    hold: Duration = 0
    min_expected: Annotated[Number, AfterValidator(not_negative)] = Field(default_factory=lambda: parse_number("0"))
    severity: Annotated[Severity, BeforeValidator(_severity)] = Severity.WARNING
    escalate: NotYet = None
    runbook: str | None = None


class AlertsModel(Strict):
    """The file."""

    receivers: tuple[ReceiverModel, ...] = ()
    routes: tuple[RouteModel, ...] = ()
    rules: tuple[RuleModel, ...] = ()
