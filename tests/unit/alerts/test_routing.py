from services.alerts.domain.routing import allowed_from, groups_of
from shared.domain.alerting import Route
from shared.domain.instants import parse
from tests.support.alerts_fakes import CALENDAR, T0, alerting, episode, tenant

ORGANISATION = tenant().organisation


def receivers(*routes: Route) -> list[str]:
    return [group.receiver for group in groups_of(episode(), alerting(routes=routes), ORGANISATION)]


def test_the_first_matching_route_wins() -> None:
    assert receivers(Route(match={"severity": "warning"}, receivers=("chat",)), Route(receivers=("ops",))) == ["chat"]


def test_a_route_of_another_severity_is_passed_over() -> None:
    assert receivers(Route(match={"severity": "critical"}, receivers=("chat",)), Route(receivers=("ops",))) == ["ops"]


def test_a_team_matches_with_all_teams_below_it() -> None:
    assert receivers(Route(match={"team": "emea"}, receivers=("chat",))) == ["chat"]


def test_all_of_a_match_must_hold() -> None:
    assert receivers(Route(match={"rep": "ana", "kpi": "revenue"}, receivers=("chat",))) == []


def test_each_receiver_has_its_group() -> None:
    assert receivers(Route(receivers=("ops", "chat"))) == ["ops", "chat"]


def test_a_group_has_the_labels_that_it_is_formed_by() -> None:
    (group,) = groups_of(
        episode(), alerting(routes=(Route(receivers=("ops",), group_by=("rule", "team")),)), ORGANISATION
    )
    assert group.labels == {"rule": "calls-behind", "team": "emea-sdr"}


def test_without_group_by_every_alert_is_its_own_group() -> None:
    config = alerting()
    (one,) = groups_of(episode(id="ep_1"), config, ORGANISATION)
    (two,) = groups_of(episode(id="ep_2"), config, ORGANISATION)
    assert one.key != two.key


def test_working_hours_postpone_to_the_next_working_moment() -> None:
    (group,) = groups_of(
        episode(), alerting(routes=(Route(receivers=("ops",), only_working_hours=True),)), ORGANISATION
    )
    assert allowed_from(group, CALENDAR, parse("2026-11-21T12:00:00Z")) == parse("2026-11-23T08:00:00Z")


def test_at_work_nothing_is_postponed() -> None:
    (group,) = groups_of(
        episode(), alerting(routes=(Route(receivers=("ops",), only_working_hours=True),)), ORGANISATION
    )
    assert allowed_from(group, CALENDAR, T0) == T0
