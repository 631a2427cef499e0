"""Who is watched by which rule, where a KPI has dated versions."""

from datetime import date

import pytest

from services.alerts.floor import Floor
from shared.domain.alerting import Alerting
from shared.domain.instants import parse
from tests.support.alerts_fakes import rule
from tests.support.tenants import kpi, tenant

ACME = tenant(
    kpis=[kpi("calls", effective=date(2026, 11, 2)), kpi("calls", effective=date(2026, 11, 23), periods=("week",))]
)


@pytest.mark.parametrize(
    ("now", "watched"),
    [("2026-11-01T10:00:00Z", 0), ("2026-11-20T10:00:00Z", 1), ("2026-11-23T10:00:00Z", 0)],
)
def test_a_rule_watches_while_the_version_in_force_lists_its_period(now: str, watched: int) -> None:
    floor = Floor(ACME, Alerting(rules=(rule(),)))
    assert len(floor.watches(parse(now))) == watched
