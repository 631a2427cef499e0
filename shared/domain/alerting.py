"""Alert rules, receivers and routes as configured; contract sections 2 and 6."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from enum import IntEnum, StrEnum

from msgspec import Struct

from shared.domain.instants import Micros
from shared.domain.periods import PeriodKind


class Severity(IntEnum):
    """How bad; comparable."""

    INFO = 0
    WARNING = 1
    CRITICAL = 2


class Test(StrEnum):
    """What a rule's ``when`` tests. A celebration is ATTAINMENT_AT_LEAST."""

    __test__ = False  # not a test case, whatever its name

    PACE_BELOW = "pace_below"
    ATTAINMENT_BELOW = "attainment_below"
    ATTAINMENT_AT_LEAST = "attainment_at_least"
    VALUE_BELOW = "value_below"
    VALUE_ABOVE = "value_above"
    MISS_PROBABILITY_ABOVE = "miss_probability_above"


class Recovery(StrEnum):
    """What a rule's ``recover`` tests."""

    PACE_AT_LEAST = "pace_at_least"
    ATTAINMENT_AT_LEAST = "attainment_at_least"
    VALUE_AT_LEAST = "value_at_least"
    VALUE_AT_MOST = "value_at_most"
    MISS_PROBABILITY_AT_MOST = "miss_probability_at_most"


class ForEach(StrEnum):
    """Whom a rule judges one by one."""

    REP = "rep"
    TEAM = "team"


class Selection(Struct, frozen=True):
    """Restricts a rule's subjects; None restricts nothing. A team means its subtree."""

    team: str | None = None
    role: str | None = None
    rep: str | None = None


class Rule(Struct, frozen=True, kw_only=True):
    """One alert rule. Lengths are working time of the subject, in microseconds."""

    id: str
    kpi: str
    period: PeriodKind
    for_each: ForEach
    test: Test
    threshold: Decimal
    recovery: Recovery | None = None
    recovery_threshold: Decimal | None = None
    select: Selection = Selection()
    hold_us: Micros = 0
    min_expected: Decimal = Decimal(0)
    severity: Severity = Severity.WARNING
    runbook: str | None = None

    @property
    def foresees(self) -> bool:
        """Whether it is judged by what is likely, which the last days tell."""
        return Test.MISS_PROBABILITY_ABOVE is self.test or Recovery.MISS_PROBABILITY_AT_MOST is self.recovery


class Receiver(Struct, frozen=True, kw_only=True):
    """A signed webhook's address and Standard Webhooks secret (``whsec_...``), both resolved and never shown."""

    id: str
    type: str
    url: str
    secret: str = ""

    def __repr__(self) -> str:
        return f"Receiver({self.id!r}, type={self.type!r})"


class Route(Struct, frozen=True, kw_only=True):
    """Where notifications go; the first whose ``match`` holds. ``match`` keys: severity, rule, kpi, team, rep."""

    match: Mapping[str, str] = {}
    receivers: tuple[str, ...] = ()
    group_by: tuple[str, ...] = ()
    group_wait_us: Micros = 0
    repeat_us: Micros | None = None
    only_working_hours: bool = False


class Alerting(Struct, frozen=True):
    """All alert configuration of a tenant."""

    receivers: Mapping[str, Receiver] = {}
    routes: tuple[Route, ...] = ()
    rules: tuple[Rule, ...] = ()
