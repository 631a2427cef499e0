"""A source's allowance."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from services.ingest.domain.token_bucket import TokenBucket
from shared.domain.instants import SECOND_US


def test_a_burst_passes_at_once() -> None:
    bucket = TokenBucket(rate=1, burst=3, now=0)
    assert [bucket.take(0) for _ in range(4)] == [0, 0, 0, 1]


def test_it_never_holds_more_than_the_burst() -> None:
    bucket = TokenBucket(rate=100, burst=2, now=0)
    assert [bucket.take(3600 * SECOND_US) for _ in range(3)] == [0, 0, 1]


def test_the_wait_is_until_the_next_token() -> None:
    bucket = TokenBucket(rate=0.1, burst=1, now=0)
    bucket.take(0)
    assert bucket.take(4 * SECOND_US) == 6


def test_a_clock_set_back_does_not_lock_the_sender_out() -> None:
    bucket = TokenBucket(rate=1, burst=1, now=3600 * SECOND_US)
    bucket.take(3600 * SECOND_US)
    bucket.take(0)
    assert bucket.take(SECOND_US) == 0


@given(st.lists(st.integers(0, 5 * SECOND_US), max_size=60), st.integers(1, 5), st.integers(1, 10))
def test_no_more_pass_than_burst_and_rate_allow(gaps: list[int], burst: int, rate: int) -> None:
    bucket = TokenBucket(rate=rate, burst=burst, now=0)
    now = passed = 0
    for gap in gaps:
        now += gap
        passed += bucket.take(now) == 0
    assert passed <= burst + rate * now / SECOND_US + 1e-6
