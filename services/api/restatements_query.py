"""Answers which readings of closed periods changed, and because of which event, to those who may see the reps."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from services.api.domain.refusals import Forbidden
from services.api.domain.viewers import Verdict, Viewer
from services.api.ports import Records, Restatements
from services.api.queries import Queries, View
from shared.domain.access import Role
from shared.domain.facts import FactName
from shared.domain.instants import Micros
from shared.domain.reading import PeriodBounds, bounds_of
from shared.domain.restatements import RESTATEMENTS_KEPT, Restatement

MOST = 1_000
DEFAULT = 100


class RestatementFilter(Struct, frozen=True, kw_only=True):
    """None filters nothing. A team means its subtree; ``since`` is when the event was received."""

    rep: str | None = None
    team: str | None = None
    kpi: str | None = None
    since: Micros | None = None
    limit: int = DEFAULT

    def admits(self, found: Restatement) -> bool:
        """Whether it is asked for."""
        of_kpi = self.kpi is None or found.kpi == self.kpi
        return of_kpi and (self.since is None or found.cause.at >= self.since)


class Restated(Struct, frozen=True):
    """A restatement with the bounds of its period, if it is one of today's calendar, and its record and link."""

    found: Restatement
    bounds: PeriodBounds | None
    name: FactName | None
    url: str | None


class Answered(Struct, frozen=True):
    """The last ones first."""

    as_of: Micros
    watermark: Micros | None
    restatements: list[Restated]


class RestatementsQuery:
    """The restatements of the tenants that are configured now."""

    def __init__(self, queries: Queries, restatements: Restatements, records: Records) -> None:
        self._queries = queries
        self._restatements = restatements
        self._records = records

    async def all(self, viewer: Viewer, wanted: RestatementFilter) -> Answered:
        """Raises: Refusal (a reader sees no reps), TransientError."""
        view = await self._queries.view(viewer)
        reps = _reps(view, wanted)
        if wanted.kpi is not None:
            view.kpi_ids([wanted.kpi])
        most = wanted.limit if wanted.kpi is None else RESTATEMENTS_KEPT
        found = [each for each in await self._restatements.of(viewer.tenant, reps, most) if wanted.admits(each)]
        found.sort(key=lambda each: each.cause.at, reverse=True)
        return Answered(view.as_of, view.pipeline.watermark, await self._with_links(view, found[: wanted.limit]))

    async def _with_links(self, view: View, found: Sequence[Restatement]) -> list[Restated]:
        names = [FactName.parse(each.cause.fact) if each.cause.fact else None for each in found]
        keys = ["" if name is None else name.record_key(view.tenant.id) for name in names]
        records = await self._records.of([key for key in keys if key])
        urls = [None if (record := records.get(key)) is None or record.url is None else record.url[2] for key in keys]
        return [
            Restated(each, _bounds(view, each), name, url) for each, name, url in zip(found, names, urls, strict=True)
        ]


def _reps(view: View, wanted: RestatementFilter) -> list[str]:
    """Whose restatements are looked for. Raises: UnknownRep, UnknownTeam, Forbidden."""
    if view.sight.viewer.role is Role.READER:
        raise Forbidden(f"this key may not see it: {Verdict.NO_REPS}")
    reps = list(view.sight.reps())
    if wanted.rep is not None:
        reps = [view.rep(wanted.rep)]
    if wanted.team is not None:
        subtree = view.tenant.organisation.subtree(view.team(wanted.team).id)
        reps = [rep for rep in reps if any(each.team in subtree for each in rep.memberships)]
    return [rep.id for rep in reps]


def _bounds(view: View, found: Restatement) -> PeriodBounds | None:
    try:
        period = view.tenant.calendar.periods.of_id(found.period[1])
    except ValueError:
        return None  # weeks began on another day then
    return bounds_of(period, view.tenant.organisation.reps[found.rep].zone)
