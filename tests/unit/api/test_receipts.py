from decimal import Decimal
from typing import Any

from services.api.adapters.http.app import create_app
from services.api.domain.receipts import Holding, Outcome, receipts
from shared.domain.facts import Fact
from shared.domain.instants import parse
from shared.domain.kpis import Aggregate, Condition, Operator, Unit
from tests.support.api_parts import FixedConfiguration, KnownPages, KnownRecords, local_client, parts
from tests.support.changes import change
from tests.support.tenants import kpi, tenant

OUTBOUND = Condition("direction", Operator.EQ, ("outbound",))
CALLS = kpi("calls", where=(OUTBOUND,))
REVENUE = kpi("revenue", aggregate=Aggregate.SUM, unit=Unit.MONEY, field="amount", facts=("deal.won",))
ACCOUNTS = kpi("accounts", aggregate=Aggregate.DISTINCT, field="account")


def fact(record: str = "c1", kind: str = "call.logged", at: str = "2026-11-23T09:00:00Z", **fields: Any) -> Fact:
    return Fact(
        kind,
        parse(at),
        "native",
        kind.split(".", maxsplit=1)[0],
        record,
        "ana",
        fields,
        f"https://crm.example/{record}",
    )


def outcomes(of: Any, *facts: Fact) -> list[tuple[str, Outcome, Decimal | None]]:
    found = receipts(tenant(kpis=[of]), of, [Holding("ana", "Europe/Berlin", facts)])
    return [(receipt.fact.record, receipt.outcome, receipt.adds) for receipt in found]


def test_a_fact_that_counts_adds_one() -> None:
    assert outcomes(CALLS, fact(direction="outbound")) == [("c1", Outcome.COUNTED, Decimal(1))]


def test_a_filtered_fact_names_the_condition() -> None:
    (receipt,) = receipts(tenant(kpis=[CALLS]), CALLS, [Holding("ana", "Europe/Berlin", [fact(direction="inbound")])])
    assert (receipt.outcome, receipt.condition) == (Outcome.FILTERED, "direction eq outbound")


def test_a_sum_adds_the_amount() -> None:
    assert outcomes(REVENUE, fact("d1", "deal.won", amount="12.5")) == [("d1", Outcome.COUNTED, Decimal("12.5000"))]


def test_an_amount_that_is_no_number_is_left_out() -> None:
    assert outcomes(REVENUE, fact("d1", "deal.won", amount="much")) == [("d1", Outcome.NO_NUMBER, None)]


def test_an_amount_without_a_rate_is_left_out() -> None:
    found = outcomes(REVENUE, fact("d1", "deal.won", amount="1", currency="JPY"))
    assert found == [("d1", Outcome.NO_RATE, None)]


def test_a_value_seen_before_adds_nothing() -> None:
    found = outcomes(ACCOUNTS, fact("c1", account="a"), fact("c2", account="a"), fact("c3"))
    assert [(record, outcome) for record, outcome, _ in found] == [
        ("c1", Outcome.COUNTED), ("c2", Outcome.REPEATED), ("c3", Outcome.NO_VALUE),
    ]  # fmt: skip


def test_facts_of_other_kinds_are_none_of_its_business() -> None:
    assert outcomes(CALLS, fact("e1", "email.sent")) == []


async def test_receipts_are_those_of_the_local_period() -> None:
    inside, outside = fact("c1", direction="outbound"), fact("c2", at="2026-11-23T23:30:00Z", direction="outbound")
    inbound = fact("c3", direction="inbound")
    wired = parts(FixedConfiguration(tenant(kpis=[CALLS])), pages=KnownPages(inside, outside, inbound))
    async with local_client(create_app(wired)) as http:
        found = (await http.get("/v1/reps/ana/kpis/calls/receipts?at=2026-11-23")).json()
    shown = ([r["record"] for r in found["counted"]], [(r["record"], r["reason"]) for r in found["not_counted"]])
    assert shown == (["c1"], [("c3", "filtered_out")])


async def test_a_receipt_names_what_the_crm_has_not_told_of_the_record() -> None:
    thin = change("call.logged", record="c1", fields={"direction": "outbound"}, missing=("account", "duration_seconds"))
    told = change("call.updated", record="c1", fields={"account": "a-1"})
    wired = parts(
        FixedConfiguration(tenant(kpis=[CALLS])),
        pages=KnownPages(fact("c1", direction="outbound")),
        records=KnownRecords(thin, told),
    )
    async with local_client(create_app(wired)) as http:
        found = (await http.get("/v1/reps/ana/kpis/calls/receipts?at=2026-11-23")).json()
    assert [receipt["missing"] for receipt in found["counted"]] == [["duration_seconds"]]


def test_the_number_that_a_percentile_picks_is_named() -> None:
    talk = kpi("talk", aggregate=Aggregate.PERCENTILE, percentile=Decimal(50), field="seconds")
    facts = [fact(f"c{n}", seconds=text) for n, text in enumerate(["9", "5", "7.0", "7", "much"], start=1)]
    found = receipts(tenant(kpis=[talk]), talk, [Holding("ana", "Europe/Berlin", facts)])
    assert [(r.fact.record, r.outcome, r.adds, r.decides) for r in found] == [
        ("c1", Outcome.COUNTED, Decimal(9), False),
        ("c2", Outcome.COUNTED, Decimal(5), False),
        ("c3", Outcome.COUNTED, Decimal(7), True),
        ("c4", Outcome.COUNTED, Decimal(7), True),
        ("c5", Outcome.NO_NUMBER, None, False),
    ]


def test_the_greatest_amount_is_the_greatest_in_the_tenants_currency() -> None:
    largest = kpi("largest", aggregate=Aggregate.MAXIMUM, unit=Unit.MONEY, field="amount", facts=("deal.won",))
    facts = [fact("d1", "deal.won", amount="10"), fact("d2", "deal.won", amount="99", currency="JPY")]
    found = receipts(tenant(kpis=[largest]), largest, [Holding("ana", "Europe/Berlin", facts)])
    assert [(r.fact.record, r.outcome, r.decides) for r in found] == [
        ("d1", Outcome.COUNTED, True), ("d2", Outcome.NO_RATE, False),
    ]  # fmt: skip
