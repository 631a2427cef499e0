"""What goes over the stream, and who gets it."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from services.api.domain.viewers import Sight
from shared.domain.periods import local_day
from shared.domain.reading import Reading


class EventKind(StrEnum):
    """Names of the stream's events."""

    READING = "reading"
    ALERT = "alert"
    STATUS = "status"


class Happening(Struct, frozen=True, kw_only=True):
    """One event for whoever may see it; ``data`` is its JSON. Status events name nobody and no KPI."""

    kind: EventKind
    tenant: str
    data: bytes
    rep: str | None = None
    team: str | None = None
    kpi: str | None = None


class Interest(Struct, frozen=True):
    """What a client asked for; None asks for everything. A team means its own numbers and its subtree's reps'."""

    rep: str | None = None
    team: str | None = None
    kpis: frozenset[str] = frozenset()


class Audience(Struct, frozen=True):
    """One client, resolved against the organisation of now."""

    tenant: str
    reps: frozenset[str]
    teams: frozenset[str]
    kpis: frozenset[str]
    sources: bool

    def wants(self, happening: Happening) -> bool:
        """Whether the event is for this client."""
        if happening.tenant != self.tenant:
            return False
        if happening.kind is EventKind.STATUS:
            return True
        if self.kpis and happening.kpi not in self.kpis:
            return False
        if happening.rep is not None:
            return happening.rep in self.reps
        return happening.team in self.teams if happening.team is not None else self.sources


def audience(sight: Sight, interest: Interest) -> Audience:
    """Who may be seen and was asked for. Incidents of sources go to whoever asked for everybody."""
    organisation = sight.organisation
    reps = {rep.id: rep for rep in sight.reps()}
    teams = {team for team in organisation.teams if sight.of_team(team).allowed}
    if interest.team is not None:
        subtree = organisation.subtree(interest.team)
        teams &= {interest.team}
        reps = {
            rep.id: rep
            for rep in reps.values()
            if any(team in subtree for team in rep.teams_on(local_day(sight.now, rep.zone)))
        }
    if interest.rep is not None:
        teams = set()
        reps = {rep_id: rep for rep_id, rep in reps.items() if rep_id == interest.rep}
    everybody = interest.rep is None and interest.team is None and not interest.kpis
    return Audience(sight.viewer.tenant, frozenset(reps), frozenset(teams), interest.kpis, everybody)


class Seen:
    """What readings last looked like, so that only what moved is sent.

    What moves with the clock alone (pace, expected, rate) is the reader's to follow; its status is not.
    """

    def __init__(self) -> None:
        self._last: dict[tuple[str, ...], tuple[object, ...]] = {}

    def moved(self, tenant: str, reading: Reading) -> bool:
        """Whether it differs from the last one of its place; remembers it."""
        place = (tenant, str(reading.rep), str(reading.team), reading.kpi, reading.period.kind)
        look = (reading.period.id, reading.value, reading.target, reading.status, reading.measurable)
        known = self._last.get(place)
        self._last[place] = look
        return known != look

    def forget(self) -> None:
        """Everything counts as moved again: a new configuration, or a gap."""
        self._last.clear()
