"""Which attribution rules a ledger partition's facts may have been published under, newest apart.

A rule is written down before anything is published under it. So whatever a worker left behind when it died, and
whatever one that lost the partition still says, is at a location that one of the rules written down leads to.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

import msgspec
from msgspec import Struct

from services.aggregator.domain.attribution import AttributionRule

MOST_IN_A_CHUNK = 20_000
"""No worker publishes further beyond the stored position than one chunk."""
Rules: TypeAlias = Mapping[str, AttributionRule]
"""Rules by tenant."""


class Succession(Struct, array_like=True, frozen=True):
    """``rules`` are in force since position ``begun``; ``elders`` were before.

    ``generation``: the greatest so far. ``is_through``: every record has been attributed by the rules in force.
    """

    rules: dict[str, AttributionRule]
    generation: int
    begun: int
    is_through: bool = True
    elders: list[dict[str, AttributionRule]] = []

    def followed_by(self, rules: Rules, *, generation: int, position: int) -> Succession:
        """With these rules in force from a position on; itself if they are. A tenant not configured keeps its rule."""
        merged = {**self.rules, **rules}
        if merged == self.rules:
            return self
        elders = [elder for elder in (*self.elders_at(position), self.rules) if elder != merged]
        return Succession(merged, max(generation, self.generation), position, is_through=False, elders=elders)

    def elders_at(self, position: int) -> list[dict[str, AttributionRule]]:
        """The elders whose facts may still turn up: until all are moved, and within a dead worker's last chunk."""
        is_over = self.is_through and position >= self.begun + 2 * MOST_IN_A_CHUNK
        return [] if is_over else self.elders

    def elders_of(self, tenant_id: str) -> list[AttributionRule]:
        """A tenant's rules among the elders, without the one in force and without repeats."""
        found: list[AttributionRule] = []
        for elder in self.elders:
            rule = elder.get(tenant_id)
            if rule is not None and rule != self.rules[tenant_id] and rule not in found:
                found.append(rule)
        return found

    def through(self) -> Succession:
        """Every record is attributed by the rules in force."""
        return msgspec.structs.replace(self, is_through=True)


encode_succession = msgspec.msgpack.Encoder().encode
decode_succession = msgspec.msgpack.Decoder(Succession).decode
