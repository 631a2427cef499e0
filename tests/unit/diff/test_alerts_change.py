"""Which alerts an edit begins or ends: the evaluator's decisions under both configurations, and only what differs."""

from __future__ import annotations

from decimal import Decimal

import pytest

from cli.diff.alerts_change import AlertChange, Turn, alert_changes
from services.alerts.floor import Floor
from shared.domain.accumulators import Accumulator
from shared.domain.alerting import Rule, Test
from shared.domain.cells import SubjectCells, day_cell
from shared.domain.episodes import Episode
from shared.domain.periods import PeriodKind
from shared.domain.reading import Moment
from shared.domain.targets import Scope, TargetEntry
from tests.support.alerts_fakes import DAY, MINUTE_US, T0, alerting, episode, rule, tenant

BEHIND = "calls-behind/ana/day/2026-11-23"
ON_PACE, SHORT = 15, 9


def floor(*rules: Rule, target: int = 60) -> Floor:
    entry = TargetEntry(kpi="calls", period=PeriodKind.DAY, scope=Scope.ALL, value=Decimal(target))
    return Floor(tenant(targets=(entry,)), alerting(*rules))


def calls(**counts: int) -> dict[str, SubjectCells]:
    known = {"ana": ON_PACE, "ben": ON_PACE} | counts
    return {name: SubjectCells(1, {day_cell(DAY): {"calls": Accumulator(count)}}) for name, count in known.items()}


async def changes(
    old: Floor, new: Floor, *known: Episode, before: int = ON_PACE, after: int = ON_PACE, measurable: bool = True
) -> dict[str, AlertChange]:
    found = await alert_changes(
        (old, calls(ana=before)),
        (new, calls(ana=after)),
        latest={each.dedup_key: each for each in known},
        is_open=[each for each in known if each.is_open],
        moment=Moment(T0, measurable),
    )
    return {change.dedup_key: change for change in found}


async def test_nothing_begins_where_nothing_moves() -> None:
    assert await changes(floor(), floor()) == {}


async def test_a_shortfall_that_an_edit_makes_fires_with_its_reason() -> None:
    found = await changes(floor(), floor(), after=SHORT)

    assert found.keys() == {BEHIND}
    assert (found[BEHIND].turn, found[BEHIND].subject.rep) == (Turn.FIRES, "ana")
    assert found[BEHIND].text == "pace 0.6 is below 0.8"


async def test_a_raised_target_fires_for_everybody_whom_it_puts_behind() -> None:
    found = await changes(floor(), floor(target=600))

    assert {change.subject.rep for change in found.values()} == {"ana", "ben"}


async def test_a_hold_makes_it_pending_first() -> None:
    held = rule(hold_us=10 * MINUTE_US)

    assert (await changes(floor(held), floor(held), after=SHORT))[BEHIND].turn is Turn.BECOMES_PENDING


async def test_an_alert_that_an_edit_makes_untrue_resolves() -> None:
    found = await changes(floor(), floor(), episode(), before=SHORT, after=ON_PACE)

    assert (found[BEHIND].turn, found[BEHIND].rule) == (Turn.RESOLVES, "calls-behind")


async def test_an_alert_whose_rule_goes_resolves() -> None:
    other = rule(id="other", test=Test.VALUE_ABOVE, threshold=Decimal(1000))

    assert (await changes(floor(), floor(other), episode(), before=SHORT, after=SHORT))[BEHIND].turn is Turn.RESOLVES


async def test_what_would_happen_anyway_is_not_the_edits_doing() -> None:
    assert await changes(floor(), floor(), before=SHORT, after=SHORT) == {}
    assert await changes(floor(), floor(), episode(), before=ON_PACE, after=ON_PACE) == {}


@pytest.mark.parametrize("known", [(), (episode(),)])
async def test_while_a_source_is_out_nothing_begins_or_ends(known: tuple[Episode, ...]) -> None:
    assert await changes(floor(), floor(target=600), *known, before=SHORT, measurable=False) == {}
