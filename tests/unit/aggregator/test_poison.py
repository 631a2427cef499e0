"""The limit on poison: what is counted, what is not, and that nothing gets round it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.aggregator.domain.poison import (
    REMEMBERED_MESSAGES,
    PoisonLimit,
    PoisonTally,
    Weighed,
    decode_tally,
    encode_tally,
    weigh,
)
from services.aggregator.poison import PoisonKeeper, TallyContended
from services.aggregator.ports import Chunk, Poison, PoisonReason, TooMuchPoison
from tests.support.aggregator_fakes import InMemoryTallies, ListQuarantine

TOPIC = "crm.events"


class Worker:
    """A worker that meets chunks; ``restarted`` is its successor on the same store."""

    def __init__(self, limit: PoisonLimit, tallies: InMemoryTallies | None = None) -> None:
        self.limit = limit
        self.tallies = tallies or InMemoryTallies()
        self.sink = ListQuarantine()
        self.keeper = PoisonKeeper(TOPIC, self.sink, self.tallies, limit)

    def restarted(self) -> Worker:
        return Worker(self.limit, self.tallies)

    async def meet(
        self, start: int, size: int, poison: int, *, partition: int = 0, reason: str = "undecodable"
    ) -> None:
        chunk = Chunk(partition, start, [b"x"] * size)
        found = [Poison(start + n, PoisonReason(reason), "no JSON", b"x") for n in range(poison)]
        await self.keeper.keep(chunk, found)


async def test_a_few_are_kept_and_the_worker_goes_on() -> None:
    worker = Worker(PoisonLimit(at_least=3))
    await worker.meet(0, 10, 3)
    assert len(worker.sink.kept) == 3


async def test_one_more_stops_it_and_none_of_the_chunk_is_kept() -> None:
    worker = Worker(PoisonLimit(at_least=3))
    with pytest.raises(TooMuchPoison, match=r"4 of 10 messages of crm\.events, partition 0, from offset 7"):
        await worker.meet(7, 10, 4)
    assert not worker.sink.kept


async def test_a_restart_does_not_begin_to_count_anew() -> None:
    worker = Worker(PoisonLimit(at_least=5))
    await worker.meet(0, 10, 4)
    for _ in range(3):
        worker = worker.restarted()
        with pytest.raises(TooMuchPoison):
            await worker.meet(10, 10, 2)
    await worker.restarted().meet(10, 10, 1)


async def test_a_partition_that_moves_takes_its_poison_along() -> None:
    tallies = InMemoryTallies()
    first, second = Worker(PoisonLimit(at_least=5), tallies), Worker(PoisonLimit(at_least=5), tallies)
    await first.meet(0, 10, 4)
    with pytest.raises(TooMuchPoison):
        await second.meet(0, 10, 2, partition=1)


async def test_a_chunk_that_is_tried_again_counts_once() -> None:
    worker = Worker(PoisonLimit(at_least=5))
    for _ in range(10):
        await worker.meet(0, 10, 4)
    await worker.meet(4, 10, 0)
    await worker.meet(2, 20, 2)
    with pytest.raises(TooMuchPoison):
        await worker.meet(22, 10, 2)


async def test_good_messages_that_are_tried_again_excuse_nothing() -> None:
    worker = Worker(PoisonLimit(share=0.5, at_least=0))
    for _ in range(50):
        await worker.meet(0, 10, 0)
    with pytest.raises(TooMuchPoison):
        await worker.meet(10, 16, 16)


async def test_an_event_of_an_unknown_tenant_is_kept_and_is_no_sign() -> None:
    worker = Worker(PoisonLimit(at_least=0))
    await worker.meet(0, 10, 10, reason="unknown_tenant")
    assert len(worker.sink.kept) == 10


async def test_a_share_of_many_messages_is_tolerated() -> None:
    worker = Worker(PoisonLimit(share=0.1, at_least=1))
    await worker.meet(0, 1000, 0)
    await worker.meet(1000, 1000, 100)
    assert len(worker.sink.kept) == 100


async def test_who_tallies_at_the_same_time_looks_again() -> None:
    class Taken(InMemoryTallies):
        async def replace(self, topic: str, known: bytes, packed: bytes) -> bool:  # noqa: ARG002
            return False

    worker = Worker(PoisonLimit(), Taken())
    with pytest.raises(TallyContended):
        await worker.meet(0, 10, 1)
    assert not worker.sink.kept


async def test_topics_have_tallies_of_their_own() -> None:
    worker = Worker(PoisonLimit(at_least=3))
    await worker.meet(0, 10, 3)
    other = PoisonKeeper("kpi.facts", worker.sink, worker.tallies, worker.limit)
    await other.keep(Chunk(0, 0, [b"x"]), [Poison(0, PoisonReason.UNDECODABLE, "", b"x")])
    assert len(worker.sink.kept) == 4


def test_last_weeks_good_ones_do_not_excuse_todays_bad_release() -> None:
    long = weigh(PoisonTally(), Weighed(0, 0, 1, [0], 10**9))
    assert long.seen <= REMEMBERED_MESSAGES + 1
    assert weigh(long, Weighed(0, 1, 2001, range(1, 2001))).exceeds(PoisonLimit())


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(1, 20)), max_size=20))
def test_however_the_log_is_cut_and_repeated_each_message_counts_once(cuts: list[tuple[int, int]]) -> None:
    tally, reached = PoisonTally(), 0
    for start, length in cuts:
        first = min(start, reached)  # a redelivery begins at or before what was counted
        tally = weigh(tally, Weighed(3, first, first + length, range(first, first + length)))
        reached = max(reached, first + length)
    assert (tally.seen, tally.poisoned) == (reached, reached)


def test_a_tally_comes_back_as_it_was() -> None:
    tally = weigh(PoisonTally(), Weighed(7, 1 << 45, (1 << 45) + 9, [1 << 45]))
    assert decode_tally(encode_tally(tally)) == tally
