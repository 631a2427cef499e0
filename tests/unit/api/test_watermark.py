"""The watermark that readers are told: it rises with what is applied, and goes back with nothing but the state."""

from __future__ import annotations

import pytest

from services.api.domain.pipeline import PartitionState, PipelineState

T0 = 1_795_426_200_000_000


def state(*marks: int, asked_at: int, lag: int = 0) -> PipelineState:
    partitions = tuple(
        PartitionState(stage="ledger", partition=number, mark=T0 + mark, lag=lag) for number, mark in enumerate(marks)
    )
    return PipelineState(partitions=partitions, asked_at=T0 + asked_at)


@pytest.mark.parametrize(
    ("states", "told"),
    [
        ([state(1, 2, asked_at=5)], 5),
        ([state(1, 2, asked_at=5, lag=1)], 1),
        ([state(1, 2, asked_at=5), state(1, 2, asked_at=6, lag=1)], 5),
        ([state(1, 2, asked_at=500), state(1, 2, asked_at=3)], 500),
        ([state(4, 4, asked_at=500), state(2, 4, asked_at=6, lag=9)], 2),
        ([state(4, 4, asked_at=9), state(5, 5, asked_at=12)], 12),
    ],
)
def test_it_never_goes_back_unless_the_state_did(states: list[PipelineState], told: int) -> None:
    last: PipelineState | None = None
    for found in states:
        last = found.after(last)
    assert last is not None
    assert last.watermark == T0 + told


def test_what_is_not_known_stays_unknown() -> None:
    before = state(1, asked_at=5)
    unknown = PipelineState(partitions=(PartitionState(stage="ledger", partition=0, mark=None, lag=None),))
    assert unknown.after(before).watermark is None
