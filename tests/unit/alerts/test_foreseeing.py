"""Rules that judge what is likely: they read the past days, seldom, and only where a rule asks."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from shared.domain.alerting import ForEach, Recovery, Rule, Test
from tests.support.alerts_fakes import DAY, rule
from tests.unit.alerts.test_evaluator import Desk

LIKELY = rule(
    test=Test.MISS_PROBABILITY_ABOVE,
    threshold=Decimal("0.7"),
    recovery=Recovery.MISS_PROBABILITY_AT_MOST,
    recovery_threshold=Decimal("0.5"),
)


def desk(*rules: Rule) -> Desk:
    """Ana and Ben made five calls an hour on each of the last sixty days; two hours of eight have passed."""
    found = Desk(*rules or (LIKELY,))
    for n in range(1, 61):
        for rep in ("ana", "ben"):
            found.board.calls[rep, DAY - timedelta(days=n)] = 40
    return found


async def test_who_will_hardly_make_it_is_told_about() -> None:
    """Thirty more are to be expected: of the forty-five that Ben lacks, and of the ten that Ana does."""
    likely = desk()
    likely.calls(ana=50, ben=15)
    await likely.evaluator.tick()
    assert likely.firing == ["ben"]
    (episode,) = likely.store.episodes.values()
    assert episode.reason.startswith("miss probability ")
    assert b'"miss_probability":0.9' in bytes(episode.reading)


async def test_what_became_likely_resolves() -> None:
    likely = desk()
    await likely.evaluator.tick()
    assert likely.firing == ["ana", "ben"]
    await likely.changed(ana=50, ben=50)
    assert likely.firing == []


async def test_working_time_that_passes_makes_a_miss_likely() -> None:
    likely = desk()
    likely.calls(ana=32, ben=32)
    await likely.evaluator.tick()
    assert likely.firing == []
    await likely.later(hours=2)
    assert likely.firing == ["ana", "ben"]


async def test_a_team_is_foreseen_too() -> None:
    likely = desk(rule(id="team", for_each=ForEach.TEAM, test=Test.MISS_PROBABILITY_ABOVE, threshold=Decimal("0.7")))
    await likely.evaluator.tick()
    assert likely.firing == ["emea", "emea-sdr"]


async def test_past_days_are_read_once_a_minute_and_only_for_rules_that_need_them() -> None:
    likely, paced = desk(), desk(rule())
    sizes = []
    for one in (likely, paced):
        await one.evaluator.tick()
        await one.changed(ana=16)
        await one.later(minutes=2)
        sizes.append([max(len(query.cells) for query in wanted.values()) for wanted in one.board.wanted])
    assert sizes[0] == [91, 1, 91]
    assert sizes[1] == [1, 1, 1]


async def test_without_evidence_nothing_is_foreseen() -> None:
    unknown = Desk(LIKELY)
    unknown.calls(ana=0)
    await unknown.evaluator.tick()
    assert unknown.states == {}
