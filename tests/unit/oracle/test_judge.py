"""The judge against numbers worked out by hand from the contract's section 4."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from itertools import permutations
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.support.judge.readings import Judge
from tests.support.judge.times import midnight, span
from tests.support.judge.values import Raw, parsed, passes

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
MONDAY = date(2026, 11, 23)
KPIS: list[dict[str, Any]] = [
    {"id": "won", "unit": "count", "aggregate": "count", "facts": ["deal.won"]},
    {"id": "lost", "unit": "count", "aggregate": "count", "facts": ["deal.lost"]},
    {"id": "revenue", "unit": "money", "aggregate": "sum", "field": "amount", "facts": ["deal.won"]},
    {"id": "open", "unit": "money", "aggregate": "latest", "field": "amount", "facts": ["deal.open"]},
    {"id": "held", "unit": "count", "aggregate": "count", "facts": ["meeting.held"]},
    {"id": "booked", "unit": "count", "aggregate": "count", "facts": ["meeting.booked"]},
    {"id": "stages", "unit": "count", "aggregate": "distinct", "field": "stage", "facts": ["deal.stage_entered"]},
    {"id": "calls", "unit": "count", "aggregate": "count", "facts": ["call.logged"]},
    {
        "id": "p90",
        "unit": "seconds",
        "aggregate": "percentile",
        "percentile": 90,
        "field": "s",
        "facts": ["call.logged"],
    },
    {"id": "rate", "unit": "ratio", "aggregate": "ratio", "numerator": "won", "denominator": "calls"},
]  # fmt: skip
CONFIGURATION: dict[str, Any] = {
    "tenant": {
        "tenant": "acme", "time_zone": "Europe/Berlin", "currency": "EUR",
        "fx": [{"currency": "USD", "rate": "0.92", "from": "2026-01-01"},
               {"currency": "USD", "rate": "0.5", "from": "2026-11-24"}],
        "calendar": {"working_hours": dict.fromkeys(("mon", "tue", "wed", "thu", "fri"), "09:00-17:00")},
    },
    "sources": {"sources": [{"id": "native", "provider": "native"}]},
    "people": {
        "teams": [{"id": "emea"}, {"id": "sdr", "parent": "emea"}],
        "reps": [{"id": "ana", "teams": [{"id": "sdr", "until": "2026-11-23"}], "hired": "2026-10-15"},
                 {"id": "bo", "teams": ["sdr"], "identities": {"native": ["b-7"]}}],
    },
    "kpis": {"kpis": KPIS},
    "targets": {"targets": [
        {"kpi": "calls", "period": "day", "for": "all", "value": 8, "ramp": ["0.25", "0.5"]},
        {"kpi": "calls", "period": "week", "for": {"team": "sdr"}, "value": 40},
    ]},
}  # fmt: skip


def event(kind: str, at: str = "2026-11-23T09:00:00Z", rep: str | None = "ana", **others: Any) -> dict[str, Any]:
    number = others.pop("id", f"{kind}@{at}")
    fields = others.pop("fields", {})
    found = {"id": number, "type": kind, "record": others.pop("record", "r"), "occurred_at": at, "fields": fields}
    return found | ({} if rep is None else {"rep": rep})


def value(
    events: list[dict[str, Any]], kpi: str, kind: str = "day", at: Any = date(2026, 11, 23), rep: str = "ana"
) -> Any:
    """Of every order of the events the same."""
    found = {Judge(CONFIGURATION, order, now=NOW).rep(rep, kpi, kind, at)["value"] for order in permutations(events)}
    assert len(found) == 1
    return found.pop()


def test_a_deal_won_again_is_won_at_the_start_of_its_present_run() -> None:
    told = [
        event("deal.won", "2026-11-20T09:00:00Z", fields={"amount": "10"}),
        event("deal.reopened", "2026-11-21T09:00:00Z"),
        event("deal.won", "2026-11-23T09:00:00Z"),
        event("deal.updated", "2026-11-24T09:00:00Z", fields={"status": "won"}),
    ]
    assert [value(told, "won", at=date(2026, 11, day)) for day in (20, 21, 23, 24)] == [0, 0, 1, 0]
    assert value(told, "revenue", "month") == 10


def test_of_equal_times_the_greater_id_is_the_later_by_code_point() -> None:
    upper, lower = event("deal.won", id="Z"), event("deal.lost", id="a")
    assert (value([upper, lower], "won"), value([upper, lower], "lost")) == (0, 1)


def test_the_type_goes_before_the_status_and_the_owner_field_before_the_rep() -> None:
    told = [event("deal.won", rep="ana", fields={"status": "lost", "owner": "b-7"})]
    assert (value(told, "won"), value(told, "won", rep="bo")) == (0, 1)
    assert value([event("deal.won", rep="ana", fields={"owner": None})], "won") == 0


def test_a_merged_record_is_gone_for_good_and_a_deleted_one_until_restored() -> None:
    merged = [
        event("deal.merged", "2026-11-20T09:00:00Z", fields={"into": "x"}),
        event("deal.won"),
        event("deal.restored"),
    ]
    assert value(merged, "won") == 0
    deleted = [event("deal.deleted"), event("deal.won"), event("deal.restored", "2026-11-24T09:00:00Z")]
    assert (value(deleted, "won"), value(deleted[:2], "won")) == (1, 0)


def test_of_held_and_canceled_the_later_holds_and_booked_stays() -> None:
    told = [event("meeting.booked"), event("meeting.held"), event("meeting.canceled", "2026-11-23T10:00:00Z")]
    assert (value(told, "held"), value(told, "booked"), value(told[:2], "held")) == (0, 1, 1)


def test_a_deal_is_credited_at_the_fact_and_a_call_now() -> None:
    given = event("deal.updated", "2026-11-23T09:00:00.000001Z", rep="bo")
    assert value([event("deal.won"), given], "won") == 1
    call = [event("call.logged"), event("call.updated", "2026-11-24T09:00:00Z", rep="bo")]
    assert (value(call, "calls"), value(call, "calls", rep="bo")) == (0, 1)
    late = [event("deal.won", rep=None), event("deal.updated", "2026-11-24T09:00:00Z", rep="bo")]
    assert value(late, "won", rep="bo") == 1  # nobody was named at the fact


def test_amounts_are_converted_at_the_days_rate_and_rounded_half_even() -> None:
    won = event("deal.won", fields={"amount": "0.00025", "currency": "EUR"})
    assert value([won], "revenue") == Fraction("0.0002")
    dollars = {"amount": Raw("100"), "currency": "USD"}
    assert value([event("deal.won", "2026-11-23T22:59:59Z", fields=dollars)], "revenue") == 92
    assert value([event("deal.won", "2026-11-23T23:00:00Z", fields=dollars)], "revenue", at=date(2026, 11, 24)) == 50
    pounds = [event("deal.won", fields={"amount": "5", "currency": "GBP"})]
    assert (value(pounds, "revenue"), value(pounds, "won")) == (0, 1)


def test_a_stock_holds_now_and_nowhere_else() -> None:
    told = [event("deal.created", fields={"amount": "7"}), event("deal.updated", fields={"amount": 8}, id="z")]
    assert value(told, "open", at=date(2026, 11, 25)) == 8
    assert value(told, "open") is None
    assert value(told, "open", "rolling:7d", NOW) is None


def test_each_stage_is_entered_once() -> None:
    told = [
        event("deal.stage_changed", f"2026-11-{day}T09:00:00Z", fields={"stage": stage})
        for day, stage in ((22, "new"), (23, "demo"), (24, "new"))
    ]
    assert [value(told, "stages", at=date(2026, 11, day)) for day in (22, 23, 24)] == [1, 1, 0]


def test_a_percentile_is_the_nearest_rank() -> None:
    told = [event("call.logged", record=f"c{n}", fields={"s": n}) for n in range(1, 6)]
    assert value(told[:1] + told[3:], "p90") == 5
    assert Judge(CONFIGURATION, told * 2, now=NOW).rep("ana", "p90", "day", MONDAY)["value"] == 5
    assert value([], "p90") is None
    assert value([event("deal.won")], "rate") is None


def test_numbers_keep_their_text_and_filters_compare_numbers() -> None:
    fields = parsed('{"a": 20.0, "b": "2e1", "c": true, "d": null, "e": ""}')
    assert str(fields["a"]) == "20.0"
    assert passes({"a": 20, "b": {"gte": "20", "lt": 20.1}, "c": True, "d": {"exists": False, "not_in": ["x"]}}, fields)
    for where in ({"c": "true"}, {"d": {"lt": 1}}, {"e": {"exists": False}}, {"e": {"lt": 1}}, {"a": {"in": [2]}}):
        assert not passes(where, fields)


@pytest.mark.parametrize(
    ("zone", "day", "start"),
    [
        ("America/Sao_Paulo", date(2018, 11, 4), "2018-11-04T03:00:00+00:00"),  # no midnight
        ("America/Havana", date(2026, 11, 1), "2026-11-01T04:00:00+00:00"),  # two of them
        ("Europe/Berlin", date(2026, 3, 29), "2026-03-28T23:00:00+00:00"),
    ],
)
def test_a_day_begins_at_its_first_instant(zone: str, day: date, start: str) -> None:
    assert midnight(day, ZoneInfo(zone)).isoformat() == start


def test_periods_are_fiscal_and_named_after_the_year_in_which_theirs_begins() -> None:
    tenant, berlin = {"fiscal_year_start": "04-01", "week_start": "sunday"}, ZoneInfo("Europe/Berlin")
    ids = [span(kind, date(2027, 2, 3), berlin, tenant).id for kind in ("day", "week", "month", "quarter", "year")]
    assert ids == ["2027-02-03", "w2027-01-31", "2027-02", "2026-q4", "2026"]
    rolling = span("rolling:7d", date(2026, 10, 25), berlin, tenant)
    assert rolling.end - rolling.start == timedelta(days=7)
    assert rolling.end.isoformat() == "2026-10-25T23:00:00+00:00"


def test_targets_ramp_by_anniversaries_and_members_count_while_they_are_members() -> None:
    judge = Judge(CONFIGURATION, [event("call.logged")], now=NOW)
    day = {
        at: judge.rep("ana", "calls", "day", date(2026, *at))
        for at in ((10, 14), (10, 15), (11, 13), (11, 16), (12, 15))
    }
    assert [reading["target"] for reading in day.values()] == [0, 2, 2, 4, 8]
    assert day[10, 14]["status"] == "achieved"
    assert judge.rep("ana", "calls", "day", date(2026, 11, 22))["target"] is None
    week = judge.team("emea", "calls", "week", date(2026, 11, 25))
    assert (week["target"], week["expected_to_date"], week["value"]) == (48, 8 + 8 + 8 + 4, 1)
    assert judge.team("emea", "calls", "week", date(2026, 11, 25), "as_is")["value"] == 0
