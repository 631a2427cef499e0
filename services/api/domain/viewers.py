"""Who asks, and what she may see. Contract 2, access.yaml."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from shared.domain.access import AccessKey, Role
from shared.domain.instants import Micros
from shared.domain.people import Organisation, Rep
from shared.domain.periods import local_day


class Verdict(StrEnum):
    """Why something may be seen, or not."""

    ADMIN = "admin_sees_everything"
    HERSELF = "rep_sees_herself"
    OWN_TEAM = "manager_sees_her_teams"
    TEAMS = "reader_sees_teams"
    NOT_HERSELF = "not_herself"
    NOT_HER_TEAM = "not_her_team"
    NO_REPS = "reader_sees_no_reps"
    NO_TEAMS = "rep_sees_no_teams"

    @property
    def allowed(self) -> bool:
        """Whether it may be seen."""
        return self in {Verdict.ADMIN, Verdict.HERSELF, Verdict.OWN_TEAM, Verdict.TEAMS}


class Viewer(Struct, frozen=True, kw_only=True):
    """An identified asker of one tenant; ``key`` is the id of her key, ``local`` where none is needed."""

    tenant: str
    role: Role
    key: str = "local"
    rep: str | None = None
    team: str | None = None

    @classmethod
    def of_key(cls, key: AccessKey) -> Viewer:
        """The viewer whom an API key stands for."""
        return cls(tenant=key.tenant, role=key.role, key=key.id, rep=key.rep, team=key.team)


class Sight(Struct, frozen=True):
    """What a viewer sees of an organisation at an instant: memberships are those of today."""

    viewer: Viewer
    organisation: Organisation
    teams: frozenset[str]
    now: Micros

    def of_rep(self, rep: Rep) -> Verdict:
        """Whether a rep's own numbers may be seen."""
        match self.viewer.role:
            case Role.ADMIN:
                return Verdict.ADMIN
            case Role.REP:
                return Verdict.HERSELF if rep.id == self.viewer.rep else Verdict.NOT_HERSELF
            case Role.READER:
                return Verdict.NO_REPS
            case Role.MANAGER:
                own = any(team in self.teams for team in rep.teams_on(local_day(self.now, rep.zone)))
                return Verdict.OWN_TEAM if own else Verdict.NOT_HER_TEAM

    def of_team(self, team: str) -> Verdict:
        """Whether a team's sums may be seen."""
        match self.viewer.role:
            case Role.ADMIN:
                return Verdict.ADMIN
            case Role.READER:
                return Verdict.TEAMS
            case Role.REP:
                return Verdict.NO_TEAMS
            case Role.MANAGER:
                return Verdict.OWN_TEAM if team in self.teams else Verdict.NOT_HER_TEAM

    def reps(self) -> tuple[Rep, ...]:
        """Every rep whose numbers may be seen, in configured order."""
        return tuple(rep for rep in self.organisation.reps.values() if self.of_rep(rep).allowed)


def sight(viewer: Viewer, organisation: Organisation, now: Micros) -> Sight:
    """What a viewer sees now. A manager's teams are her key's, and those that name her as manager, with all below."""
    own = {viewer.team} if viewer.team is not None else set()
    if viewer.role is Role.MANAGER and viewer.rep is not None:
        own |= {team.id for team in organisation.teams.values() if team.manager == viewer.rep}
    teams = frozenset(team for top in own for team in organisation.subtree(top))
    return Sight(viewer, organisation, teams, now)
