from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from services.alerts.evaluator import Evaluator
from services.alerts.measuring import Measuring
from services.alerts.metrics import AlertsMetrics
from services.alerts.ports import Arrival
from services.alerts.restoring import Restoring
from services.alerts.trust import Pulses, Trust
from shared.domain.alerting import Alerting, ForEach, Rule, Selection, Test
from shared.domain.episodes import Episode, EpisodeState, comment
from shared.domain.instants import parse
from shared.domain.tenant import Tenant
from shared.errors import TransientError
from tests.support.alerts_fakes import (
    DAY,
    MINUTE_US,
    SECOND_US,
    T0,
    FilledBoard,
    FixedMarks,
    MemoryAlerts,
    OwnLease,
    SpokenSources,
    ToldHistory,
    alerting,
    rule,
    tenant,
    watch,
)
from tests.support.manual_clock import ManualClock

ON_PACE = 15
"""Sixty calls in eight hours, two of which have passed."""


class Desk:
    """An evaluator on fakes; ana and ben are on pace."""

    def __init__(self, *rules: Rule, at: int = T0) -> None:
        self.clock, self.store, self.board = ManualClock(at), MemoryAlerts(), FilledBoard()
        self.sources, self.lease, self.registry = SpokenSources(), OwnLease(), CollectorRegistry()
        self.history = ToldHistory()
        self.pulses, self.marks = Pulses(), FixedMarks()
        self.set_by = 0
        """How far the clock was set, for or back, beside what it went."""
        self.calls(ana=ON_PACE, ben=ON_PACE)
        self.evaluator = self.started(*rules)

    def started(self, *rules: Rule, **changes: Any) -> Evaluator:
        evaluator = Evaluator(
            Measuring(self.board, metrics := AlertsMetrics(self.registry)),
            self.store,
            sources=self.sources,
            history=self.history,
            lease=self.lease,
            trust=Trust(
                self.pulses,
                self.marks,
                Restoring(self.store, self.store, self.store),
                clock=self.clock,
                metrics=metrics,
                monotonic=lambda: (self.clock.now() - self.set_by) / SECOND_US,
            ),
            clock=self.clock,
            metrics=metrics,
        )
        self.use(evaluator, tenant(**changes), alerting(*rules))
        return evaluator

    @staticmethod
    def use(evaluator: Evaluator, of: Tenant, rules: Alerting) -> None:
        evaluator.use({of.id: of}, {of.id: rules})

    def calls(self, **counts: int) -> None:
        for rep, count in counts.items():
            self.board.calls[rep, DAY] = count

    async def changed(self, **counts: int) -> None:
        self.calls(**counts)
        for rep in counts:
            self.evaluator.heard("acme", rep, self.clock.now())
        await self.evaluator.judge_changed()

    async def set_clock(self, **length: float) -> None:
        by = timedelta(**length)
        self.set_by += by // timedelta(microseconds=1)
        await self.later(**length)

    async def later(self, **length: float) -> None:
        self.clock.advance(timedelta(**length))
        await self.evaluator.tick()

    @property
    def states(self) -> dict[str, EpisodeState]:
        return {each.dedup_key: each.state for each in self.store.episodes.values()}

    @property
    def firing(self) -> list[str]:
        return [each.subject.id for each in self.store.episodes.values() if each.state is EpisodeState.FIRING]

    def sample(self, name: str, **labels: str) -> float | None:
        return self.registry.get_sample_value(name, labels)


async def test_the_first_tick_judges_everybody() -> None:
    desk = Desk()
    desk.calls(ben=3)
    await desk.evaluator.tick()
    assert desk.firing == ["ben"]


async def test_a_changed_number_is_judged_at_once() -> None:
    desk = Desk()
    await desk.evaluator.tick()
    await desk.changed(ana=3)
    assert desk.firing == ["ana"]


async def test_only_those_who_changed_are_read() -> None:
    desk = Desk()
    await desk.evaluator.tick()
    await desk.changed(ana=3)
    assert desk.board.asked[-1] == {"ana"}


async def test_a_burst_is_judged_once() -> None:
    desk = Desk()
    await desk.evaluator.tick()
    for _ in range(100):
        desk.evaluator.heard("acme", "ana", T0)
    rounds = len(desk.board.asked)
    await desk.evaluator.judge_changed()
    assert len(desk.board.asked) == rounds + 1


