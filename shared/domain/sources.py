"""Where changes come from: one configured sender of webhooks, secrets resolved."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from shared.domain.instants import Micros

OptionValue = str | int | bool | tuple[str, ...]


class Limits(Struct, frozen=True):
    """What one source may send. ``max_body`` in bytes; ``max_batch`` elements of a delivery; ``max_depth`` levels of
    nesting in one element; ``max_concurrent`` authenticated deliveries that are not answered yet.
    """

    requests_per_second: float = 200
    burst: int = 400
    max_body: int = 1_048_576
    max_batch: int = 1000
    max_depth: int = 32
    max_concurrent: int = 128


class Enrich(Struct, frozen=True):
    """How to ask a CRM's API for what it did not send along. The token is never shown."""

    token: str
    base_url: str
    requests_per_second: float = 5.0

    def __repr__(self) -> str:
        return f"Enrich(base_url={self.base_url!r})"


class Source(Struct, frozen=True, kw_only=True):
    """A sender. ``secrets`` are the resolved texts, any of which may match; they are never shown.

    ``public_url`` is what the sender signed. ``owners`` of the tenant and ``reps`` serve the native source, whose
    ``rep`` is a rep's id or an identity. ``spool``: what Kafka cannot take is stored locally and answered as usual
    (ADR 0028); ``enrich``: how its API is asked (ADR 0029).
    ``options`` are those of contract section 2, ``tolerance`` in microseconds.
    """

    id: str
    tenant: str
    provider: str
    secrets: tuple[str, ...]
    public_url: str = ""
    won_stages: frozenset[str] = frozenset()
    lost_stages: frozenset[str] = frozenset()
    limits: Limits = Limits()
    expect_every_us: Micros | None = None
    spool: bool = False
    enrich: Enrich | None = None
    options: Mapping[str, OptionValue] = {}

    def __repr__(self) -> str:
        return f"Source({self.id!r}, provider={self.provider!r})"
