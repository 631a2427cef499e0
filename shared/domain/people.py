"""Teams and reps, dated. Answers who belongs where on a day and whom an owner id means."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date

from msgspec import Struct


class DateSpan(Struct, frozen=True):
    """Days from ``first`` to ``last``, both included; None is open."""

    first: date | None = None
    last: date | None = None

    def __contains__(self, day: date) -> bool:
        return (self.first is None or self.first <= day) and (self.last is None or day <= self.last)


class Membership(Struct, frozen=True):
    """A rep in a team for some days."""

    team: str
    span: DateSpan = DateSpan()


class WorkingWeek(Struct, frozen=True):
    """Working spans by ISO weekday (0 is Monday), each in minutes of the local day: ((540, 1050),)."""

    days: tuple[tuple[tuple[int, int], ...], ...]


class Team(Struct, frozen=True, kw_only=True):
    """A team; ``zone`` is an IANA name, used to show its periods' bounds."""

    id: str
    name: str
    zone: str
    parent: str | None = None
    manager: str | None = None


class Rep(Struct, frozen=True, kw_only=True):
    """A rep; ``zone`` is an IANA name and decides her days. ``week`` None means the tenant's working hours."""

    id: str
    name: str
    zone: str
    role: str | None = None
    hired: date | None = None
    memberships: tuple[Membership, ...] = ()
    identities: Mapping[str, tuple[str, ...]] = {}
    week: WorkingWeek | None = None
    absences: tuple[DateSpan, ...] = ()

    def teams_on(self, day: date) -> Iterator[str]:
        """Ids of her own teams on a day, in the order in which they are configured."""
        return (membership.team for membership in self.memberships if day in membership.span)

    def away_on(self, day: date) -> bool:
        """True on a day of absence."""
        return any(day in span for span in self.absences)


class Organisation(Struct, frozen=True):
    """All teams and reps of a tenant by id, in configured order."""

    teams: Mapping[str, Team]
    reps: Mapping[str, Rep]

    def subtree(self, team: str) -> frozenset[str]:
        """The team with all teams below it."""
        found = {team}
        while more := {child.id for child in self.teams.values() if child.parent in found} - found:
            found |= more
        return frozenset(found)

    def ancestry(self, team: str) -> Iterator[str]:
        """The team, its parent and so on to the top: nearest first."""
        step: str | None = team
        while step is not None and step in self.teams:
            yield step
            step = self.teams[step].parent

    def is_member(self, rep: Rep, team: str, day: date) -> bool:
        """Whether the rep belongs to the team or one below it on a day."""
        subtree = self.subtree(team)
        return any(own in subtree for own in rep.teams_on(day))

    def members_on(self, team: str, day: date) -> tuple[Rep, ...]:
        """Reps of the team and all below it on a day."""
        subtree = self.subtree(team)
        return tuple(rep for rep in self.reps.values() if any(own in subtree for own in rep.teams_on(day)))

    def members_ever(self, team: str) -> tuple[Rep, ...]:
        """Reps who belong or ever belonged to the team or one below it."""
        subtree = self.subtree(team)
        return tuple(rep for rep in self.reps.values() if any(m.team in subtree for m in rep.memberships))

    def first_team(self, rep: Rep, day: date) -> str | None:
        """The team a rep is shown in on a day: the first configured one of that day."""
        return next(rep.teams_on(day), None)

    def owners(self) -> dict[tuple[str, str], str]:
        """(source, owner id) -> rep id, for the ledger. Identity clashes are refused by the configuration."""
        return {
            (source, identity): rep.id
            for rep in self.reps.values()
            for source, identities in rep.identities.items()
            for identity in identities
        }
