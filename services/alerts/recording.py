"""Stores decisions: the episode, and in the same commit the groups that have to announce it."""

from __future__ import annotations

from collections.abc import Sequence

import structlog
from msgspec.structs import replace

from services.alerts.domain.lifecycle import Decision
from services.alerts.domain.routing import groups_of
from services.alerts.floor import Floor
from services.alerts.metrics import AlertsMetrics
from services.alerts.ports import Announcement, EpisodeStore
from shared.domain.episodes import Episode, EpisodeState
from shared.domain.instants import Micros

log = structlog.get_logger()


class Recorder:
    """Counts every decision and stores those that change something."""

    def __init__(self, store: EpisodeStore, metrics: AlertsMetrics) -> None:
        self._store = store
        self._metrics = metrics

    async def record(self, floor: Floor, prior: Episode | None, decision: Decision, now: Micros) -> None:
        """Stores a decision. Fenced off by somebody else's change, it is made anew at the next tick.

        Raises: TransientError.
        """
        self._metrics.judged(decision.reason)
        if decision.episode is None:
            return
        announcements = _announcements(floor, decision.episode, now)
        groups = tuple(dict.fromkeys([*decision.episode.groups, *(each.group for each in announcements)]))
        episode = replace(decision.episode, groups=groups)
        stored = await self._store.commit(
            episode, prior=prior, forget=decision.forget, announcements=() if decision.forget else announcements
        )
        if not stored:
            self._metrics.conflict()
            floor.sweep_at = 0
            return
        log.info(
            "episode_changed",
            episode=episode.id,
            dedup_key=episode.dedup_key,
            state=episode.state.value,
            reason=decision.reason.value,
            words=episode.reason,
        )


def _announcements(floor: Floor, episode: Episode, now: Micros) -> Sequence[Announcement]:
    """The groups that an episode is in by the present routes, and those that it was put in before."""
    if episode.state is EpisodeState.PENDING:
        return ()
    firing = episode.state is EpisodeState.FIRING
    routes = groups_of(episode, floor.alerting, floor.tenant.organisation)
    known = [
        Announcement(route.key, now + route.wait_us, route if firing else None)
        for route in routes
        if firing or route.key in episode.groups
    ]
    named = {each.group for each in known}
    return [*known, *(Announcement(group, now) for group in episode.groups if group not in named)]
