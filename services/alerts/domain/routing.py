"""Where an episode is announced: the first matching route, and the group of each of its receivers."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from shared.domain.alerting import Alerting, Route
from shared.domain.calendar import Calendar
from shared.domain.episodes import Episode
from shared.domain.instants import Micros
from shared.domain.people import Organisation

SEPARATOR = "|"


class GroupRoute(Struct, frozen=True, kw_only=True):
    """One receiver's group of alerts and how its route wants it told; ``labels`` are those of ``group_by``."""

    key: str
    receiver: str
    labels: Mapping[str, str]
    wait_us: Micros = 0
    repeat_us: Micros | None = None
    only_working_hours: bool = False


def groups_of(episode: Episode, alerting: Alerting, organisation: Organisation) -> tuple[GroupRoute, ...]:
    """One group for each receiver of the first route that matches; none where no route does."""
    route = next((route for route in alerting.routes if _matches(route, episode, organisation)), None)
    if route is None:
        return ()
    known = _labels(episode)
    labels = {name: known[name] for name in route.group_by}
    name = SEPARATOR.join(f"{label}={value}" for label, value in labels.items()) or episode.id
    return tuple(
        GroupRoute(
            key=f"{receiver}{SEPARATOR}{name}",
            receiver=receiver,
            labels=labels,
            wait_us=route.group_wait_us,
            repeat_us=route.repeat_us,
            only_working_hours=route.only_working_hours,
        )
        for receiver in route.receivers
    )


def allowed_from(group: GroupRoute, calendar: Calendar, at: Micros) -> Micros:
    """The instant itself, or the tenant's next working moment where the route keeps working hours."""
    if not group.only_working_hours:
        return at
    moment = calendar.working_moment(None, at, 0)
    return at if moment is None else moment


def _matches(route: Route, episode: Episode, organisation: Organisation) -> bool:
    known = _labels(episode)
    return all(
        _in_subtree(value, episode, organisation) if name == "team" else known.get(name) == value
        for name, value in route.match.items()
    )


def _in_subtree(team: str, episode: Episode, organisation: Organisation) -> bool:
    own = episode.subject.team
    return own is not None and team in organisation.ancestry(own)


def _labels(episode: Episode) -> dict[str, str]:
    return {
        "rule": episode.rule,
        "kpi": episode.kpi,
        "severity": episode.severity.name.lower(),
        "team": episode.subject.team or "",
        "rep": episode.subject.rep or "",
        "source": episode.subject.source or "",
    }
