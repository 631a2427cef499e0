"""What an ingest process tells of a source and an hour."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from shared.domain.instants import Micros


class SourceHour(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Counts of the whole hour so far, so that repeats do no harm; a sum adds up the last of each process.

    Deliveries are requests, events their elements. ``hour``: since 1970, UTC. ``refused``: deliveries by reason.
    ``skew_us``: how far the sender's clock is behind ours by its latest signatures, None where it signs no time.
    """

    tenant: str
    source: str
    process: str
    hour: int
    at: Micros
    deliveries: int = 0
    accepted: int = 0
    quarantined: int = 0
    ignored: int = 0
    refused: Mapping[str, int] = {}
    last_delivery_at: Micros | None = None
    skew_us: Micros | None = None
