"""How fetched records become chunks: partitions take turns, the later stage goes first, holes are cut at. No I/O."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import zip_longest
from typing import Any

from faust.types import TP


def take_turns(records: Mapping[TP, Sequence[Any]], limits: Mapping[str, int]) -> Iterable[tuple[TP, Sequence[Any]]]:
    """Cuts each partition's records to chunks and deals them out in turn; the last topic of ``limits`` goes first."""
    order = list(limits)
    ranked = sorted(records, key=lambda tp: (-order.index(tp.topic), tp.partition))
    cuts = [
        [(tp, records[tp][i : i + limits[tp.topic]]) for i in range(0, len(records[tp]), limits[tp.topic])]
        for tp in ranked
    ]
    for turn in zip_longest(*cuts):
        yield from (chunk for chunk in turn if chunk is not None)


def names(partitions: Iterable[TP]) -> str:
    """Readable, in order."""
    return " ".join(sorted(f"{tp.topic}-{tp.partition}" for tp in partitions))


def consecutive(part: Sequence[Any]) -> Iterator[Sequence[Any]]:
    """The runs of records without a gap between their offsets; nearly always the one part itself, empty or not."""
    if not part or part[-1].offset - part[0].offset + 1 == len(part):
        yield part
        return
    start = 0
    for index in range(1, len(part) + 1):
        if index == len(part) or part[index].offset != part[index - 1].offset + 1:
            yield part[start:index]
            start = index


def first_hole(position: int, part: Sequence[Any]) -> int | None:
    """The first offset from ``position`` on that has no record though the log goes on; None: there is none.

    part: records in the order of their offsets, or none where the log goes on without one.
    """
    if not part or part[0].offset != position:
        return position
    first = next(consecutive(part))
    return None if len(first) == len(part) else int(first[-1].offset) + 1


class Holes:
    """Offsets without a record: markers of transactions, what compaction took; or records that we lost on the way.

    A hole is believed once it is found again after a seek to the stored position, which tells what was lost from what
    was never there; from then on also without one, where both of its sides came in one fetch.
    """

    def __init__(self) -> None:
        self._found_at: dict[TP, int] = {}
        self._known: set[TP] = set()

    def follows(self, tp: TP, position: int | None, part: Sequence[Any]) -> bool:
        """Whether a part is what comes next at a position; if not, the partition has to be sought again."""
        if position is None or (part and part[0].offset < position):
            return False
        hole = first_hole(position, part)
        if hole is None or (hole > position and tp in self._known):
            return True
        if self._found_at.pop(tp, None) == hole:
            self._known.add(tp)
            return True
        self._found_at[tp] = hole
        return False
