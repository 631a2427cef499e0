"""Checks of ``alerts.yaml`` against everything else, and its values for the alerts service."""

from __future__ import annotations

from shared.configuration.alerts_file import SOURCE_OUT, AlertsModel, ReceiverModel, RouteModel, RuleModel
from shared.configuration.documents import Location
from shared.configuration.kpis_file import KpisModel, refuse_unlisted_period
from shared.configuration.parsing import Section
from shared.configuration.people_file import PeopleModel
from shared.configuration.secret_values import SecretPlaces, SecretReference
from shared.domain.alerting import Alerting, ForEach, Receiver, Recovery, Route, Rule, Selection, Test
from shared.domain.kpis import Aggregate

CEILINGS = {Recovery.VALUE_AT_MOST, Recovery.MISS_PROBABILITY_AT_MOST}
PROBABILITIES = {Test.MISS_PROBABILITY_ABOVE, Recovery.MISS_PROBABILITY_AT_MOST}
SAME_MEASURE = {
    Test.PACE_BELOW: Recovery.PACE_AT_LEAST,
    Test.ATTAINMENT_BELOW: Recovery.ATTAINMENT_AT_LEAST,
    Test.VALUE_BELOW: Recovery.VALUE_AT_LEAST,
    Test.VALUE_ABOVE: Recovery.VALUE_AT_MOST,
    Test.MISS_PROBABILITY_ABOVE: Recovery.MISS_PROBABILITY_AT_MOST,
}


def check_alerts(section: Section[AlertsModel], kpis: KpisModel, people: PeopleModel) -> None:
    """Ids, references, routes that leave a gap, and recoveries that contradict their rule."""
    model = section.model
    section.refuse_twins("receivers", (receiver.id for receiver in model.receivers))
    section.refuse_twins("rules", (rule.id for rule in model.rules))
    _check_routes(section, kpis, people)
    for index, rule in enumerate(model.rules):
        at = ("rules", index)
        if rule.id == SOURCE_OUT:
            section.problem((*at, "id"), f"`{SOURCE_OUT}` is the rule of data incidents. Choose another id")
        refuse_unlisted_period(section, at, rule.kpi, period=rule.period, kpis=kpis)
        _check_selection(section, (*at, "select"), rule, people)
        _check_recovery(section, (*at, "recover"), rule)
        _check_probability(section, at, rule, kpis)


def _check_routes(section: Section[AlertsModel], kpis: KpisModel, people: PeopleModel) -> None:
    routes = section.model.routes
    receivers = [receiver.id for receiver in section.model.receivers]
    for index, route in enumerate(routes):
        at = ("routes", index)
        for position, name in enumerate(route.receivers):
            section.refuse_unknown((*at, "receivers", position), "receiver", name, receivers)
        _check_match(section, (*at, "match"), route, kpis, people)
        if not route.match.compiled() and index < len(routes) - 1:
            section.problem(at, "this route matches everything, so that no later one is reached. Move it to the end")
    if routes and routes[-1].match.compiled():
        section.problem(("routes", len(routes) - 1), "the last route must match everything. Add one without `match`")


def _check_match(
    section: Section[AlertsModel], at: Location, route: RouteModel, kpis: KpisModel, people: PeopleModel
) -> None:
    match = route.match
    section.refuse_unknown((*at, "rule"), "rule", match.rule, [*(rule.id for rule in section.model.rules), SOURCE_OUT])
    section.refuse_unknown((*at, "kpi"), "KPI", match.kpi, (kpi.id for kpi in kpis.kpis))
    section.refuse_unknown((*at, "team"), "team", match.team, (team.id for team in people.teams))
    section.refuse_unknown((*at, "rep"), "rep", match.rep, (rep.id for rep in people.reps))


def _check_selection(section: Section[AlertsModel], at: Location, rule: RuleModel, people: PeopleModel) -> None:
    select = rule.select
    section.refuse_unknown((*at, "team"), "team", select.team, (team.id for team in people.teams))
    section.refuse_unknown((*at, "role"), "role", select.role, people.roles)
    section.refuse_unknown((*at, "rep"), "rep", select.rep, (rep.id for rep in people.reps))
    if rule.for_each is ForEach.TEAM and (select.role or select.rep):
        section.problem(at, f"`{rule.id}` judges teams, which have no role and are no rep. Select a team, or nothing")


def _check_recovery(section: Section[AlertsModel], at: Location, rule: RuleModel) -> None:
    if rule.recover is None:
        return
    (test, limit), (recovery, back) = rule.when, rule.recover
    if SAME_MEASURE.get(test) is not recovery:
        return
    if back > limit if recovery in CEILINGS else back < limit:
        section.problem(at, f"`{rule.id}` recovers at {back} while {test} {limit} holds. Move it to the good side")


def _check_probability(section: Section[AlertsModel], at: Location, rule: RuleModel, kpis: KpisModel) -> None:
    """A probability is told of what counts facts, and lies between 0 and 1."""
    for key, said in (("when", rule.when), ("recover", rule.recover)):
        if said is None or said[0] not in PROBABILITIES:
            continue
        if not 0 <= said[1] <= 1:
            section.problem((*at, key), f"`{rule.id}`: {said[1]} is no probability. Write a number from 0 to 1")
        versions = [kpi for kpi in kpis.kpis if kpi.id == rule.kpi]
        if versions and not any(kpi.aggregate is Aggregate.COUNT for kpi in versions):
            section.problem(
                (*at, key), f"`{rule.kpi}` is no count, so that its miss probability is never known. Test its pace"
            )


def compile_alerting(section: Section[AlertsModel], secrets: SecretPlaces) -> Alerting:
    """Receivers with their secrets, routes in order, rules in order."""
    receivers = {
        receiver.id: Receiver(
            id=receiver.id,
            type=receiver.type.value,
            url=_address(section, index, receiver, secrets),
            secret=secrets.secret(receiver.secret, section, ("receivers", index, "secret")),
        )
        for index, receiver in enumerate(section.model.receivers)
    }
    return Alerting(
        receivers, tuple(map(_route, section.model.routes)), tuple(_rule(rule) for rule in section.model.rules)
    )


def _address(section: Section[AlertsModel], index: int, receiver: ReceiverModel, secrets: SecretPlaces) -> str:
    if not isinstance(receiver.url, SecretReference):
        return str(receiver.url)
    location = ("receivers", index, "url")
    url = secrets.secret(receiver.url, section, location)
    if url and not url.startswith(("http://", "https://")):
        section.problem(location, f"the address of `{receiver.id}` is no http(s) URL. Correct the secret")
    return url


def _route(route: RouteModel) -> Route:
    return Route(
        match=route.match.compiled(),
        receivers=tuple(route.receivers),
        group_by=tuple(label.value for label in route.group_by),
        group_wait_us=route.group_wait,
        repeat_us=route.repeat,
        only_working_hours=route.only_working_hours,
    )


def _rule(rule: RuleModel) -> Rule:
    recovery, back = rule.recover or (None, None)
    return Rule(
        id=rule.id,
        kpi=rule.kpi,
        period=rule.period,
        for_each=rule.for_each,
        test=rule.when[0],
        threshold=rule.when[1],
        recovery=recovery,
        recovery_threshold=back,
        select=Selection(rule.select.team, rule.select.role, rule.select.rep),
        hold_us=rule.hold,
        min_expected=rule.min_expected,
        severity=rule.severity,
        runbook=rule.runbook,
    )
