"""Answers which facts a number is made of, which it is not made of and why, and the events behind each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain

from msgspec import Struct

from services.api.domain.evidence import Evidence, evidence
from services.api.domain.receipt_pages import EVERYTHING, Slice, cut
from services.api.domain.receipts import Holding, Receipt, counted_in, keeps_moments, receipts
from services.api.domain.refusals import Forbidden
from services.api.domain.viewers import Verdict, Viewer
from services.api.domain.withdrawals import Withdrawal, withdrawal
from services.api.ports import HeldPages, Pages, Records
from services.api.queries import Queries, View, Wanted
from shared.domain.access import Role
from shared.domain.cells import base_kpis
from shared.domain.facts import STATE_PAGE, Fact, FactName, utc_day
from shared.domain.instants import DAY_US, Micros
from shared.domain.kpis import Aggregate, Kpi
from shared.domain.people import Rep, Team
from shared.domain.periods import local_day
from shared.domain.reading import Reading
from shared.domain.records import Record
from shared.domain.rolling import AnyPeriod
from shared.domain.team_parts import Org, Part

TRIES = 5
"""Reading and facts are read one after the other: so often they may turn out to be of different instants."""


class Documented(Struct, frozen=True, kw_only=True):
    """A receipt, or a fact that is gone, with its events, the record's link and what the CRM has not told of it."""

    rep: str
    kpi: str
    of: Receipt | Withdrawal
    events: Sequence[Evidence] = ()
    url: str | None = None
    missing: Sequence[str] = ()

    @property
    def counts(self) -> bool:
        """Whether the number is made of it."""
        return isinstance(self.of, Receipt) and self.of.outcome.counts

    @property
    def name(self) -> FactName:
        """Which fact of which record."""
        return FactName.parse(self.of.fact.id) if isinstance(self.of, Receipt) else self.of.name

    @property
    def place(self) -> tuple[Micros, str, str, str]:
        """Where it stands in the list: the order of time."""
        at = self.of.fact.at if isinstance(self.of, Receipt) else self.of.shown_at
        return at, self.kpi, self.rep, repr(self.name)


class Receipts(Struct, frozen=True, kw_only=True):
    """A reading with the facts that it counts and those that it does not, each in the order of time.

    ``consistent``: the facts are of the very instant of the reading. ``counted_in_all``, ``not_counted_in_all``: how
    many there are, of which the lists may hold a part; ``following`` is where the next part begins.
    """

    as_of: Micros
    watermark: Micros | None
    reading: Reading
    consistent: bool
    counted: list[Documented]
    not_counted: list[Documented]
    counted_in_all: int
    not_counted_in_all: int
    following: str | None = None


class _Asked(Struct, frozen=True):
    """Whose facts of which period are looked for."""

    view: View
    kpi: Kpi
    period: AnyPeriod
    parts: Sequence[Part]

    @property
    def bases(self) -> list[Kpi]:
        """A ratio's two parts, else the KPI itself."""
        versions = self.view.readings.definitions.on(self.period.first)
        return list({base.id: base for base in base_kpis(self.kpi, versions)}.values())

    def pages(self, rep: Rep) -> list[str] | None:
        """The names of the pages that may hold facts of hers that count; None is all."""
        if any(keeps_moments(base) for base in self.bases):
            return None
        start, end = self.period.bounds(rep.zone)
        days = dict.fromkeys(utc_day(instant) for instant in (*range(start, end, DAY_US), end - 1))
        return [*days, STATE_PAGE]