async def test_silence_makes_pace_fall_with_the_clock() -> None:
    desk = Desk()
    await desk.evaluator.tick()
    await desk.later(hours=1)
    assert desk.firing == ["ana", "ben"]


async def test_a_recovery_resolves() -> None:
    desk = Desk()
    desk.calls(ana=3)
    await desk.evaluator.tick()
    await desk.changed(ana=20)
    assert desk.states == {"calls-behind/ana/day/2026-11-23": EpisodeState.RESOLVED}


async def test_a_hold_runs_out_by_the_clock() -> None:
    desk = Desk(rule(hold_us=10 * MINUTE_US))
    desk.calls(ana=3, ben=40)
    await desk.evaluator.tick()
    await desk.later(minutes=10)
    assert desk.firing == ["ana"]


async def test_the_end_of_the_day_resolves() -> None:
    desk = Desk()
    desk.calls(ana=3)
    await desk.evaluator.tick()
    await desk.later(hours=14)
    assert desk.store.changes[-1].history[-1].reason == "period_ended: the period ended"


async def test_a_removed_rule_resolves_its_episodes() -> None:
    desk = Desk()
    desk.calls(ana=3)
    await desk.evaluator.tick()
    desk.use(desk.evaluator, tenant(), alerting(rule(id="other", threshold=Decimal("0.01"))))
    await desk.evaluator.tick()
    assert desk.firing == []


async def test_a_team_is_judged_by_the_sum_of_its_members() -> None:
    desk = Desk(rule(for_each=ForEach.TEAM, select=Selection(team="emea-sdr")))
    await desk.evaluator.tick()
    await desk.changed(ana=1, ben=2)
    assert desk.firing == ["emea-sdr"]


async def test_a_change_of_a_rep_moves_the_teams_above_her() -> None:
    desk = Desk(rule(for_each=ForEach.TEAM, select=Selection(team="emea")))
    await desk.evaluator.tick()
    await desk.changed(ana=1, ben=2)
    assert desk.firing == ["emea", "emea-sdr"]


async def test_a_rule_for_one_rep_leaves_the_others_alone() -> None:
    desk = Desk(rule(select=Selection(rep="ben")))
    desk.calls(ana=0, ben=0)
    await desk.evaluator.tick()
    assert desk.firing == ["ben"]


async def test_a_silent_source_is_one_incident() -> None:
    desk = Desk()
    desk.sources.last = {"native": parse("2026-11-23T08:30:00Z")}
    desk.calls(ana=3)
    await desk.evaluator.tick()
    await desk.later(seconds=5)
    assert desk.firing == ["native"]


async def test_while_a_source_is_out_nothing_resolves() -> None:
    desk = Desk()
    desk.calls(ana=3)
    await desk.evaluator.tick()
    desk.sources.last = {"native": parse("2026-11-23T08:30:00Z")}
    await desk.evaluator.tick()
    await desk.changed(ana=30)
    assert desk.firing == ["ana", "native"]


async def test_when_the_source_is_back_everybody_is_judged() -> None:
    desk = Desk()
    desk.sources.last = {"native": parse("2026-11-23T08:30:00Z")}
    desk.calls(ana=3)
    await desk.evaluator.tick()
    desk.sources.last = {"native": T0}
    await desk.evaluator.tick()
    assert desk.firing == ["ana"]


async def test_without_the_lease_nothing_is_judged() -> None:
    desk = Desk()
    desk.lease.free = False
    desk.calls(ana=3)
    await desk.evaluator.tick()
    await desk.changed(ana=2)
    assert desk.firing == []


async def test_whoever_gets_the_lease_judges_everybody() -> None:
    desk = Desk()
    desk.lease.free = False
    await desk.evaluator.tick()
    desk.lease.free = True
    desk.calls(ana=3)
    await desk.evaluator.tick()
    assert desk.firing == ["ana"]


async def test_a_restart_repeats_no_transition() -> None:
    desk = Desk()
    desk.calls(ana=3)
    await desk.evaluator.tick()
    desk.registry = CollectorRegistry()
    await desk.started().tick()
    assert len(desk.store.changes) == 1


