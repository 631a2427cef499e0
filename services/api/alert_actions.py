"""What people do about alerts: acknowledge, snooze, assign, comment, resolve."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta

from services.api.alerts_query import AlertsQuery
from services.api.domain.refusals import Forbidden, Invalid
from services.api.domain.viewers import Viewer
from services.api.ports import Configured, EpisodeChanges
from shared.domain.access import Role
from shared.domain.clock import Clock
from shared.domain.episodes import Episode, NotOpen
from shared.domain.instants import DAY_US, SECOND_US, Micros, parse
from shared.domain.periods import ONE_DAY, local_day
from shared.errors import TransientError

ATTEMPTS = 5
LONGEST_SNOOZE_US = 90 * DAY_US
NEXT_MORNING = "next_working_morning"
_LENGTH = re.compile(r"(\d{1,6})([smhd])", re.ASCII)
_UNITS = {"s": SECOND_US, "m": 60 * SECOND_US, "h": 3600 * SECOND_US, "d": DAY_US}
Change = Callable[[Episode, str, Micros], Episode]
"""The episode after the action: of the episode now, by whom, when. Raises: NotOpen."""


class AlreadyResolved(Invalid):
    """A resolved alert can be commented on, nothing else."""

    reason = "already_resolved"


class InvalidSnooze(Invalid):
    """No length and no instant to come."""

    reason = "invalid_snooze"


class Contended(TransientError):
    """Others changed the alert each time."""

    reason = "alert_changing"


class AlertActions:
    """Changes an episode where nobody else was first, else looks again."""

    def __init__(self, query: AlertsQuery, changes: EpisodeChanges, configured: Configured, clock: Clock) -> None:
        self._query = query
        self._changes = changes
        self._configured = configured
        self._clock = clock

    async def act(self, viewer: Viewer, alert: str, change: Change) -> Episode:
        """The episode after the action. Raises: Refusal, TransientError."""
        if viewer.role not in {Role.ADMIN, Role.MANAGER}:
            raise Forbidden("only managers and admins act on alerts")
        for _ in range(ATTEMPTS):
            prior, now = await self._query.one(viewer, alert), self._clock.now()
            try:
                changed = change(prior, viewer.key, now)
            except NotOpen:
                raise AlreadyResolved("this alert is resolved") from None
            if await self._changes.acted(changed, prior=prior, now=now):
                return changed
        raise Contended("the alert changes all the time; try again")

    def until(self, episode: Episode, text: str, now: Micros) -> Micros:
        """When a snooze ends: ``2h``, an instant, or ``next_working_morning`` of the subject. Raises: InvalidSnooze."""
        end = self._next_morning(episode, now) if text == NEXT_MORNING else _end(text, now)
        if not now < end <= now + LONGEST_SNOOZE_US:
            raise InvalidSnooze("snooze until some time in the next 90 days")
        return end

    def _next_morning(self, episode: Episode, now: Micros) -> Micros:
        tenant = self._configured.deployment.tenants[episode.tenant]
        rep = tenant.organisation.reps.get(episode.subject.rep or "")
        tomorrow = local_day(now, tenant.zone if rep is None else rep.zone) + ONE_DAY
        for offset in range(LONGEST_SNOOZE_US // DAY_US):
            spans = tenant.calendar.spans(rep, tomorrow + timedelta(days=offset))
            if spans:
                return spans[0][0]
        raise InvalidSnooze("there is no working day in the next 90 days")


def _end(text: str, now: Micros) -> Micros:
    match = _LENGTH.fullmatch(text)
    if match is not None:
        return now + int(match.group(1)) * _UNITS[match.group(2)]
    try:
        return parse(text)
    except ValueError:
        raise InvalidSnooze(f"{text[:40]!r}: use 2h, an instant or {NEXT_MORNING}") from None
