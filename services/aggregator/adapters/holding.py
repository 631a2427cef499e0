"""Lets the ledgers stand still for a moment, while the later stage works off what they have published.

So a rebuild compares two states at the same place of the log, and no reading goes back when it switches. What was
fetched and not applied is dropped; the partitions are sought again afterwards.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from faust.types import TP

HELD_REASON = "held"


class Holding:
    """Which topics stand still."""

    def __init__(self, consumer: Any) -> None:  # noqa: ANN401 - the chunk consumer, which imports us
        self._consumer = consumer
        self._topics: frozenset[str] = frozenset()
        self._paused: set[TP] = set()

    def is_held(self, tp: TP) -> bool:
        """Whether nothing of the partition may be worked on now."""
        return tp.topic in self._topics

    def let(self, topics: Collection[str]) -> None:
        """These topics stand still from now on, others go on. Nothing is begun; what is at its commit still ends."""
        if self._topics == set(topics):
            return
        self._topics = frozenset(topics)
        self._consumer.drop({tp for tp in self._consumer.position_of if self.is_held(tp)}, HELD_REASON)
        released = {tp for tp in self._paused if not self.is_held(tp)}
        self._paused -= released
        if released:
            self._consumer.resume_partitions(released & self._consumer.assigned())

    def keep(self) -> None:
        """Asks for no records of held partitions; Faust forgets it when partitions move."""
        if self._topics:
            held = {tp for tp in self._consumer.applied if self.is_held(tp)}
            self._paused |= held
            self._consumer.pause_partitions(held)

    def refuses(self, tp: TP) -> bool:
        """Whether records that were fetched all the same have to be dropped; they are sought again later."""
        if self.is_held(tp):
            self._consumer.drop([tp], HELD_REASON)
            return True
        return False
