"""What the api needs from the outside, in its own words."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Protocol

from msgspec import Struct

from services.api.domain.pipeline import Parked, PipelineState
from services.api.domain.source_rhythm import HourlyCounts
from shared.configuration.deployment import Deployment
from shared.contracts.messages import Quarantined
from shared.contracts.quarantine import RetryAsked
from shared.domain.cells import CellQuery, SubjectCells
from shared.domain.episodes import Episode
from shared.domain.facts import PageEntry
from shared.domain.instants import Micros
from shared.domain.quarantine import Entry, Place, QuarantineIndex
from shared.domain.readings import Readings
from shared.domain.records import Record
from shared.domain.restatements import Restatement
from shared.domain.source_hours import SourceHour
from shared.domain.tenant import Tenant
from shared.errors import TransientError


class Scoreboard(Protocol):
    """The cells that numbers are read from."""

    async def read(self, tenant: str, wanted: Mapping[str, CellQuery]) -> dict[str, SubjectCells]:
        """Cells by rep id, in one round trip. Raises: TransientError."""
        ...


class HeldPages(Struct, frozen=True):
    """What a rep's pages hold: entries by fact id, withdrawals included, by page.

    ``version``: of her numbers at that instant; None if they changed while the pages were read.
    """

    version: int | None
    pages: Mapping[str, Mapping[str, PageEntry]]


class Pages(Protocol):
    """The facts behind the numbers."""

    async def held(self, tenant: str, wanted: Mapping[str, Sequence[str] | None]) -> dict[str, HeldPages]:
        """The named pages of each rep, None for all that she has. Raises: TransientError.

        One round trip, two where all are asked for.
        """
        ...

    async def entries(self, tenant: str, rep: str, pages: Iterable[str]) -> list[PageEntry]:
        """What the pages hold, withdrawals included, in one round trip. Raises: TransientError."""
        ...


class Records(Protocol):
    """What the ledger knows of CRM records."""

    async def of(self, record_keys: Iterable[str]) -> Mapping[str, Record]:
        """Records by key, in one round trip; who is no longer kept is missing. Raises: TransientError."""
        ...


class Restatements(Protocol):
    """What became of closed periods."""

    async def of(self, tenant: str, reps: Sequence[str], most: int) -> list[Restatement]:
        """The last ones of each rep, in one round trip. Raises: TransientError."""
        ...


class Pipeline(Protocol):
    """How far the aggregator has come."""

    async def state(self) -> PipelineState:
        """At most a second old, so that whoever reads numbers after it may trust its watermark.

        Raises: TransientError.
        """
        ...

    async def parked(self) -> Parked:
        """Facts that wait for an identity or a rate. Raises: TransientError."""
        ...


class Arrivals(Protocol):
    """What sources sent, hour by hour."""

    async def of(self, days: Collection[int]) -> Mapping[tuple[str, str], HourlyCounts]:
        """Counts by (tenant, source) in the hours of some UTC days, counted since 1970. Raises: TransientError."""
        ...


class Reported(Protocol):
    """What the ingest services tell of their sources."""

    def of(self, tenant: str, source: str) -> Sequence[SourceHour]:
        """What was told of the last 24 hours, the latest of each process and hour."""
        ...


class LogEnds(Protocol):
    """Where the log ends."""

    async def of(self, topic: str) -> Mapping[int, int] | None:
        """The next offset of each partition; None where the log does not answer at once."""
        ...


class Episodes(Protocol):
    """The alerts' episodes. Every method raises TransientError."""

    async def episodes(self, tenant: str, since: Micros) -> list[Episode]:
        """All that are open and all that changed at or after ``since``, the last changed first."""
        ...

    async def episode(self, tenant: str, episode_id: str) -> Episode | None:
        """One by its id."""
        ...


class EpisodeChanges(Protocol):
    """What people do about alerts."""

    async def acted(self, episode: Episode, *, prior: Episode, now: Micros) -> bool:
        """Stores the change; False when somebody else was first. Raises: TransientError."""
        ...


class QuarantineLoading(TransientError):
    """The topic has not been read to its end since the start."""

    reason = "quarantine_loading"


class Quarantine(Protocol):
    """What waits in quarantine."""

    @property
    def index(self) -> QuarantineIndex:
        """All entries, less than a second behind the topic. Raises: QuarantineLoading."""
        ...

    async def body(self, place: Place) -> Quarantined | None:
        """An entry whole; None where the topic no longer holds it. Raises: TransientError."""
        ...

    async def ask(self, asked: Sequence[RetryAsked]) -> None:
        """Has entries tried again, some time soon; returns when that is certain. Raises: TransientError."""
        ...

    async def resolved(self, entry_id: str, retry: str) -> Entry | None:
        """The entry after that retry; None where it takes longer than a person waits."""
        ...


class Configured(Protocol):
    """The configuration in force; it changes under a running service."""

    @property
    def deployment(self) -> Deployment:
        """Everything that is configured."""
        ...

    @property
    def version(self) -> str:
        """Changes with every edit that came into force."""
        ...

    @property
    def problem(self) -> str | None:
        """Why the files on disk are not in force; None while they are."""
        ...

    def readings(self, tenant: Tenant) -> Readings:
        """The tenant's readings, compiled once a configuration."""
        ...
