"""How far the data have come, and whether they can be trusted. Contract 5 and 6."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct
from msgspec.structs import replace

from shared.domain.instants import Micros
from shared.domain.silence import is_out
from shared.domain.tenant import SourceRhythm, Tenant


class PartitionState(Struct, frozen=True, kw_only=True):
    """One partition of a stage: everything received up to ``mark`` is applied.

    ``lag``: messages that the log holds beyond what is applied, None where the log could not be asked.
    """

    stage: str
    partition: int
    mark: Micros | None
    lag: int | None = None


class Following(Struct, frozen=True, kw_only=True):
    """How far the aggregator has followed the configuration ``version``, None before it has any.

    ``partitions`` are those that have work left, or have not looked; records and reps are what is known to be left.
    """

    version: str | None = None
    partitions: int = 0
    records: int = 0
    reps: int = 0


class PipelineState(Struct, frozen=True, kw_only=True):
    """What the aggregator's stages say of themselves.

    ``last_received`` is by (tenant, source); ``asked_at`` lies before every position that was read. ``told`` is the
    watermark that was told before, of the same state: a host's clock that is set back takes nothing of it away.
    """

    partitions: tuple[PartitionState, ...] = ()
    last_received: Mapping[tuple[str, str], Micros] = {}

    asked_at: Micros | None = None
    following: Following = Following()
    told: Micros | None = None

    @property
    def watermark(self) -> Micros | None:
        """The instant up to which every source's events have been applied; None while that is not known.

        A partition that has nothing left to apply is as far as the instant at which the log was asked: a quiet
        one must not hold the others back. One that lags, or whose log is out of reach, is as far as its mark.
        """
        reached = [self.asked_at if partition.lag == 0 else partition.mark for partition in self.partitions]
        known = [instant for instant in reached if instant is not None]
        return max(min(known), self.told or 0) if known and len(known) == len(reached) else None

    def after(self, before: PipelineState | None) -> PipelineState:
        """This state with what was told before; nothing of it holds once a mark is lower, as the state went back."""
        if before is None or len(before.partitions) != len(self.partitions):
            return self
        pairs = zip(before.partitions, self.partitions, strict=True)
        went_back = any((now.mark or 0) < (then.mark or 0) for then, now in pairs)
        return self if went_back else replace(self, told=before.watermark)


class Parked(Struct, frozen=True, kw_only=True):
    """What waits for somebody. Facts by (tenant, source, owner) for a rep, by (tenant, currency) for a rate; records by
    (tenant, source, record type, field) for what the CRM has not told.
    """

    unmapped: Mapping[tuple[str, str, str], int] = {}
    unconverted: Mapping[tuple[str, str], int] = {}
    incomplete: Mapping[tuple[str, str, str, str], int] = {}


class SourceState(Struct, frozen=True, kw_only=True):
    """A source: when it last spoke, how often it is expected to, and whether it is out."""

    id: str
    provider: str
    last_event_at: Micros | None
    expect_every_us: Micros | None
    out: bool


def source_state(tenant: Tenant, source: SourceRhythm, last: Micros | None, *, now: Micros) -> SourceState:
    """What is known of a source at an instant."""
    out = is_out(source, last, tenant.calendar, now)
    return SourceState(
        id=source.id, provider=source.provider, last_event_at=last, expect_every_us=source.expect_every_us, out=out
    )


def source_states(tenant: Tenant, pipeline: PipelineState, now: Micros) -> list[SourceState]:
    """Every source of a tenant, in configured order."""
    return [
        source_state(tenant, source, pipeline.last_received.get((tenant.id, source.id)), now=now)
        for source in tenant.sources.values()
    ]


def is_measurable(tenant: Tenant, pipeline: PipelineState, now: Micros) -> bool:
    """False while a source is out: numbers may be short for want of data."""
    return not any(state.out for state in source_states(tenant, pipeline, now))
