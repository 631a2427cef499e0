"""Answers which alerts there are, to those who may see their subjects."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

from services.api.domain.refusals import Forbidden, Invalid, UnknownAlert
from services.api.domain.viewers import Sight, Viewer, sight
from services.api.ports import Configured, Episodes
from shared.domain.access import Role
from shared.domain.clock import Clock
from shared.domain.episodes import Episode, EpisodeState
from shared.domain.instants import DAY_US
from shared.domain.people import Organisation
from shared.domain.periods import local_day

SHOWN_US = 7 * DAY_US
"""Episodes whose last change is older than this are history."""


class InvalidState(Invalid):
    """No state of an episode."""

    reason = "invalid_state"


class AlertFilter(Struct, frozen=True, kw_only=True):
    """None filters nothing. A team means its subtree."""

    state: EpisodeState | None = None
    rep: str | None = None
    team: str | None = None
    rule: str | None = None


def state_of(text: str | None) -> EpisodeState | None:
    """Raises: InvalidState."""
    try:
        return None if text is None else EpisodeState(text)
    except ValueError:
        raise InvalidState(f"{text!r:.40}: use pending, firing or resolved") from None


class AlertsQuery:
    """The episodes of the tenants that are configured now."""

    def __init__(self, configured: Configured, episodes: Episodes, clock: Clock) -> None:
        self._configured = configured
        self._episodes = episodes
        self._clock = clock

    async def all(self, viewer: Viewer, wanted: AlertFilter) -> list[Episode]:
        """Firing first, then pending, then resolved, the last changed first within each. Raises: TransientError."""
        now = self._clock.now()
        seen = sight(viewer, self._configured.deployment.tenants[viewer.tenant].organisation, now)
        found = await self._episodes.episodes(viewer.tenant, now - SHOWN_US)
        is_wanted = _matcher(wanted, seen.organisation)
        chosen = [episode for episode in found if is_wanted(episode) and may_see(seen, episode)]
        order = {EpisodeState.FIRING: 0, EpisodeState.PENDING: 1, EpisodeState.RESOLVED: 2}
        return sorted(chosen, key=lambda episode: order[episode.state])

    async def one(self, viewer: Viewer, episode_id: str) -> Episode:
        """Raises: UnknownAlert, Forbidden, TransientError."""
        seen = sight(viewer, self._configured.deployment.tenants[viewer.tenant].organisation, self._clock.now())
        episode = await self._episodes.episode(viewer.tenant, episode_id)
        if episode is None:
            raise UnknownAlert(f"there is no alert {episode_id[:80]!r}")
        if not may_see(seen, episode):
            raise Forbidden("this key may not see the subject of this alert")
        return episode


def may_see(seen: Sight, episode: Episode) -> bool:
    """An alert is seen by who sees its subject; a data incident by everybody: all numbers may be short."""
    subject = episode.subject
    if subject.source is not None:
        return True
    if subject.rep is None:
        return subject.team is not None and seen.of_team(subject.team).allowed
    rep = seen.organisation.reps.get(subject.rep)
    return seen.viewer.role is Role.ADMIN if rep is None else seen.of_rep(rep).allowed


def _matcher(wanted: AlertFilter, organisation: Organisation) -> Callable[[Episode], bool]:
    subtree = None if wanted.team is None else organisation.subtree(wanted.team)

    def matches(episode: Episode) -> bool:
        return (
            (wanted.state is None or episode.state is wanted.state)
            and (wanted.rule is None or episode.rule == wanted.rule)
            and (wanted.rep is None or episode.subject.rep == wanted.rep)
            and (subtree is None or not subtree.isdisjoint(_teams(episode, organisation)))
        )

    return matches


def _teams(episode: Episode, organisation: Organisation) -> set[str]:
    """The team that it is about or shown in, and the rep's teams when it began."""
    own = {episode.subject.team} if episode.subject.team is not None else set()
    rep = organisation.reps.get(episode.subject.rep or "")
    return own if rep is None else own | set(rep.teams_on(local_day(episode.started_at, rep.zone)))
