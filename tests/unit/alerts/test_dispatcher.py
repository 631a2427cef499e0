from __future__ import annotations

from datetime import timedelta

from msgspec.structs import replace
from prometheus_client import CollectorRegistry

from services.alerts.adapters.notification_body import rendering
from services.alerts.dispatcher import Desk, Dispatcher
from services.alerts.domain.notifications import REFUSALS_ALLOWED, Outcome
from services.alerts.domain.routing import groups_of
from services.alerts.metrics import AlertsMetrics
from services.alerts.ports import Announcement
from shared.domain.alerting import Route
from shared.domain.episodes import Action, Episode, EpisodeState, HistoryEntry, acknowledge
from shared.domain.instants import parse
from tests.support.alerts_fakes import (
    CALENDAR,
    HOUR_US,
    SECOND_US,
    T0,
    MemoryAlerts,
    ScriptedNotifier,
    alerting,
    episode,
    tenant,
)
from tests.support.manual_clock import ManualClock

UNREACHABLE, REFUSED = Outcome.UNREACHABLE, Outcome.REFUSED


class Post:
    """A dispatcher on fakes, with one route."""

    def __init__(self, *outcomes: Outcome, route: Route | None = None, at: int = T0) -> None:
        self.clock, self.store, self.notifier = ManualClock(at), MemoryAlerts(), ScriptedNotifier(*outcomes)
        self.registry = CollectorRegistry()
        self.config = alerting(routes=(route or Route(receivers=("ops",)),))
        self.dispatcher = self.started()

    def started(self) -> Dispatcher:
        self.registry = CollectorRegistry()
        dispatcher = Dispatcher(
            self.store,
            self.store,
            self.notifier,
            render=rendering("http://board"),
            episodes=self.store,
            may_send=lambda _: self.store.is_whole,
            clock=self.clock,
            metrics=AlertsMetrics(self.registry),
        )
        dispatcher.use([Desk("acme", self.config, CALENDAR)])
        return dispatcher

    async def put(self, changed: Episode, prior: Episode | None = None) -> Episode:
        routes = groups_of(changed, self.config, tenant().organisation)
        told = [Announcement(each.key, self.clock.now() + each.wait_us, each) for each in routes]
        changed = replace(changed, groups=tuple(each.key for each in routes))
        assert await self.store.commit(changed, prior=prior, announcements=told)
        return changed

    async def fire(self, **changes: str) -> Episode:
        return await self.put(episode(**changes))

    async def resolve(self, fired: Episode) -> None:
        known = self.store.episodes[fired.id]
        entry = HistoryEntry(self.clock.now(), Action.RESOLVED)
        await self.put(replace(known, state=EpisodeState.RESOLVED).noted(entry), known)

    async def later(self, **length: float) -> None:
        self.clock.advance(timedelta(**length))
        for _ in range(4):  # an all-clear may follow the news at once
            await self.dispatcher.send_due()

    @property
    def states(self) -> list[str]:
        return [each.state.value for each in self.notifier.sent]

    @property
    def ids(self) -> set[str]:
        return {each.id for each in self.notifier.sent}

    def count(self, outcome: str) -> float | None:
        labels = {"receiver": "ops", "outcome": outcome}
        return self.registry.get_sample_value("alerts_notifications_total", labels)


async def test_a_firing_alert_is_sent_once() -> None:
    post = Post()
    await post.fire()
    await post.later(hours=5)
    await post.later(hours=5)
    assert post.states == ["firing"]


async def test_a_failed_delivery_is_tried_again_under_the_same_id() -> None:
    post = Post(UNREACHABLE, UNREACHABLE)
    await post.fire()
    for _ in range(3):
        await post.later(seconds=10)
    assert (len(post.notifier.sent), len(post.ids)) == (3, 1)


async def test_every_attempt_has_the_same_body() -> None:
    post = Post(UNREACHABLE)
    await post.fire()
    await post.later(seconds=1)
    await post.later(seconds=10)
    assert len({each.body for each in post.notifier.sent}) == 1


async def test_a_failed_delivery_waits_before_the_next() -> None:
    post = Post(UNREACHABLE)
    await post.fire()
    await post.later(seconds=1)
    await post.later(seconds=1)
    assert len(post.notifier.sent) == 1


