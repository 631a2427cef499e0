"""Judges rules on every change and by the clock, and stores what becomes of their episodes.

What is judged is state: the numbers as they stand, never the message that said they moved. So a message that is
missed, repeated or late changes nothing but the moment of the decision (ADR: alerts judge state, not messages).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

import structlog

from services.alerts.domain.incidents import RULE, dedup_key, next_incident
from services.alerts.domain.judgement import judge
from services.alerts.domain.lifecycle import Decision, Reason, after_history, after_step, ended, next_state
from services.alerts.domain.watches import Watch
from services.alerts.floor import Floor
from services.alerts.measuring import Measuring
from services.alerts.metrics import AlertsMetrics
from services.alerts.ports import EpisodeStore, History, Lease, Sources
from services.alerts.recording import Recorder
from services.alerts.trust import Trust
from shared.domain.alerting import Alerting
from shared.domain.clock import Clock
from shared.domain.episodes import Episode, EpisodeState
from shared.domain.instants import DAY_US, SECOND_US, Micros
from shared.domain.reading import Moment, Reading
from shared.domain.silence import is_out
from shared.domain.tenant import Tenant
from shared.errors import TransientError

SWEEP_US = 60 * SECOND_US
"""Everybody is judged this often, so that an update that never came costs a minute at most."""
SLICE = 50
"""Watches judged before changed numbers get their turn: some thirty milliseconds of work."""
KEPT_US = 8 * DAY_US
"""How long resolved episodes are kept; readers are promised seven days."""
Step: TypeAlias = Callable[..., Decision]
"""``next_state`` or ``after_history``."""
log = structlog.get_logger()


class Evaluator:
    """All tenants' rules. ``tick`` is the clock's part, ``judge_changed`` that of kpi.updates."""

    def __init__(
        self,
        measuring: Measuring,
        store: EpisodeStore,
        *,
        sources: Sources,
        history: History,
        lease: Lease,
        trust: Trust,
        clock: Clock,
        metrics: AlertsMetrics,
    ) -> None:
        self._trust = trust
        self._steps = trust.steps()
        self._measuring = measuring
        self._store = store
        self._recorder = Recorder(store, metrics)
        self._sources = sources
        self._history = history
        self._lease = lease
        self._clock = clock
        self._metrics = metrics
        self._floors: dict[str, Floor] = {}
        self._changed: dict[str, dict[str, Micros]] = {}
        self._heard = asyncio.Event()

    @property
    def tenants(self) -> tuple[str, ...]:
        """Ids of the tenants whose rules are judged."""
        return tuple(self._floors)

    def use(self, tenants: Mapping[str, Tenant], alerting: Mapping[str, Alerting]) -> None:
        """Takes a configuration; everybody is judged anew by it at the next tick."""
        self._floors = {name: Floor(tenant, alerting.get(name, Alerting())) for name, tenant in tenants.items()}
        for rules in alerting.values():
            self._metrics.receivers(rules.receivers)
        self._heard.set()

    def heard(self, tenant: str, rep: str, at: Micros) -> None:
        """A rep's numbers changed at an instant; judged with all that comes until then."""
        self._changed.setdefault(tenant, {}).setdefault(rep, at)
        self._heard.set()

    def judge_all(self) -> None:
        """The next tick judges everybody, as after a start."""
        for floor in self._floors.values():
            floor.sweep_at = 0

    async def run(self, tick_seconds: float) -> None:
        """Until it is cancelled. What is away is waited for: the next tick judges everybody anew."""
        loop = asyncio.get_running_loop()
        next_tick = loop.time()
        while True:
            try:
                if loop.time() >= next_tick:
                    next_tick = loop.time() + tick_seconds
                    await self.tick()
                await self.judge_changed()
            except TransientError as error:
                self._metrics.dependency_failed(error.reason)
                log.warning("judging_postponed", reason=error.reason, error=str(error))
                self.judge_all()
                next_tick = loop.time() + tick_seconds
            await self._wait(next_tick - loop.time())

    async def tick(self) -> None:
        """One turn of the clock: what time alone can move, and everybody once a minute. Raises: TransientError."""
        known: list[Episode] = []
        stepped_at, self._steps = self._steps.stepped_at, self._trust.steps()
        if stepped_at != self._steps.stepped_at:  # what is due by the old hands would wait for the new ones
            self.judge_all()
        for floor in tuple(self._floors.values()):
            held = await self._lease.hold(floor.tenant.id)
            await self._trust.restore(floor)
            if held and not floor.held:
                floor.sweep_at = 0
            floor.held = held
            if held and await self._is_current(floor):
                await self._turn(floor, self._clock.now())
            known += await self._store.open(floor.tenant.id)
        self._metrics.open_episodes(known)
        self._metrics.round_ended(self._clock.now() / SECOND_US)

    async def judge_changed(self) -> None:
        """Judges all reps heard of since, and their teams. Raises: TransientError; then the sweep judges them."""
        self._heard.clear()
        changed, self._changed = self._changed, {}
        for tenant, reps in changed.items():
            floor = self._floors.get(tenant)
            if floor is None or not floor.held or not self._trust.is_restored(tenant):
                continue
            now = self._clock.now()
            await self._judge(floor, floor.of_reps(reps, now), now, is_turn=False)
            self._metrics.decided_after((self._clock.now() - min(reps.values())) / SECOND_US)

    async def _is_current(self, floor: Floor) -> bool:
        """Whether numbers may be judged; if not, everybody is as soon as they may."""
        current = await self._trust.is_current()
        if not current:
            self._metrics.judged(Reason.NOT_CURRENT)
            floor.sweep_at = 0
        return current

    async def _turn(self, floor: Floor, now: Micros) -> None:
        known = await self._store.open(floor.tenant.id)
        arrival = await self._history.arrival(floor.tenant.id)
        await self._watch_sources(floor, now, arriving=arrival.arriving)
        if arrival.arrived is not None:
            floor.sweep_at = 0
        if floor.measurable:
            await self._end_gone(floor, known, now)
        sweep = now >= floor.sweep_at
        pending = [episode.dedup_key for episode in known if episode.state is EpisodeState.PENDING]
        if sweep:
            floor.sweep_at = now + SWEEP_US
            await self._store.prune(floor.tenant.id, before=now - KEPT_US, now=now)
        await self._judge_in_slices(floor, floor.watches(now) if sweep else floor.of_the_clock(pending, now), now)
        if arrival.arrived is not None and floor.measurable:
            await self._history.judged(floor.tenant.id, arrival.arrived)

    async def _watch_sources(self, floor: Floor, now: Micros, *, arriving: bool) -> None:
        """Data incidents; while a source is out, or history comes in, nothing else of the tenant is decided."""
        tenant = floor.tenant
        last = await self._sources.last_received(tenant.id)
        heard = {name: self._steps.heard(last.get(name)) for name in tenant.sources}
        out = {name: is_out(source, heard[name], tenant.calendar, now) for name, source in tenant.sources.items()}
        priors = await self._store.latest(tenant.id, [dedup_key(source) for source in tenant.sources.values()])
        for name, source in tenant.sources.items():
            prior = priors.get(dedup_key(source))
            decision = next_incident(prior, source, tenant=tenant.id, out=out[name], now=now)
            await self._recorder.record(floor, prior, decision, now)
        measurable = not any(out.values()) and not arriving
        if measurable is not floor.measurable:
            floor.measurable, floor.sweep_at = measurable, 0

    async def _end_gone(self, floor: Floor, known: Sequence[Episode], now: Micros) -> None:
        """Resolves what nothing watches any more: its period is over, or its rule is gone."""
        gone = set(floor.gone((episode.dedup_key for episode in known if episode.rule != RULE), now))
        lost = {dedup_key(source) for source in floor.tenant.sources.values()}
        for episode in known:
            stray = episode.rule == RULE and episode.dedup_key not in lost
            if episode.dedup_key in gone or stray:
                await self._recorder.record(floor, episode, ended(episode, now), now)

    async def _judge_in_slices(self, floor: Floor, watches: Sequence[Watch], now: Micros) -> None:
        """A large floor's turn takes a while: what is heard meanwhile does not wait for its end."""
        for start in range(0, len(watches), SLICE):
            await self._judge(floor, watches[start : start + SLICE], now, is_turn=True)
            if self._heard.is_set():
                await self.judge_changed()

    async def _judge(self, floor: Floor, watches: Sequence[Watch], now: Micros, *, is_turn: bool) -> None:
        """``is_turn``: everybody's turn. What history brought is told in it and nowhere else: whoever is judged before
        has to wait for it, and what is reached once it was told is of now.
        """
        if not watches:
            return
        before = await self._history.arrival(floor.tenant.id)
        readings = await self._measuring.readings(floor, watches, Moment(now, floor.measurable))
        if not await self._is_current(floor):  # asked after the numbers were read: they are what is in question
            return
        priors = await self._store.latest(floor.tenant.id, [watch.dedup_key for watch in watches])
        arrival = await self._history.arrival(floor.tenant.id)
        if before.arriving or arrival.arriving:  # the numbers that were read hold a part of the history
            return
        if arrival.arrived is not None and not is_turn:
            floor.sweep_at = 0
            return
        for watch in watches:
            reading, prior = readings.get(watch.dedup_key), priors.get(watch.dedup_key)
            if reading is None:
                continue
            step = next_state if arrival.arrived is None else after_history
            decision = self._decide(floor, watch, prior, step, reading=reading, now=now)
            if decision is not None:
                await self._recorder.record(floor, prior, decision, now)

    def _decide(
        self, floor: Floor, watch: Watch, prior: Episode | None, step: Step, *, reading: Reading, now: Micros
    ) -> Decision | None:
        """One watch's decision; one that cannot be judged is counted and does not keep the others from it."""
        try:
            judged, calendar = judge(watch.rule, reading), floor.tenant.calendar
            decision = step(prior, judged, watch, tenant=floor.tenant.id, calendar=calendar, now=now)
            return after_step(decision, watch, calendar=calendar, stepped_at=self._steps.stepped_at, now=now)
        except Exception as error:  # noqa: BLE001 - whatever is wrong with one rule, the others must still fire
            self._metrics.judgement_failed()
            log.warning("judgement_failed", dedup_key=watch.dedup_key, error=repr(error))
            return None

    async def _wait(self, seconds: float) -> None:
        """Until something was heard, or the next tick is due."""
        try:
            async with asyncio.timeout(max(seconds, 0.0)):
                await self._heard.wait()
        except TimeoutError:
            return
