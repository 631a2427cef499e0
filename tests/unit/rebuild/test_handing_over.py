"""Facts reach the scoreboards of a state that is made, however often they have to be handed over."""

from __future__ import annotations

import asyncio
from collections import defaultdict

import pytest

from cli.rebuild.handing_over import HandingOver
from cli.rebuild.refusals import TakenOver
from services.aggregator.ports import Chunk, Fenced, Handled, Settlement
from shared.errors import TransientError


class FencedTaker:
    """A scoreboard behind a fence. ``lost``: answers that do not arrive, though the chunk is applied."""

    def __init__(self) -> None:
        self.stored: dict[int, int] = defaultdict(int)
        self.applied: list[tuple[int, list[bytes]]] = []
        self.voided: list[int] = []
        self.lost = 0

    async def handle(self, chunk: Chunk) -> Handled:
        await asyncio.sleep(0)
        stored = self.stored[chunk.partition]
        if stored != chunk.start:
            return Handled(Fenced.DONE if stored >= chunk.next_offset else Fenced.BACK, len(chunk.values))
        self.stored[chunk.partition] = chunk.next_offset
        self.applied.append((chunk.partition, list(chunk.values)))
        if self.lost:
            self.lost -= 1
            raise TransientError("the answer is lost")
        return Handled(Fenced.APPLIED, len(chunk.values))

    async def settle(self, _: int) -> Settlement:
        return Settlement(0)

    def void(self, partition: int) -> None:
        self.voided.append(partition)


@pytest.fixture
def taker() -> FencedTaker:
    return FencedTaker()


@pytest.fixture
def handing(taker: FencedTaker) -> HandingOver:
    async def handed(partition: int) -> int | None:
        return taker.stored[partition]

    return HandingOver(taker, handed, partitions=2, state="r2")


async def test_what_is_published_is_applied_when_publish_returns(taker: FencedTaker, handing: HandingOver) -> None:
    await handing.publish({0: [b"a", b"b"], 1: [b"c"]})
    assert sorted(taker.applied) == [(0, [b"a", b"b"]), (1, [b"c"])]


async def test_what_ledgers_have_while_a_scoreboard_works_goes_as_one_chunk(
    taker: FencedTaker, handing: HandingOver
) -> None:
    await asyncio.gather(*(handing.publish({0: [bytes([number])]}) for number in range(5)))
    assert len(taker.applied) < 5 and sorted(b for _, values in taker.applied for b in values) == [
        bytes([number]) for number in range(5)
    ]


async def test_an_answer_that_is_lost_has_it_handed_over_again(taker: FencedTaker, handing: HandingOver) -> None:
    taker.lost = 1
    await handing.publish({0: [b"a"]})
    assert (taker.applied, taker.stored[0], taker.voided) == ([(0, [b"a"]), (0, [b"a"])], 2, [0])


async def test_it_goes_on_where_another_process_was_and_never_takes_its_word(
    taker: FencedTaker, handing: HandingOver
) -> None:
    await handing.publish({0: [b"a"]})
    taker.stored[0] = 7
    await handing.publish({0: [b"b"]})
    assert (taker.applied[-1], taker.stored[0]) == ((0, [b"b"]), 8)


async def test_nothing_is_handed_to_a_state_that_is_no_longer_made(taker: FencedTaker) -> None:
    async def handed(_: int) -> int | None:
        return None

    with pytest.raises(TakenOver):
        await HandingOver(taker, handed, partitions=1, state="r2").publish({0: [b"a"]})
    assert taker.applied == []
