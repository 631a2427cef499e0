"""The oracle against numbers worked out by hand from the contract's section 4."""

import json
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest

from cli.simulate.oracle import expected_values
from cli.simulate.oracle_rules import OracleRules, read_rules
from cli.simulate.unreliable import shuffled
from cli.simulate.wire import Element, HubspotWriter, NativeWriter, Numbers
from shared.domain.instants import parse
from tests.support.simulated_floor import NOW, floor, write_rules

NUMBERS = Numbers(NOW)
NATIVE = NativeWriter("native", NUMBERS)
HUBSPOT = HubspotWriter("hubspot", NUMBERS)


def at(text: str) -> int:
    return parse(f"2026-11-{text}Z")


@pytest.fixture(name="rules")
def _rules(tmp_path: Path) -> OracleRules:
    return read_rules(write_rules(tmp_path))


def values(rules: OracleRules, *elements: Element) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(expected_values(elements, rules, now=NOW))
    return found


def call(when: str, record: str, **fields: str) -> Element:
    fields = {"direction": "outbound", "duration_seconds": "60", **fields}
    return NATIVE.event("call.logged", at(when), record=record, rep="ana", fields=fields)


def deal(what: str, when: str, *, rep: str | None = None, **fields: str) -> Element:
    return NATIVE.event(f"deal.{what}", at(when), record="d", rep=rep, fields=fields)


def test_a_fact_counts_in_its_day_week_month_fiscal_quarter_and_fiscal_year(rules: OracleRules) -> None:
    found = values(rules, call("22T10:00:00", "c1"))["ana"]["calls"]
    assert found == {"2026-11-22": 1, "w2026-11-16": 1, "2026-11": 1, "2026-q3": 1, "2026": 1}


def test_a_day_begins_in_the_reps_zone(rules: OracleRules) -> None:
    assert values(rules, call("22T23:30:00", "c1"))["ana"]["calls"]["2026-11-23"] == 1


def test_a_call_that_is_logged_twice_is_one_fact_at_the_later_time(rules: OracleRules) -> None:
    found = values(rules, call("22T10:00:00", "c1"), call("21T10:00:00", "c1"))["ana"]["calls"]
    assert (found.get("2026-11-21"), found["2026-11-22"]) == (None, 1)


def test_a_short_call_is_no_call(rules: OracleRules) -> None:
    assert values(rules, call("22T10:00:00", "c1", duration_seconds="19"))["ana"]["calls"]["2026-11"] == 0


def test_a_deal_is_won_at_the_start_of_its_present_run_of_won(rules: OracleRules) -> None:
    run = [deal("created", "02T09:00:00", rep="ana", amount="10"), deal("won", "03T09:00:00")]
    run += [deal("reopened", "04T09:00:00"), deal("won", "05T09:00:00"), deal("won", "06T09:00:00")]
    found = values(rules, *run)["ana"]["won"]
    assert {day: found.get(day, 0) for day in ("2026-11-03", "2026-11-05", "2026-11-06")} == {
        "2026-11-03": 0,
        "2026-11-05": 1,
        "2026-11-06": 0,
    }


def test_a_deal_is_credited_to_its_owner_when_it_was_won(rules: OracleRules) -> None:
    elements = [deal("won", "03T09:00:00", rep="ana", amount="10"), deal("updated", "04T09:00:00", rep="bo")]
    found = values(rules, *elements)
    assert found["ana"]["revenue"]["2026-11"] == 10
    assert "bo" not in found


def test_a_call_is_credited_to_its_owner_now(rules: OracleRules) -> None:
    handed = NATIVE.event("call.updated", at("23T09:00:00"), record="c1", rep="bo")
    found = values(rules, call("22T10:00:00", "c1"), handed)
    assert (found["bo"]["calls"]["2026-11-22"], "ana" in found) == (1, False)


def test_a_deal_without_an_owner_yet_goes_to_the_first_one_named(rules: OracleRules) -> None:
    found = values(rules, deal("won", "03T09:00:00", amount="10"), deal("updated", "04T09:00:00", rep="bo"))
    assert found["bo"]["won"]["2026-11-03"] == 1


def test_a_deleted_deal_has_no_facts(rules: OracleRules) -> None:
    assert values(rules, deal("won", "03T09:00:00", rep="ana"), deal("deleted", "04T09:00:00")) == {}


def test_a_restored_deal_has_its_facts_back(rules: OracleRules) -> None:
    run = [deal("won", "03T09:00:00", rep="ana"), deal("deleted", "04T09:00:00"), deal("restored", "05T09:00:00")]
    assert values(rules, *run)["ana"]["won"]["2026-11-03"] == 1


def test_an_amount_is_converted_at_the_rate_of_the_facts_day(rules: OracleRules) -> None:
    run = [deal("won", "03T09:00:00", rep="ana", amount="100", currency="USD")]
    assert values(rules, *run)["ana"]["revenue"]["2026-11"] == 92


def test_an_amount_without_a_rate_is_left_out_but_the_deal_counts(rules: OracleRules) -> None:
    found = values(rules, deal("won", "03T09:00:00", rep="ana", amount="100", currency="XYZ"))["ana"]
    assert (found["revenue"]["2026-11"], found["won"]["2026-11"]) == (0, 1)


