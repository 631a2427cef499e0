"""When marks are told: soon after the last of them, and not for ever later while they keep coming."""

from __future__ import annotations

import pytest

from services.aggregator.domain.stored import RepRef
from services.aggregator.restating import LONGEST_SECONDS, QUIET_SECONDS, Restating
from shared.domain.restatements import RepMarks
from tests.support.aggregator_fakes import FixedCatalogue
from tests.support.aggregator_tenant import counting_tenant

ANA = ("acme", "ana")


class Hand:
    """A clock's hand that the test moves."""

    at = 0.0


class AskedStore:
    """Has one rep with marks, and notes when it is asked for them."""

    def __init__(self, hand: Hand) -> None:
        self._hand = hand
        self.asked: list[float] = []

    async def marked(self, _: int, __: int) -> tuple[int, list[RepRef]]:
        return 1, [ANA]

    async def marks(self, _: int, __: RepRef) -> RepMarks | None:
        self.asked.append(self._hand.at)
        return None


@pytest.fixture
def hand() -> Hand:
    return Hand()


@pytest.fixture
def store(hand: Hand) -> AskedStore:
    return AskedStore(hand)


@pytest.fixture
async def restating(store: AskedStore, hand: Hand) -> Restating:
    made = Restating(store, FixedCatalogue(counting_tenant()), telling=print, monotonic=lambda: hand.at)  # type: ignore[arg-type]
    await made.advance(0)  # what a former owner left is looked for once
    store.asked.clear()
    return made


async def at(restating: Restating, hand: Hand, seconds: float) -> None:
    hand.at = seconds
    await restating.advance(0)


async def test_a_mark_is_told_when_it_has_been_quiet(restating: Restating, store: AskedStore, hand: Hand) -> None:
    restating.marked(0)
    await at(restating, hand, QUIET_SECONDS / 2)
    assert store.asked == []
    await at(restating, hand, QUIET_SECONDS)
    assert store.asked == [QUIET_SECONDS]


async def test_marks_that_keep_coming_are_told_in_the_end(restating: Restating, store: AskedStore, hand: Hand) -> None:
    while hand.at <= LONGEST_SECONDS:
        restating.marked(0)
        await at(restating, hand, hand.at + QUIET_SECONDS / 2)
    assert store.asked[0] == LONGEST_SECONDS


async def test_whoever_waits_longest_counts_anew_after_they_were_told(
    restating: Restating, store: AskedStore, hand: Hand
) -> None:
    restating.marked(0)
    await at(restating, hand, QUIET_SECONDS)
    restating.marked(0)
    await at(restating, hand, LONGEST_SECONDS - QUIET_SECONDS / 2)
    restating.marked(0)
    await at(restating, hand, LONGEST_SECONDS)
    assert len(store.asked) == 2