async def test_what_changed_while_nobody_judged_is_found_after_a_restart() -> None:
    desk = Desk()
    await desk.evaluator.tick()
    desk.calls(ana=3)
    desk.registry = CollectorRegistry()
    await desk.started().tick()
    assert desk.firing == ["ana"]


async def test_a_missed_update_costs_a_minute_at_most() -> None:
    desk = Desk(rule(test=Test.VALUE_BELOW, threshold=Decimal(10)))
    await desk.evaluator.tick()
    desk.calls(ana=3)
    await desk.later(seconds=61)
    assert desk.firing == ["ana"]


async def test_a_rule_that_cannot_be_judged_leaves_the_others_alone() -> None:
    desk = Desk(rule(id="broken", kpi="no-such-kpi"), rule())
    desk.calls(ana=0, ben=0)
    await desk.evaluator.tick()
    assert (desk.firing, desk.sample("alerts_judgements_total", reason="failed")) == (["ana", "ben"], 2)


async def test_nothing_is_decided_while_the_numbers_are_away() -> None:
    desk = Desk()
    desk.board.away = TransientError("away")
    with pytest.raises(TransientError):
        await desk.evaluator.tick()
    assert desk.states == {}


async def test_an_action_in_between_wins_and_the_judgement_is_made_anew() -> None:
    desk = Desk()
    desk.calls(ana=3)
    await desk.evaluator.tick()
    (known,) = desk.store.episodes.values()
    desk.store.episodes[known.id] = _ahead(known)
    await desk.changed(ana=30)
    await desk.evaluator.tick()
    assert desk.firing == []


async def test_open_episodes_are_counted_by_state_and_severity() -> None:
    desk = Desk()
    desk.calls(ana=3)
    await desk.evaluator.tick()
    assert desk.sample("pacer_alerts", state="firing", severity="warning") == 1


async def test_what_fires_is_announced_to_its_group() -> None:
    desk = Desk()
    desk.calls(ana=3)
    await desk.evaluator.tick()
    (episode,) = desk.store.episodes.values()
    assert (list(desk.store.groups), episode.groups) == ([f"ops|{episode.id}"], (f"ops|{episode.id}",))


async def test_what_is_pending_is_announced_to_nobody() -> None:
    desk = Desk(rule(hold_us=10 * MINUTE_US))
    desk.calls(ana=3)
    await desk.evaluator.tick()
    assert desk.store.groups == {}


@given(st.permutations([("ana", 3), ("ben", 4), ("ana", 20), ("ben", 2), ("ana", 1)]))
async def test_the_order_of_updates_does_not_matter_once_all_are_in(updates: list[tuple[str, int]]) -> None:
    desk = Desk()
    await desk.evaluator.tick()
    desk.calls(ana=1, ben=20)
    for rep, _ in updates:  # whatever a message says, what is judged is what stands
        desk.evaluator.heard("acme", rep, T0)
        await desk.evaluator.judge_changed()
    assert desk.states == {"calls-behind/ana/day/2026-11-23": EpisodeState.FIRING}


def _ahead(known: Episode) -> Episode:
    return comment(known, "called her", by="bea", now=T0)


def test_a_watch_is_named_by_rule_subject_and_period() -> None:
    assert watch().dedup_key == "calls-behind/ana/day/2026-11-23"


async def test_a_large_floor_is_judged_whole() -> None:
    desk = Desk(*(rule(id=f"rule-{n}") for n in range(60)))
    desk.calls(ana=3, ben=4)
    await desk.evaluator.tick()
    assert len(desk.firing) == 120


PARTY = rule(id="calls-done", test=Test.ATTAINMENT_AT_LEAST, threshold=Decimal(1))


async def test_while_history_comes_in_nothing_fires_and_nothing_resolves() -> None:
    desk = Desk()
    await desk.changed(ana=1)
    await desk.later(seconds=5)
    before = desk.states
    desk.history.now = Arrival(arriving=True, arrived="im_1")

    await desk.changed(ana=30, ben=1)
    await desk.later(seconds=5)

    assert desk.states == before