class ReceiptsQuery:
    """Receipts from the pages, the truth that every counter is a fold of, and from the ledger's records."""

    def __init__(self, queries: Queries, pages: Pages, records: Records) -> None:
        self._queries = queries
        self._pages = pages
        self._records = records

    async def of(
        self, viewer: Viewer, rep_id: str, kpi_id: str, wanted: Wanted, *, part: Slice = EVERYTHING
    ) -> Receipts:
        """A rep's. Raises: Refusal, TransientError."""
        view = await self._queries.view(viewer)
        rep = view.rep(rep_id)
        period = view.asked(wanted, rep.zone)
        asked = _Asked(view, view.kpi(kpi_id, period), period, (Part(rep, None, ()),))
        return await self._answer(asked, None, part)

    async def of_team(
        self, viewer: Viewer, team_id: str, kpi_id: str, wanted: Wanted, *, part: Slice = EVERYTHING
    ) -> Receipts:
        """A team's, its members as they were. Raises: Refusal (a reader sees sums only), TransientError."""
        view = await self._queries.view(viewer)
        team = view.team(team_id)
        if viewer.role is Role.READER:
            raise Forbidden(f"this key may not see it: {Verdict.NO_REPS}")
        period = view.asked(wanted, team.zone)
        parts = view.readings.parts(team.id, period, now=view.moment.now, org=Org.AS_WAS)
        return await self._answer(_Asked(view, view.kpi(kpi_id, period), period, parts), team, part)

    async def _answer(self, asked: _Asked, team: Team | None, part: Slice) -> Receipts:
        reading, held, consistent = await self._read(asked, team)
        found = [*_present(asked, held), *await self._gone(asked, held)]
        found.sort(key=lambda each: each.place)
        shown, following = cut(found, part, lambda each: each.place)
        shown = await self._documented(asked, shown)
        counted = sum(each.counts for each in found)
        return Receipts(
            as_of=asked.view.as_of,
            watermark=asked.view.pipeline.watermark,
            reading=reading,
            consistent=consistent,
            counted=[each for each in shown if each.counts],
            not_counted=[each for each in shown if not each.counts],
            counted_in_all=counted,
            not_counted_in_all=len(found) - counted,
            following=following,
        )

    async def _read(self, asked: _Asked, team: Team | None) -> tuple[Reading, Mapping[str, HeldPages], bool]:
        """The reading and the pages, of one instant unless the numbers move faster than they can be read."""
        view = asked.view
        wanted = {part.rep.id: asked.pages(part.rep) for part in asked.parts}
        for _ in range(TRIES):
            held = await self._pages.held(view.tenant.id, wanted)
            if team is None:
                (reading,) = await self._queries.reps_readings(view, [asked.parts[0].rep], [asked.kpi], asked.period)
            else:
                (reading,) = await self._queries.team_readings(view, team, [asked.kpi], asked.period, org=Org.AS_WAS)
            versions = [each.version for each in held.values()]
            if None not in versions and sum(version or 0 for version in versions) == reading.version:
                return reading, held, True
        return reading, held, False

    async def _gone(self, asked: _Asked, held: Mapping[str, HeldPages]) -> list[Documented]:
        """Facts that the pages of the period held once."""
        tenant = asked.view.tenant
        places = [(part, *place) for part in asked.parts for place in _withdrawn(asked, held[part.rep.id])]
        records = await self._records.of([name.record_key(tenant.id) for _, _, name in places])
        found = []
        for part, page, name in places:
            gone = withdrawal(tenant, part.rep.id, name, page, records.get(name.record_key(tenant.id)))
            start, end = asked.period.bounds(part.rep.zone)
            if start <= gone.shown_at < end and part.includes(local_day(gone.shown_at, part.rep.zone)):
                kinds = (base.id for base in asked.bases if name.kind in base.facts)
                found += [Documented(rep=part.rep.id, kpi=kpi, of=gone) for kpi in kinds]
        return found

    async def _documented(self, asked: _Asked, shown: Sequence[Documented]) -> list[Documented]:
        tenant = asked.view.tenant
        keys = [each.name.record_key(tenant.id) for each in shown]
        records = await self._records.of(keys)
        return [_with_events(each, records.get(key), asked) for each, key in zip(shown, keys, strict=True)]


def _with_events(each: Documented, record: Record | None, asked: _Asked) -> Documented:
    of = each.of
    url = of.fact.url if isinstance(of, Receipt) else None
    events: Sequence[Evidence] = ()
    missing: Sequence[str] = ()
    if record is not None:
        at = of.fact.at if isinstance(of, Receipt) else of.at
        url = url if record.url is None else record.url[2]
        events = evidence(record, each.name, at, asked.view.tenant.credit)
        missing = sorted(record.missing)
    return Documented(rep=each.rep, kpi=each.kpi, of=of, events=events, url=url, missing=missing)


def _present(asked: _Asked, held: Mapping[str, HeldPages]) -> Iterator[Documented]:
    """Facts that are there now, whether they count or not."""
    for base in asked.bases:
        holdings = [
            Holding(part.rep.id, part.rep.zone, list(_facts(asked, base, part, held[part.rep.id])))
            for part in asked.parts
        ]
        in_force = base.has_begun(asked.period.first)
        for receipt in receipts(asked.view.tenant, base, holdings, in_force=in_force):
            yield Documented(rep=receipt.rep, kpi=receipt.kpi, of=receipt)


def _facts(asked: _Asked, base: Kpi, part: Part, held: HeldPages) -> Iterator[Fact]:
    zone, now = part.rep.zone, asked.view.moment.now
    start, end = asked.period.bounds(zone)
    today = local_day(now, zone)
    is_now = asked.period.has_stock(now, zone) and part.includes(today)
    for entry in chain.from_iterable(entries.values() for entries in held.pages.values()):
        fact = entry.fact
        if fact is None or not counted_in(base, fact, start, end, is_now=is_now):
            continue
        if fact.is_state or base.aggregate is Aggregate.LATEST or part.includes(local_day(fact.at, zone)):
            yield fact


def _withdrawn(asked: _Asked, held: HeldPages) -> Iterator[tuple[str, FactName]]:
    """States are left out: every deal that was ever closed has ended one."""
    kinds = {kind for base in asked.bases for kind in base.facts}
    for page, entries in held.pages.items():
        if page == STATE_PAGE:
            continue
        for fact_id, entry in entries.items():
            if entry.fact is None and (name := FactName.parse(fact_id)).kind in kinds:
                yield page, name
