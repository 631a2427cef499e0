"""What counts as a difference between two states, and how it is told."""

from __future__ import annotations

from decimal import Decimal

import pytest

from cli.rebuild.differences import GREATEST, Comparison, Difference, touched_periods
from cli.rebuild.rebuilding import Ending, Rebuilt
from cli.rebuild.report import as_json
from cli.rebuild.sides import differing_facts, other_cells
from cli.rebuild.switching import carried_version
from shared.contracts.messages import encode_cell
from shared.domain.accumulators import Accumulator
from shared.domain.facts import Fact, PageEntry, Revision
from shared.domain.instants import parse
from shared.domain.people import Rep
from shared.domain.periods import PeriodRules

FACT = Fact("call.logged", 1, "native", "call", "c", "ana", {})


def difference(live: str | None, rebuilt: str | None, kpi: str = "calls") -> Difference:
    values = [None if text is None else Decimal(text) for text in (live, rebuilt)]
    return Difference(tenant="acme", rep="ana", kpi=kpi, period="2026-11", live=values[0], rebuilt=values[1])


def test_a_cell_is_the_same_however_its_sum_is_written() -> None:
    one, other = (encode_cell({"talk": Accumulator(1, Decimal(text))}) for text in ("1.5", "1.500"))
    assert other_cells(({"d2026-11-23": one}, {}), ({"d2026-11-23": other}, {})) == set()


def test_an_empty_cell_is_none() -> None:
    assert other_cells(({"d2026-11-23": encode_cell({})}, {}), ({}, {})) == set()


@pytest.mark.parametrize(
    ("live", "rebuilt"),
    [
        (({"d1": encode_cell({"calls": Accumulator(1)})}, {}), ({"d1": encode_cell({"calls": Accumulator(2)})}, {})),
        (({"d1": encode_cell({"calls": Accumulator(1)})}, {}), ({}, {})),
        (({}, {("accounts", "d1"): {b"a": b"1"}}), ({}, {("accounts", "d1"): {b"a": b"2"}})),
        (({}, {}), ({}, {("accounts", "d1"): {b"a": b"2"}})),
    ],
)
def test_other_counts_and_other_values_name_the_cell(live: object, rebuilt: object) -> None:
    assert other_cells(live, rebuilt) == {"d1"}  # type: ignore[arg-type]


def test_revisions_and_withdrawals_are_no_difference_of_facts() -> None:
    live = {"f": PageEntry(Revision(1), FACT), "gone": PageEntry(Revision(2), None)}
    assert differing_facts(live, {"f": PageEntry(Revision(9, 4), FACT)}) == 0


def test_facts_of_one_side_and_other_facts_are_differences() -> None:
    live = {"f": PageEntry(Revision(1), FACT), "only here": PageEntry(Revision(1), FACT)}
    other = Fact("call.logged", 2, "native", "call", "c", "ana", {})
    assert differing_facts(live, {"f": PageEntry(Revision(1), other), "there": PageEntry(Revision(1), FACT)}) == 3


def test_a_day_is_in_its_week_a_month_in_its_quarter_and_year_and_what_holds_now_is_in_today() -> None:
    rep, now = Rep(id="ana", name="Ana", zone="UTC"), parse("2026-11-24T12:00:00Z")
    found = touched_periods(["d2026-11-23", "m2026-10", "now", "retained"], PeriodRules(), rep, now=now)
    assert {period.id for period in found} == {"2026-11-23", "w2026-11-23", "2026-10", "2026-q4", "2026", "2026-11-24"}


def test_a_value_and_none_are_apart_even_where_the_value_is_0() -> None:
    assert [difference(*pair).size for pair in ((None, "0"), (None, "7"), ("3", "5"))] == [1, 7, 2]


def test_the_greatest_differences_come_first_and_all_are_counted() -> None:
    found = [difference("0", str(number)) for number in range(1, 31)]
    told = as_json(Rebuilt(Ending.COMPARED, Comparison(readings=found, compared=1)))
    assert told["readings_differing_by_kpi"] == {"acme/calls": 30}
    assert [each["rebuilt"] for each in told["greatest"]] == [str(number) for number in range(30, 30 - GREATEST, -1)]
    assert told["same"] is False


@pytest.mark.parametrize(
    ("live", "rebuilt", "differs", "version"),
    [(7, 90, False, 7), (7, 90, True, 8), (90, 7, False, 90), (7, 0, True, 8), (0, 4, True, 4), (0, 0, False, 0)],
)
def test_a_version_rises_with_a_difference_and_never_goes_back(
    live: int, rebuilt: int, differs: bool, version: int
) -> None:
    assert carried_version(live, rebuilt, differs=differs) == version


def test_what_stands_beside_the_cells_is_no_cell() -> None:
    live = ({"version": b"7", "pages": b"\x90", "folded": b"a1", "retained": b"2026-01-01"}, {})
    assert other_cells(live, ({"version": b"9", "folded": b"b2"}, {})) == set()
