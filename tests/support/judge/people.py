"""Who is who, and when. Contract 4.4 (mapping) and 4.7 (teams)."""

from __future__ import annotations

from datetime import date
from typing import Any
from zoneinfo import ZoneInfo


class People:
    """`people.yaml` and `sources.yaml` as dicts."""

    def __init__(self, tenant: dict[str, Any], people: dict[str, Any], sources: dict[str, Any]) -> None:
        self.tenant = tenant
        self.reps = {rep["id"]: rep for rep in people["reps"]}
        self.teams = {team["id"]: team for team in people.get("teams", [])}
        self.native = {one["id"] for one in sources["sources"] if one["provider"] == "native"}

    def rep_of(self, source: str, owner: str | None) -> str | None:
        """Whose the owner is; None: unmapped, or nobody."""
        if owner is None:
            return None
        for rep in self.reps.values():
            if str(owner) in [str(one) for one in rep.get("identities", {}).get(source, [])]:
                return str(rep["id"])
        return str(owner) if source in self.native and owner in self.reps else None

    def zone(self, rep: str) -> ZoneInfo:
        return ZoneInfo(self.reps[rep].get("time_zone", self.tenant["time_zone"]))

    def team_zone(self, team: str) -> ZoneInfo:
        return ZoneInfo(self.teams[team].get("time_zone", self.tenant["time_zone"]))

    def memberships(self, rep: str) -> list[dict[str, Any]]:
        return [{"id": one} if isinstance(one, str) else one for one in self.reps[rep].get("teams", [])]

    def teams_on(self, rep: str, day: date) -> list[str]:
        return [
            one["id"] for one in self.memberships(rep) if one.get("from", date.min) <= day <= one.get("until", date.max)
        ]

    def line(self, team: str) -> list[str]:
        """The team and its parents, nearest first."""
        above = [team]
        while self.teams[above[-1]].get("parent") is not None:
            above.append(self.teams[above[-1]]["parent"])
        return above

    def is_member(self, rep: str, team: str, day: date) -> bool:
        return any(team in self.line(one) for one in self.teams_on(rep, day))

    def distance(self, rep: str, team: str, day: date) -> int | None:
        """How near a team is to the rep on a day: 0 is her own."""
        found = [self.line(own).index(team) for own in self.teams_on(rep, day) if team in self.line(own)]
        return min(found) if found else None