def test_of_held_and_canceled_the_later_one_holds(rules: OracleRules) -> None:
    run = [
        NATIVE.event("meeting.held", at("03T09:00:00"), record="m", rep="ana"),
        NATIVE.event("meeting.canceled", at("02T09:00:00"), record="m", rep="ana"),
    ]
    found = values(rules, *run)["ana"]
    assert (found["held"]["2026-11"], found["canceled"]["2026-11"]) == (1, 0)


def test_a_ratio_by_nothing_is_null(rules: OracleRules) -> None:
    assert values(rules, call("22T10:00:00", "c1"))["ana"]["win_rate"]["2026-11"] is None


def test_an_open_deal_is_a_stock_of_its_owner_now_at_the_rate_of_its_amounts_day(rules: OracleRules) -> None:
    run = [deal("created", "02T09:00:00", rep="ana", amount="100", currency="USD")]
    run += [deal("updated", "22T09:00:00", amount="200"), deal("updated", "23T09:00:00", rep="bo")]
    assert values(rules, *run)["bo"]["pipeline"]["2026-11-23"] == 100


def test_a_hubspot_deal_is_won_by_its_stage(rules: OracleRules) -> None:
    properties = {"hubspot_owner_id": "101", "amount": "12.50", "dealstage": "closedwon"}
    run = [HUBSPOT.deal("creation", at("03T09:00:00"), deal=1)]
    run += [HUBSPOT.deal_property(at("03T09:00:00"), deal=1, name=n, value=v) for n, v in properties.items()]
    assert values(rules, *run)["ana"]["revenue"]["2026-11-03"] == 12.5


def test_order_and_repetition_change_no_number(rules: OracleRules) -> None:
    played = floor()
    sent = [e for step in range(800) for e in played.act(played.someone(), NOW - (800 - step) * 60_000_000)]
    expected = expected_values(sent, rules, now=NOW)
    assert expected_values(shuffled(sent, Random(3)), rules, now=NOW) == expected
    assert b'"cy"' in expected


def test_a_period_uses_the_version_of_a_kpi_that_is_in_force_on_its_first_day(rules: OracleRules) -> None:
    inbound = {"id": "calls", "effective": "2026-11-22", "unit": "count", "aggregate": "count",
               "facts": ["call.logged"], "where": {"direction": "inbound"}}  # fmt: skip
    dated = replace(rules, kpis=[*rules.kpis, inbound])
    run = [call("21T10:00:00", "c1"), call("22T10:00:00", "c2"), call("22T10:00:00", "c3", direction="inbound")]
    run += [call("23T10:00:00", "c4", direction="inbound"), call("23T11:00:00", "c5", direction="inbound")]
    found = values(dated, *run)["ana"]["calls"]
    days = [found[f"2026-11-{day}"] for day in (21, 22, 23)]
    assert (days, found["w2026-11-16"], found["w2026-11-23"], found["2026-11"]) == ([1, 1, 2], 2, 2, 2)


def test_before_its_first_version_a_kpi_has_no_value(rules: OracleRules) -> None:
    later = {**next(kpi for kpi in rules.kpis if kpi["id"] == "won"), "effective": "2026-11-23"}
    dated = replace(rules, kpis=[kpi for kpi in rules.kpis if kpi["id"] != "won"] + [later])
    found = values(dated, call("22T10:00:00", "c1"), call("23T10:00:00", "c2"))["ana"]
    assert [(found[kpi]["2026-11-22"], found[kpi]["2026-11-23"]) for kpi in ("won", "win_rate")] == [
        (None, 0), (None, None),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("aggregate", "expected"), [({"aggregate": "minimum"}, -3), ({"aggregate": "maximum"}, 10.5),
    ({"aggregate": "percentile", "percentile": 50}, 2), ({"aggregate": "percentile", "percentile": 51}, 7)]
)  # fmt: skip
def test_one_of_the_numbers_is_picked(rules: OracleRules, aggregate: dict[str, Any], expected: float) -> None:
    picked = {"id": "picked", "unit": "count", "field": "n", "facts": ["call.logged"], **aggregate}
    numbers = ["7", "2.0", "-3", "10.5", "none"]
    found = values(replace(rules, kpis=[picked]), *(call("22T10:00:00", f"c{n}", n=n) for n in numbers))["ana"]
    assert found["picked"]["2026-11"] == expected


def test_what_is_open_counts_in_every_aggregate_now_and_at_no_other_time(rules: OracleRules) -> None:
    kpis = [
        {"id": "open_deals", "unit": "count", "aggregate": "count", "facts": ["deal.open"]},
        {"id": "touches", "unit": "count", "aggregate": "count", "facts": ["deal.open", "call.logged"]},
        {"id": "share", "unit": "ratio", "aggregate": "ratio", "numerator": "open_deals", "denominator": "touches"},
    ]
    run = [deal("created", "21T10:00:00", rep="ana", amount="10"), call("22T10:00:00", "c1"), call("23T08:00:00", "c2")]
    found = values(replace(rules, kpis=kpis), *run)["ana"]
    assert [found[kpi]["2026-11-23"] for kpi in ("open_deals", "touches", "share")] == [1, 2, 0.5]
    assert [found[kpi]["2026-11-22"] for kpi in ("open_deals", "touches", "share")] == [None, 1, None]
