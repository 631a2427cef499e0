"""Turns "her numbers changed" into the readings that moved, for the stream. Coalesced, and idle while nobody looks."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence

import structlog

from services.api.domain.feed import Audience, EventKind, Happening, Seen
from services.api.domain.viewers import Viewer
from services.api.ports import Configured
from services.api.queries import Queries, View
from services.api.stream import Hub
from shared.domain.access import Role
from shared.domain.people import Rep, Team
from shared.domain.periods import PeriodKind, local_day
from shared.domain.reading import Reading
from shared.domain.readings import Org
from shared.errors import TransientError

COALESCE_SECONDS = 0.1
"""Changes within this time are one."""
SWEEP_SECONDS = 60.0
"""In this time everybody who is looked at is read once more: periods begin and end without an event."""
RETRY_SECONDS = 1.0
log = structlog.get_logger()
Encode = Callable[[object], bytes]


class LiveReadings:
    """Publishes readings to the hub. ``encode`` makes the JSON of one."""

    def __init__(self, configured: Configured, queries: Queries, hub: Hub, encode: Encode) -> None:
        self._configured = configured
        self._queries = queries
        self._hub = hub
        self._encode = encode
        self._seen = Seen()
        self._changed: set[tuple[str, str]] = set()
        self._wake = asyncio.Event()
        self._idle = True

    def changed(self, tenant: str, rep: str) -> None:
        """A rep's numbers changed."""
        self._changed.add((tenant, rep))
        self._wake.set()

    async def run(self) -> None:
        """Publishes changes for as long as the service runs."""
        while True:
            await self._wake.wait()
            await asyncio.sleep(COALESCE_SECONDS)
            self._wake.clear()
            changed, self._changed = self._changed, set()
            try:
                await self._publish(changed)
            except TransientError as error:
                log.warning("live_readings_delayed", error=repr(error))
                self._changed |= changed
                self._wake.set()
                await asyncio.sleep(RETRY_SECONDS)

    async def sweep(self) -> None:
        """Reads everybody once more, evenly over time."""
        while True:
            subjects = self._subjects()
            pause = SWEEP_SECONDS / (len(subjects) or 1)
            for tenant, rep in subjects:
                await asyncio.sleep(pause)
                self.changed(tenant, rep)
            if not subjects:
                await asyncio.sleep(RETRY_SECONDS)

    async def snapshot(self, audience: Audience) -> list[Happening]:
        """Everything that an audience sees, as it is now. Raises: TransientError."""
        view = await self._queries.view(_everything(audience.tenant))
        organisation = view.tenant.organisation
        found = []
        for rep_id in audience.reps & organisation.reps.keys():
            found += await self._of_rep(view, organisation.reps[rep_id])
        for team_id in audience.teams & organisation.teams.keys():
            found += await self._of_team(view, organisation.teams[team_id])
        return [event for reading in found if audience.wants(event := self._happening(audience.tenant, reading))]

    def _subjects(self) -> list[tuple[str, str]]:
        tenants = self._configured.deployment.tenants
        looked_at = [tenants[name] for name in self._hub.tenants if name in tenants]
        return [(tenant.id, rep) for tenant in looked_at for rep in tenant.organisation.reps]

    async def _publish(self, changed: Iterable[tuple[str, str]]) -> None:
        looked_at = self._hub.tenants
        if not looked_at:
            self._rest()
            return
        self._idle = False
        for tenant in sorted(
            {tenant for tenant, _ in changed} & looked_at & self._configured.deployment.tenants.keys()
        ):
            view = await self._queries.view(_everything(tenant))
            await self._publish_reps(view, [rep for owner, rep in changed if owner == tenant])

    def _rest(self) -> None:
        """Nobody looks: what happens now is not worked out, and who comes back reads the whole state."""
        if not self._idle:
            self._seen.forget()
            self._idle = True
        self._hub.missed()

    async def _publish_reps(self, view: View, rep_ids: Iterable[str]) -> None:
        organisation = view.tenant.organisation
        reps = [organisation.reps[rep_id] for rep_id in rep_ids if rep_id in organisation.reps]
        for rep in reps:
            self._send(view, await self._of_rep(view, rep))
        for team in _teams_of(view, reps):
            self._send(view, await self._of_team(view, team))

    def _send(self, view: View, readings: Sequence[Reading]) -> None:
        for reading in readings:
            if self._seen.moved(view.tenant.id, reading):
                self._hub.publish(self._happening(view.tenant.id, reading))

    async def _of_rep(self, view: View, rep: Rep) -> list[Reading]:
        found = []
        for kind in PeriodKind:
            period = view.period(kind, None, rep.zone)
            kpis = view.listing(period)
            if kpis:
                found += await self._queries.reps_readings(view, [rep], kpis, period)
        return found

    async def _of_team(self, view: View, team: Team) -> list[Reading]:
        found = []
        for kind in PeriodKind:
            period = view.period(kind, None, team.zone)
            kpis = view.listing(period)
            if kpis:
                found += await self._queries.team_readings(view, team, kpis, period, org=Org.AS_WAS)
        return found

    def _happening(self, tenant: str, reading: Reading) -> Happening:
        return Happening(
            kind=EventKind.READING,
            tenant=tenant,
            data=self._encode(reading),
            rep=reading.rep if isinstance(reading.rep, str) else None,
            team=reading.team if isinstance(reading.team, str) else None,
            kpi=reading.kpi,
        )


def _everything(tenant: str) -> Viewer:
    return Viewer(tenant=tenant, role=Role.ADMIN, key="stream")


def _teams_of(view: View, reps: Iterable[Rep]) -> list[Team]:
    """The teams whose numbers the reps' numbers are part of, today."""
    organisation = view.tenant.organisation
    ids = {
        team
        for rep in reps
        for own in rep.teams_on(local_day(view.moment.now, rep.zone))
        for team in organisation.ancestry(own)
    }
    return [team for team_id, team in organisation.teams.items() if team_id in ids]