@pytest.mark.parametrize(
    "looks", [[Arrival(), Arrival(arriving=True)], [Arrival(arriving=True), Arrival(arrived="im")]]
)
async def test_numbers_read_while_an_import_begins_or_ends_are_not_judged(looks: list[Arrival]) -> None:
    desk = Desk()
    await desk.later(seconds=5)
    desk.history.looks = looks

    await desk.changed(ana=0)

    assert not desk.states


async def test_what_imported_history_has_reached_is_noted_and_not_announced() -> None:
    desk = Desk(PARTY)
    await desk.later(seconds=5)
    desk.calls(ana=60)
    desk.history.now = Arrival(arrived="im_1")

    await desk.later(seconds=5)

    (noted,) = desk.store.episodes.values()
    assert (noted.state, noted.groups, noted.firing_at) == (EpisodeState.RESOLVED, (), None)
    assert not desk.store.groups and desk.history.now == Arrival()


async def test_what_imported_history_has_reached_is_not_celebrated_later() -> None:
    desk = Desk(PARTY)
    await desk.later(seconds=5)
    desk.calls(ana=60)
    desk.history.now = Arrival(arrived="im_1")
    await desk.later(seconds=5)

    await desk.changed(ana=61)
    await desk.later(minutes=2)

    assert not desk.store.groups


async def test_what_is_reached_after_an_import_is_celebrated() -> None:
    desk = Desk(PARTY)
    await desk.later(seconds=5)
    desk.history.now = Arrival(arrived="im_1")
    await desk.later(seconds=5)

    await desk.changed(ana=60)

    assert [each.state for each in desk.store.episodes.values()] == [EpisodeState.FIRING]


async def test_what_is_heard_before_everybodys_turn_waits_for_it() -> None:
    desk = Desk(PARTY)
    await desk.later(seconds=5)
    desk.history.now = Arrival(arrived="im_1")

    await desk.changed(ana=60)
    assert not desk.states

    await desk.later(seconds=5)
    assert (list(desk.states.values()), desk.history.now) == ([EpisodeState.RESOLVED], Arrival())


async def test_a_shortfall_after_an_import_is_one_of_today() -> None:
    desk = Desk()
    await desk.later(seconds=5)
    desk.calls(ana=1)
    desk.history.now = Arrival(arrived="im_1")

    await desk.later(seconds=5)

    assert list(desk.states.values()) == [EpisodeState.FIRING]


async def test_an_import_is_not_judged_while_a_source_is_out() -> None:
    desk = Desk(PARTY)
    desk.history.now = Arrival(arrived="im_1")
    desk.sources.last = {"native": T0}

    await desk.later(hours=3)

    assert desk.history.now.arrived == "im_1"


async def test_numbers_on_their_way_back_up_fire_nothing_and_resolve_nothing() -> None:
    desk = Desk(rule())
    desk.marks.marks = [T0, T0]
    await desk.later(seconds=5)
    desk.marks.marks = [T0 - 60 * SECOND_US, T0]
    await desk.changed(ana=0)
    await desk.later(seconds=5)
    assert desk.store.episodes == {}
    desk.marks.marks = [desk.clock.now() + SECOND_US] * 2
    await desk.later(seconds=5)
    assert [each.state for each in desk.store.episodes.values()] == [EpisodeState.FIRING]


async def test_a_source_is_not_out_since_the_clock_was_set() -> None:
    desk = Desk(rule())
    desk.sources.last["native"] = T0
    await desk.set_clock(minutes=70)
    assert "source-out/native" not in desk.states


async def test_a_source_that_stays_silent_after_the_clock_was_set_is_out() -> None:
    desk = Desk(rule())
    desk.sources.last["native"] = T0
    await desk.set_clock(minutes=70)
    await desk.later(minutes=61)
    assert desk.states["source-out/native"] is EpisodeState.FIRING


async def test_a_clock_that_is_set_ends_no_hold() -> None:
    desk = Desk(rule(hold_us=10 * MINUTE_US))
    await desk.changed(ana=0)
    await desk.set_clock(minutes=10)
    assert [each.state for each in desk.store.episodes.values()] == [EpisodeState.PENDING]
    await desk.later(minutes=10)
    assert [each.state for each in desk.store.episodes.values()] == [EpisodeState.FIRING]