async def test_a_restart_goes_on_with_the_same_notification() -> None:
    post = Post(UNREACHABLE)
    await post.fire()
    await post.later(seconds=1)
    post.dispatcher = post.started()
    await post.later(seconds=10)
    assert (len(post.notifier.sent), len(post.ids)) == (2, 1)


async def test_a_receiver_that_refuses_is_given_up() -> None:
    post = Post(*[REFUSED] * 20)
    await post.fire()
    for _ in range(10):
        await post.later(minutes=5)
    assert (len(post.notifier.sent), post.count("given_up")) == (REFUSALS_ALLOWED, 1)


async def test_the_all_clear_follows_the_alert() -> None:
    post = Post()
    fired = await post.fire()
    await post.later(seconds=1)
    await post.resolve(fired)
    await post.later(seconds=1)
    assert (post.states, len(post.ids)) == (["firing", "resolved"], 2)


async def test_the_all_clear_does_not_overtake_the_alert() -> None:
    post = Post(UNREACHABLE)
    fired = await post.fire()
    await post.later(seconds=1)
    await post.resolve(fired)
    await post.later(seconds=1)
    await post.later(seconds=10)
    assert post.states == ["firing", "firing", "resolved"]


async def test_what_is_over_before_it_was_said_is_never_said() -> None:
    post = Post(route=Route(receivers=("ops",), group_wait_us=30 * SECOND_US))
    await post.resolve(await post.fire())
    await post.later(minutes=5)
    assert (post.states, post.store.groups) == ([], {})


async def test_alerts_of_one_group_share_a_notification() -> None:
    post = Post(route=Route(receivers=("ops",), group_by=("rule",), group_wait_us=30 * SECOND_US))
    await post.fire()
    await post.fire(id="ep_2", dedup_key="b")
    await post.later(seconds=30)
    assert [each.episodes for each in post.notifier.sent] == [("ep_1", "ep_2")]


async def test_nothing_is_said_before_the_group_wait() -> None:
    post = Post(route=Route(receivers=("ops",), group_wait_us=30 * SECOND_US))
    await post.fire()
    await post.later(seconds=29)
    assert post.states == []


async def test_a_newcomer_of_a_told_group_is_said_alone() -> None:
    post = Post(route=Route(receivers=("ops",), group_by=("rule",)))
    await post.fire()
    await post.later(seconds=1)
    await post.fire(id="ep_2", dedup_key="b")
    await post.later(seconds=1)
    assert [each.episodes for each in post.notifier.sent] == [("ep_1",), ("ep_2",)]


async def test_it_repeats_after_the_interval() -> None:
    post = Post(route=Route(receivers=("ops",), repeat_us=4 * HOUR_US))
    await post.fire()
    await post.later(seconds=1)
    await post.later(hours=4)
    assert (post.states, len(post.ids)) == (["firing", "firing"], 2)


async def test_an_acknowledged_alert_is_not_repeated() -> None:
    post = Post(route=Route(receivers=("ops",), repeat_us=4 * HOUR_US))
    fired = await post.fire()
    await post.later(seconds=1)
    known = post.store.episodes[fired.id]
    await post.put(acknowledge(known, by="bea", now=T0), known)
    await post.later(hours=4)
    assert post.states == ["firing"]


async def test_working_hours_are_waited_for() -> None:
    post = Post(route=Route(receivers=("ops",), only_working_hours=True), at=parse("2026-11-23T06:00:00Z"))
    await post.fire()
    await post.later(hours=1)
    early = list(post.states)
    await post.later(hours=1)
    assert (early, post.states) == ([], ["firing"])


async def test_a_delivery_is_written_into_the_history() -> None:
    post = Post()
    fired = await post.fire()
    await post.later(seconds=1)
    entry = post.store.episodes[fired.id].history[-1]
    assert (entry.action, entry.by) == (Action.NOTIFIED, "ops")


async def test_a_group_with_nothing_left_to_say_is_forgotten() -> None:
    post = Post()
    fired = await post.fire()
    await post.later(seconds=1)
    await post.resolve(fired)
    await post.later(seconds=1)
    assert post.store.groups == {}


async def test_a_receiver_that_is_gone_is_given_up() -> None:
    post = Post()
    await post.fire()
    post.dispatcher.use([Desk("acme", replace(post.config, receivers={}), CALENDAR)])
    await post.later(seconds=1)
    assert (post.states, post.count("given_up")) == ([], 1)
