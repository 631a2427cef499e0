"""What may be judged and sent after the state in Redis went back: nothing that is older than what was there."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace
from prometheus_client import CollectorRegistry

from services.alerts.domain.clock_steps import ClockSteps
from services.alerts.domain.lifecycle import Decision, Reason, after_step
from services.alerts.domain.notifications import (
    Group,
    News,
    NotifyReason,
    Told,
    delivered,
    notification_id,
    told_of,
)
from services.alerts.domain.routing import GroupRoute, groups_of
from services.alerts.domain.tide import Tide
from services.alerts.floor import Floor
from services.alerts.metrics import AlertsMetrics
from services.alerts.restoring import KEPT_US, Restoring
from services.alerts.trust import Pulses, StateWentBack, Trust
from shared.domain.episodes import Action, Episode, EpisodeState, HistoryEntry
from tests.support.alerts_fakes import (
    CALENDAR,
    SECOND_US,
    T0,
    FixedMarks,
    MemoryAlerts,
    alerting,
    episode,
    rule,
    tenant,
    watch,
)
from tests.support.manual_clock import ManualClock

BEGAN = HistoryEntry(T0, Action.PENDING)
NOTIFIED = HistoryEntry(T0 + 5, Action.NOTIFIED, "ops", NotifyReason.FIRST)
ALL_CLEAR = HistoryEntry(T0 + 9, Action.NOTIFIED, "ops", NotifyReason.RESOLVED)


@pytest.mark.parametrize(
    ("looks", "current"),
    [
        ([[]], True),
        ([[0, 0]], True),
        ([[T0 - 1, T0]], False),
        ([[T0, T0 + 1]], True),
        ([[T0, T0], [T0 + 1, T0 - 1]], False),
        ([[T0, T0], []], False),
        ([[T0, T0], [0, 0], [T0 + 100, T0 + 100]], True),
    ],
)
def test_numbers_are_current_when_all_marks_are_where_they_were_needed(
    looks: Sequence[Sequence[int]], current: bool
) -> None:
    tide = Tide(T0)
    for marks in looks:
        tide = tide.after(marks, T0 + 10)
    assert tide.is_current is current


def test_a_pulse_that_is_not_greater_is_an_older_state() -> None:
    pulses = Pulses()
    pulses.felt("acme", 7, after=0)
    with pytest.raises(StateWentBack):
        pulses.felt("acme", 7, after=pulses.greatest("acme"))
    assert (pulses.times_back("acme"), pulses.times_back("umbrella")) == (1, 0)


def test_answers_that_overtake_one_another_are_no_older_state() -> None:
    pulses = Pulses()
    for pulse in (8, 7):
        pulses.felt("acme", pulse, after=0)
    assert (pulses.greatest("acme"), pulses.times_back("acme")) == (8, 0)


def test_after_an_older_state_its_pulses_count() -> None:
    pulses = Pulses()
    pulses.felt("acme", 7, after=0)
    with pytest.raises(StateWentBack):
        pulses.felt("acme", 3, after=7)
    pulses.felt("acme", 4, after=pulses.greatest("acme"))
    assert pulses.times_back("acme") == 1


class Past:
    """A store that lost what a log still has."""

    def __init__(self) -> None:
        self.store, self.clock, self.marks, self.pulses = MemoryAlerts(), ManualClock(T0), FixedMarks(), Pulses()
        self.floor = Floor(tenant(), alerting())
        self.restoring = Restoring(self.store, self.store, self.store)
        self.registry = CollectorRegistry()
        metrics = AlertsMetrics(self.registry)
        self.trust = Trust(self.pulses, self.marks, self.restoring, clock=self.clock, metrics=metrics)

    def published(self, *episodes: Episode) -> None:
        self.store.log.update((each.id, each) for each in episodes)

    async def restored(self) -> int:
        return await self.restoring.restore(self.floor, self.clock.now())

    async def due(self) -> list[str]:
        return await self.store.due("acme", self.clock.now(), 9)


def routed(changed: Episode) -> Episode:
    return replace(changed, groups=tuple(each.key for each in groups_of(changed, alerting(), tenant().organisation)))


async def test_what_the_log_has_is_put_back_and_not_published_again() -> None:
    past = Past()
    past.published(routed(episode()))
    assert (await past.restored(), past.store.changes) == (1, [])
    assert await past.store.latest("acme", [episode().dedup_key]) == {episode().dedup_key: routed(episode())}


async def test_what_was_not_told_is_due() -> None:
    past = Past()
    past.published(routed(episode()))
    await past.restored()
    assert await past.due() == list(routed(episode()).groups)


async def test_a_group_knows_again_what_was_told() -> None:
    past = Past()
    fired = routed(episode()).noted(NOTIFIED)
    past.published(fired)
    await past.restored()
    assert past.store.groups[fired.groups[0]].told == {fired.id: Told(EpisodeState.FIRING, T0 + 5)}


@pytest.mark.parametrize(("history", "due"), [((NOTIFIED,), 1), ((NOTIFIED, ALL_CLEAR), 0), ((), 0)])
async def test_an_end_is_told_to_who_was_told_of_the_beginning(history: tuple[HistoryEntry, ...], due: int) -> None:
    past = Past()
    past.published(replace(routed(episode()), state=EpisodeState.RESOLVED, version=4, history=history))
    await past.restored()
    assert len(await past.due()) == due


async def test_a_version_that_is_there_is_left_alone() -> None:
    past = Past()
    await past.store.commit(routed(episode()), prior=None)
    past.published(routed(episode()))
    assert await past.restored() == 0


async def test_an_episode_goes_on_to_its_latest_version() -> None:
    past = Past()
    await past.store.commit(routed(episode()), prior=None)
    later = routed(episode()).noted(NOTIFIED)
    past.published(later)
    await past.restored()
    assert past.store.episodes == {later.id: later}


async def test_one_that_lapsed_before_it_fired_is_forgotten() -> None:
    past = Past()
    await past.store.commit(episode(state=EpisodeState.PENDING, firing_at=None), prior=None)
    past.published(episode(state=EpisodeState.RESOLVED, firing_at=None, version=2, history=(BEGAN,)))
    await past.restored()
    assert past.store.episodes == {}


@pytest.mark.parametrize("kept", [{"history": ()}, {"history": (BEGAN,), "until_recovered": True}])
async def test_what_was_noted_or_resolved_by_hand_without_firing_is_kept(kept: dict[str, Any]) -> None:
    past = Past()
    past.published(episode(state=EpisodeState.RESOLVED, firing_at=None, version=2, **kept))
    await past.restored()
    assert list(past.store.episodes) == ["ep_1"]


async def test_what_is_over_for_long_stays_in_the_log() -> None:
    past = Past()
    past.published(episode(state=EpisodeState.RESOLVED, version=3, changed_at=T0 - KEPT_US - 1))
    assert await past.restored() == 0


async def test_nothing_is_sent_until_a_start_has_looked() -> None:
    past = Past()
    before = past.trust.is_restored("acme")
    await past.trust.restore(past.floor)
    assert (before, past.trust.is_restored("acme")) == (False, True)


async def test_after_the_state_went_back_alerts_are_restored_anew_and_numbers_awaited() -> None:
    past = Past()
    past.marks.marks = [T0, T0]
    await past.trust.restore(past.floor)
    assert await past.trust.is_current()
    past.pulses.felt("acme", 7, after=0)
    with pytest.raises(StateWentBack):
        past.pulses.felt("acme", 2, after=7)
    past.clock.advance(timedelta(microseconds=50))
    assert not past.trust.is_restored("acme")
    await past.trust.restore(past.floor)
    assert not await past.trust.is_current()
    past.marks.marks = [T0 + 50, T0 + 51]
    assert await past.trust.is_current()
    assert past.registry.get_sample_value("alerts_set_backs_total", {"of": "alerts"}) == 1


async def test_marks_that_went_back_are_counted_once() -> None:
    past = Past()
    for past.marks.marks in ([T0, T0], [T0 - 9, T0], [T0 - 5, T0]):
        past.clock.advance(timedelta(microseconds=1))
        await past.trust.is_current()
    assert past.registry.get_sample_value("alerts_set_backs_total", {"of": "numbers"}) == 1


GROUP = Group(route=GroupRoute(key="ops|", receiver="ops", labels={}))


def test_a_notification_has_the_same_id_however_the_group_was_kept() -> None:
    first = News(NotifyReason.FIRST, (episode(),))
    forgot = replace(GROUP, version=9)
    assert notification_id("acme", GROUP, first) == notification_id("acme", forgot, first)


def test_repeats_have_ids_of_their_own() -> None:
    again = News(NotifyReason.REPEAT, (episode(),))
    told = [replace(GROUP, told={"ep_1": Told(EpisodeState.FIRING, at)}) for at in (T0, T0 + 1)]
    ids = {notification_id("acme", group, again) for group in told}
    ids.add(notification_id("acme", GROUP, News(NotifyReason.FIRST, (episode(),))))
    assert len(ids) == 3


def test_history_tells_what_a_receiver_was_told_last() -> None:
    told = episode().noted(NOTIFIED)
    assert told_of(told, "ops") == Told(EpisodeState.FIRING, T0 + 5)
    assert told_of(told.noted(ALL_CLEAR), "ops") == Told(EpisodeState.RESOLVED, T0 + 9)
    assert told_of(told, "chat") is None


def test_an_all_clear_is_no_longer_kept_as_told() -> None:
    assert delivered(GROUP, T0) == GROUP


def looked(*looks: tuple[int, int]) -> ClockSteps:
    """Both clocks, in seconds, look by look."""
    steps = ClockSteps(T0, 0)
    for wall, monotonic in looks:
        steps = steps.after(T0 + wall * SECOND_US, monotonic * SECOND_US)
    return steps


@pytest.mark.parametrize(
    ("looks", "stepped_at"),
    [
        ([(5, 5), (10, 10)], None),
        ([(6, 5)], None),
        ([(245, 5), (250, 10)], 245),
        ([(5, 5), (-230, 10), (-225, 15)], -230),
        ([(245, 5), (10, 10)], 10),
    ],
)
def test_a_clock_that_is_set_is_told_from_one_that_goes(looks: list[tuple[int, int]], stepped_at: int | None) -> None:
    assert looked(*looks).stepped_at == (0 if stepped_at is None else T0 + stepped_at * SECOND_US)


def test_silence_is_not_longer_than_since_the_clock_was_set() -> None:
    steps = looked((600, 5))
    assert (steps.heard(T0), steps.heard(None)) == (T0 + 600 * SECOND_US, None)
    assert steps.heard(T0 + 601 * SECOND_US) == T0 + 601 * SECOND_US


@pytest.mark.parametrize(
    ("since_seconds", "reason"), [(1, Reason.CLOCK_STEPPED), (599, Reason.CLOCK_STEPPED), (600, Reason.FIRED)]
)
def test_a_hold_across_a_step_runs_again_from_there(since_seconds: int, reason: Reason) -> None:
    held = watch(rule(hold_us=600 * SECOND_US))
    fired = Decision(Reason.FIRED, episode())
    now = T0 + since_seconds * SECOND_US
    assert after_step(fired, held, calendar=CALENDAR, stepped_at=T0, now=now).reason is reason


def test_without_a_step_or_a_hold_it_fires() -> None:
    fired = Decision(Reason.FIRED, episode())
    for watched, stepped_at in ((watch(rule(hold_us=600 * SECOND_US)), 0), (watch(), T0)):
        assert after_step(fired, watched, calendar=CALENDAR, stepped_at=stepped_at, now=T0 + 1) is fired
