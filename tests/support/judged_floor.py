"""The product's core, from a sender's JSON and a person's YAML to readings, next to what the judge says of them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any

import msgspec
import yaml

from services.ingest.domain.delivery import Accepted, Context, Outcome
from services.ingest.domain.strict_json import split
from services.ingest.providers.native import PROVIDER
from shared.configuration.loading import load_deployment
from shared.domain.changes import RecordChange
from shared.domain.instants import DAY_US, Micros, from_datetime
from shared.domain.periods import Period, PeriodKind, local_day
from shared.domain.reading import Moment, Reading
from shared.domain.readings import Org, Readings
from shared.domain.tenant import Tenant
from tests.support.aggregator_stages import InMemoryFloor
from tests.support.judge.readings import Judge

At = date | datetime
NUMBERS = ("value", "target", "target_assigned", "expected_to_date", "attainment", "pace", "required_rate")
WORDS = ("kpi", "unit", "status", "definition")


def written(configuration: dict[str, Any], directory: Path) -> Path:
    """The configuration as YAML files."""
    directory.mkdir(parents=True, exist_ok=True)
    for name, content in configuration.items():
        (directory / f"{name}.yaml").write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8")
    return directory


class JudgedFloor:
    """Both stages on fakes under one configuration; what is sent goes through the native receiver first."""

    def __init__(self, configuration: dict[str, Any], directory: Path) -> None:
        deployment = load_deployment(written(configuration, directory), {"TOKEN": "t0ken"})
        (self.tenant,) = deployment.tenants.values()
        self.configuration = configuration
        self.sources = deployment.sources
        self.floor = InMemoryFloor(self.tenant)
        self.readings = Readings(self.tenant)

    def translated(self, events: Sequence[dict[str, Any]], *, received_at: Micros) -> list[RecordChange]:
        """The changes that the receiver makes of native events."""
        changes = []
        for event in events:
            source = self.sources[event.get("source", "native")]
            body = as_sent(event).encode()
            context = Context(source, "d-1", received_at)
            outcomes: list[Outcome] = PROVIDER.translate(split(body, max_batch=1), context)
            for outcome in outcomes:
                assert isinstance(outcome, Accepted), (event, outcome)
                changes += outcome.changes
        return changes

    def take(self, events: Sequence[dict[str, Any]], sizes: Sequence[int] = ()) -> None:
        """Sends events and works them off in chunks of the given sizes."""
        changes = self.translated(events, received_at=from_datetime(datetime.fromisoformat("2026-11-25T00:00:00Z")))
        asyncio.run(self.floor.take(changes, sizes))

    def rep(self, rep_id: str, kind: str, at: At, now: datetime) -> list[Reading]:
        """Every KPI's reading of a rep."""
        rep = self.tenant.organisation.reps[rep_id]
        cells = self.floor.scoreboard_store.subject_cells(rep_id, self.tenant.id)
        period = self._period(kind, at, rep.zone)
        return self.readings.of_rep(
            rep, list(self.readings.definitions.on(period.first).values()), period, cells,
            moment=Moment(from_datetime(now)), history=cells,
        )  # fmt: skip

    def team(self, team_id: str, kind: str, at: At, now: datetime, org: str) -> list[Reading]:
        """Every KPI's reading of a team."""
        team = self.tenant.organisation.teams[team_id]
        store = self.floor.scoreboard_store
        cells = {rep: store.subject_cells(rep, self.tenant.id) for rep in self.tenant.organisation.reps}
        period = self._period(kind, at, team.zone)
        return self.readings.of_team(
            team, list(self.readings.definitions.on(period.first).values()), period, cells,
            moment=Moment(from_datetime(now)), org=Org(org), histories=cells,
        )  # fmt: skip

    def _period(self, kind: str, at: At, zone: str) -> Period:
        day = local_day(from_datetime(at), zone) if isinstance(at, datetime) else at
        return self.tenant.calendar.periods.containing(PeriodKind(kind), day)

    def shown(self) -> tuple[Any, ...]:
        """All that the stores hold for readers; revisions aside."""
        store, tenant = self.floor.scoreboard_store, self.tenant.id
        cells = {ref: cell for ref, cell in store.decoded_cells(tenant).items() if cell}
        return store.facts(tenant), cells, store.distinct_values(tenant), store.unmapped, store.unconverted

    def assert_cells_are_folds(self) -> None:
        """``counters == fold(pages)``."""
        cells, values = self.floor.folded()
        _, kept, kept_values, _, _ = self.shown()
        assert kept == cells
        assert kept_values == {ref: found for ref, found in values.items() if found}


def as_sent(event: dict[str, Any]) -> str:
    """The JSON of an event; a ``Raw`` number is sent digit for digit."""
    return json_text({name: value for name, value in event.items() if name != "source"})


def json_text(value: Any) -> str:
    if type(value).__name__ == "Raw":
        return str(value)
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(key)}:{json_text(item)}" for key, item in value.items()) + "}"
    return json.dumps(value, ensure_ascii=False)


def plain(reading: Reading) -> dict[str, Any]:
    """A reading as the judge writes it: what both can be compared by."""
    found: dict[str, Any] = {name: getattr(reading, name) for name in NUMBERS}
    found = {name: None if number is None else Fraction(number) for name, number in found.items()}
    found |= {name: str(getattr(reading, name)) for name in WORDS}
    bounds = {name: datetime.fromisoformat(getattr(reading.period, name)) for name in ("start", "end")}
    found["period"] = {"kind": reading.period.kind, "id": reading.period.id, **bounds}
    if reading.pinned is True:
        total = reading.members_target
        found |= {
            "pinned": True,
            "members_target": None if total is None or total is msgspec.UNSET else Fraction(total),
        }
    return found


def differences(floor: JudgedFloor, judge: Judge, kind: str, at: At) -> Iterator[str]:
    """Every reading of a period in which product and judge differ, in words."""
    for rep in judge.people.reps:
        for reading in floor.rep(rep, kind, at, judge.now):
            yield from unlike(f"{rep} {kind} {at}", plain(reading), judge.rep(rep, reading.kpi, kind, at))
    for team in judge.people.teams:
        for org in ("as_was", "as_is"):
            for reading in floor.team(team, kind, at, judge.now, org):
                wanted = judge.team(team, reading.kpi, kind, at, org)
                yield from unlike(f"{team} {org} {kind} {at}", plain(reading), wanted)


def unlike(what: str, found: dict[str, Any], wanted: dict[str, Any]) -> Iterator[str]:
    for name in wanted.keys() | found.keys():
        if found.get(name) != wanted.get(name):
            yield f"{what} {wanted['kpi']}.{name}: {found.get(name)}, not {wanted.get(name)}"


__all__ = ["DAY_US", "JudgedFloor", "Tenant", "as_sent", "differences", "timedelta"]
