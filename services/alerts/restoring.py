"""Puts back what the store has lost of episodes and the log still has: after a start, and when the state went back.

Everything that people are told of is in the log before they are told (see the dispatcher), so that what was told is
not told again under another name, and what was not yet told is.
"""

from __future__ import annotations

import structlog
from msgspec.structs import replace

from services.alerts.domain.notifications import Group, told_of
from services.alerts.domain.routing import groups_of
from services.alerts.floor import Floor
from services.alerts.ports import Announcement, EpisodeLog, EpisodeStore, GroupStore
from shared.domain.episodes import Action, Episode, EpisodeState
from shared.domain.instants import DAY_US, Micros

KEPT_US = 8 * DAY_US
"""Resolved episodes older than this are not kept anyway."""
SETTLE_ATTEMPTS = 5
log = structlog.get_logger()


class Restoring:
    """Compares log and store. Repeats are harmless: a version that is there is left alone."""

    def __init__(self, episodes: EpisodeLog, store: EpisodeStore, groups: GroupStore) -> None:
        self._log = episodes
        self._store = store
        self._groups = groups

    async def restore(self, floor: Floor, now: Micros) -> int:
        """How many episodes of the tenant were put back. Raises: TransientError; the rest is put back next time."""
        tenant = floor.tenant.id
        published = await self._log.unkept(tenant)
        kept = {each.id: each.version for each in await self._store.by_ids(tenant, [each.id for each in published])}
        restored = 0
        for episode in sorted(published, key=lambda each: (each.started_at, each.id)):
            if episode.version > kept.get(episode.id, 0) and not _is_past(episode, episode.id in kept, now):
                restored += await self._put_back(floor, episode, now)
        if restored:
            log.warning("episodes_put_back", tenant=tenant, episodes=restored)
        return restored

    async def _put_back(self, floor: Floor, episode: Episode, now: Micros) -> bool:
        routes = {route.key: route for route in groups_of(episode, floor.alerting, floor.tenant.organisation)}
        concerned = []
        for key in episode.groups:
            group = await self._groups.known(floor.tenant.id, key, routes.get(key))
            if group is not None and await self._note_told(floor.tenant.id, group, episode, now):
                concerned.append(Announcement(key, now))
        return await self._store.put_back(episode, forget=_is_forgotten(episode), announcements=concerned)

    async def _note_told(self, tenant: str, group: Group, episode: Episode, now: Micros) -> bool:
        """Gives a group its knowledge back; False when it has nothing more to say of the episode."""
        told = told_of(episode, group.route.receiver)
        if episode.state is EpisodeState.RESOLVED and (told is None or told.state is EpisodeState.RESOLVED):
            return False
        for _ in range(SETTLE_ATTEMPTS if told is not None else 0):
            known = await self._groups.known(tenant, group.route.key, None) or group
            knowing = replace(known, told={**known.told, episode.id: told})
            if await self._groups.settle(tenant, knowing, due_at=now):
                break
        return True


def _is_forgotten(episode: Episode) -> bool:
    """It was pending and lapsed: nobody was ever told of it, and nothing follows from it."""
    lapsed = episode.firing_at is None and any(entry.action is Action.PENDING for entry in episode.history)
    return episode.state is EpisodeState.RESOLVED and lapsed and not episode.until_recovered


def _is_past(episode: Episode, is_kept: bool, now: Micros) -> bool:  # noqa: FBT001 - a private question
    over = episode.state is EpisodeState.RESOLVED
    return over and ((_is_forgotten(episode) and not is_kept) or episode.changed_at < now - KEPT_US)
