"""The demo must be alive at any hour of any day."""

from pathlib import Path

import pytest

from cli.demo import demo_environment
from cli.simulate.demo_tenant import write_demo_config
from cli.up.missing_secrets import missing_variables
from shared.configuration import load_deployment
from shared.configuration.deployment import Deployment
from shared.domain.instants import Micros, parse
from shared.domain.periods import local_day

HOUR_US = 3600 * 1_000_000
SUNDAY_NIGHT = parse("2026-11-22T23:10:00Z")
HOURS = [SUNDAY_NIGHT + hour * HOUR_US for hour in range(0, 24, 3)]


def demo(directory: Path, now: Micros) -> Deployment:
    write_demo_config(directory, now)
    return load_deployment(directory, demo_environment(missing_variables(directory, {}), "http://127.0.0.1:9/alerts"))


@pytest.mark.parametrize("now", HOURS)
def test_everybody_is_at_work_at_any_hour(tmp_path: Path, now: Micros) -> None:
    (tenant,) = demo(tmp_path, now).tenants.values()
    assert all(tenant.calendar.is_working(rep, now) for rep in tenant.organisation.reps.values())


@pytest.mark.parametrize("now", HOURS)
def test_about_four_hours_of_the_working_day_have_passed(tmp_path: Path, now: Micros) -> None:
    (tenant,) = demo(tmp_path, now).tenants.values()
    rep = next(iter(tenant.organisation.reps.values()))
    ((start, end),) = tenant.calendar.present_spans(rep, local_day(now, rep.zone))
    assert 4 * HOUR_US <= now - start < 4.25 * HOUR_US
    assert end - start == 9 * HOUR_US


def test_no_alert_of_the_day_holds_longer_than_a_visitor_stays(tmp_path: Path) -> None:
    (alerting,) = demo(tmp_path, SUNDAY_NIGHT).alerting.values()
    assert {rule.hold_us for rule in alerting.rules if rule.period == "day"} == {20_000_000}


def test_the_demos_board_needs_no_key(tmp_path: Path) -> None:
    assert demo(tmp_path, SUNDAY_NIGHT).keys is None
