"""``people.yaml``: teams and reps, dated."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from shared.configuration.documents import Location
from shared.configuration.leave_feeds import absences_of_feed
from shared.configuration.parsing import Section, Strict
from shared.configuration.scalars import Day, Id, RepId, Zone
from shared.configuration.secret_values import Secret, SecretPlaces
from shared.configuration.sources_file import NATIVE, SourcesModel
from shared.configuration.tenant_file import WorkingHours, working_week
from shared.domain.people import DateSpan, Membership, Organisation, Rep, Team
from shared.domain.salesforce_ids import long_form


class TeamModel(Strict):
    """A team; ``manager`` is a rep's id or that of somebody with a key of her own."""

    id: Id
    name: str
    parent: Id | None = None
    manager: RepId | None = None
    time_zone: Zone | None = None


class MembershipModel(Strict):
    """A rep in a team, both days included."""

    id: Id
    first: Day | None = Field(None, alias="from")
    until: Day | None = None


class AbsenceModel(Strict):
    """Whole days away: ``from`` and ``to``, both included, or a calendar feed."""

    first: Day | None = Field(None, alias="from")
    to: Day | None = None
    ics: Secret | None = None


def _membership(value: object) -> Any:  # noqa: ANN401 - pydantic goes on with it
    return {"id": value} if isinstance(value, str) else value


class RepModel(Strict):
    """A rep."""

    id: RepId
    name: str
    role: Id | None = None
    hired: Day | None = None
    time_zone: Zone | None = None
    teams: tuple[Annotated[MembershipModel, BeforeValidator(_membership)], ...] = ()
    identities: dict[str, list[str]] = Field({})
    working_hours: WorkingHours | None = None
    absences: tuple[AbsenceModel, ...] = ()


class PeopleModel(Strict):
    """The file."""

    teams: tuple[TeamModel, ...] = ()
    reps: tuple[RepModel, ...] = ()

    @property
    def roles(self) -> tuple[str, ...]:
        """Every role that somebody has."""
        return tuple(dict.fromkeys(rep.role for rep in self.reps if rep.role is not None))


def check_people(section: Section[PeopleModel]) -> None:
    """Ids, references between people, and dates that run backwards."""
    teams = [team.id for team in section.model.teams]
    section.refuse_twins("teams", teams)
    section.refuse_twins("reps", (rep.id for rep in section.model.reps))
    for index, team in enumerate(section.model.teams):
        section.refuse_unknown(("teams", index, "parent"), "team", team.parent, teams)
    _check_parents(section)
    for index, rep in enumerate(section.model.reps):
        _check_memberships(section, ("reps", index), rep, teams)
        _check_absences(section, ("reps", index), rep)


def _check_parents(section: Section[PeopleModel]) -> None:
    parents = {team.id: team.parent for team in section.model.teams}
    for index, team in enumerate(section.model.teams):
        seen, step = [team.id], team.parent
        while step is not None and step not in seen:
            seen.append(step)
            step = parents.get(step)
        if step == team.id:
            way = " -> ".join((*seen, team.id))
            section.problem(("teams", index, "parent"), f"the team is its own parent: {way}. Remove one `parent`")


def _check_memberships(section: Section[PeopleModel], at: Location, rep: RepModel, teams: list[str]) -> None:
    spans: dict[str, list[DateSpan]] = {}
    for index, membership in enumerate(rep.teams):
        here = (*at, "teams", index)
        section.refuse_unknown((*here, "id"), "team", membership.id, teams)
        span = DateSpan(membership.first, membership.until)
        if span.first and span.last and span.last < span.first:
            section.problem((*here, "until"), f"the membership of `{rep.id}` ends before it begins. Correct the dates")
        if any(_meet(span, other) for other in spans.get(membership.id, ())):
            section.problem(here, f"`{rep.id}` is in the team `{membership.id}` twice at a time. Keep one of the lines")
        spans.setdefault(membership.id, []).append(span)


def _meet(one: DateSpan, other: DateSpan) -> bool:
    begins_late = one.first and other.last and other.last < one.first
    ends_early = one.last and other.first and one.last < other.first
    return not (begins_late or ends_early)


