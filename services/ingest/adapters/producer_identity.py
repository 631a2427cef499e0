"""Whether an idempotent producer has the id without which it stores nothing.

A fresh Kafka answers, and has topics, seconds before it hands out ids ("coordinator load in progress"). librdkafka
waits and says so nowhere but in its statistics.
"""

from __future__ import annotations

import msgspec
from msgspec import Struct

_ASSIGNED = "Assigned"


class _Idempotence(Struct, frozen=True):
    idemp_state: str = ""


class _Statistics(Struct, frozen=True):
    eos: _Idempotence = _Idempotence()


_decode = msgspec.json.Decoder(_Statistics).decode


class ProducerIdentity:
    """Knows what the producer last told of itself; ``told`` is its statistics callback."""

    def __init__(self) -> None:
        self.assigned = False

    def told(self, statistics: str) -> None:
        """``statistics``: librdkafka's JSON."""
        self.assigned = _decode(statistics).eos.idemp_state == _ASSIGNED