def _check_absences(section: Section[PeopleModel], at: Location, rep: RepModel) -> None:
    for index, absence in enumerate(rep.absences):
        here = (*at, "absences", index)
        if (absence.ics is None) == (absence.first is None and absence.to is None):
            section.problem(
                here, "an absence is either days or a feed. Write {from: DATE, to: DATE} or {ics: {file: PATH}}"
            )
        elif absence.ics is None and (absence.first is None or absence.to is None):
            section.problem(here, "an absence needs both `from` and `to`. Add the missing day")
        elif absence.first and absence.to and absence.to < absence.first:
            section.problem((*here, "to"), f"the absence of `{rep.id}` ends before it begins. Correct the dates")


def check_identities(section: Section[PeopleModel], sources: SourcesModel) -> None:
    """Identities name known sources, and nobody has somebody else's."""
    natives = {source.id for source in sources.sources if source.provider == NATIVE}
    known = [source.id for source in sources.sources]
    holders = {(source, rep.id): rep.id for source in natives for rep in section.model.reps}
    for location, source, identity, rep in _identities(section.model):
        section.refuse_unknown(location[:-1], "source", source, known)
        holder = holders.setdefault((source, _identity(source, identity, sources)), rep)
        if holder != rep:
            what = f"the identity `{identity}` in `{source}` of `{rep}` is that of `{holder}`"
            section.problem(location, f"{what}. Give it to one of them")


def _identities(model: PeopleModel) -> Iterator[tuple[Location, str, str, str]]:
    for index, rep in enumerate(model.reps):
        for source, identities in rep.identities.items():
            for position, identity in enumerate(identities):
                yield ("reps", index, "identities", source, position), source, identity, rep.id


def _identity(source: str, identity: str, sources: SourcesModel) -> str:
    """An owner's id as the source's events have it: Salesforce shows people 15 characters of 18."""
    return long_form(identity) if source in sources.of_salesforce else identity


def owners_of(organisation: Organisation, sources: SourcesModel) -> dict[tuple[str, str], str]:
    """(source, owner id) -> rep; a rep's own id always works for native sources."""
    natives = [source.id for source in sources.sources if source.provider == NATIVE]
    return {(source, rep): rep for source in natives for rep in organisation.reps} | organisation.owners()


def compile_people(
    section: Section[PeopleModel], sources: SourcesModel, *, zone: str, secrets: SecretPlaces
) -> Organisation:
    """Teams and reps in the order of the file; ``zone`` is the tenant's, the default."""
    teams = {
        team.id: Team(id=team.id, name=team.name, zone=team.time_zone or zone, parent=team.parent, manager=team.manager)
        for team in section.model.teams
    }
    reps = {
        rep.id: Rep(
            id=rep.id,
            name=rep.name,
            zone=rep.time_zone or zone,
            role=rep.role,
            hired=rep.hired,
            memberships=tuple(Membership(team.id, DateSpan(team.first, team.until)) for team in rep.teams),
            identities={
                source: tuple(dict.fromkeys(_identity(source, one, sources) for one in identities))
                for source, identities in rep.identities.items()
            },
            week=None if rep.working_hours is None else working_week(rep.working_hours),
            absences=tuple(_absences(section, ("reps", index), rep, zone=zone, secrets=secrets)),
        )
        for index, rep in enumerate(section.model.reps)
    }
    return Organisation(teams, reps)


def _absences(
    section: Section[PeopleModel], at: Location, rep: RepModel, *, zone: str, secrets: SecretPlaces
) -> Iterator[DateSpan]:
    for index, absence in enumerate(rep.absences):
        if absence.ics is None:
            yield DateSpan(absence.first, absence.to)
            continue
        location = (*at, "absences", index, "ics")
        feed = secrets.resolve(absence.ics, section, location)
        try:
            yield from absences_of_feed(feed, rep.time_zone or zone) if feed else ()
        except ValueError as error:
            section.problem(location, f"the feed is no calendar: {str(error)[:100]}. Give it iCalendar (RFC 5545) text")
