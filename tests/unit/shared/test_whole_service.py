"""What several processes say together: health, metrics, and when a dead one is started again."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Gauge
from prometheus_client.samples import Sample

from services.ingest.metrics import IngestMetrics
from shared.observability.health import DependencyState
from shared.observability.supervising import LONGEST_WAIT, STEADY_SECONDS, wait_before_restart
from shared.observability.whole_health import NEVER, merged, read_state, silent_for, state_file
from shared.observability.whole_metrics import EARLIEST, _one_a_series

UP = DependencyState(ready=True, state="1 broker(s)")
DOWN = DependencyState(ready=False, state="away")
ALL_THERE = DependencyState(ready=True, state="2 of 2")


@pytest.mark.parametrize(
    ("own", "other", "kafka"), [(UP, UP, UP), (DOWN, UP, DOWN), (UP, DOWN, DOWN), (DOWN, DOWN, DOWN)]
)
def test_a_dependency_is_ready_when_it_is_for_all(
    own: DependencyState, other: DependencyState, kafka: DependencyState
) -> None:
    assert merged({"kafka": own}, [{"kafka": other}]) == {"kafka": kafka, "processes": ALL_THERE}


def test_a_worker_that_is_not_there_makes_the_whole_unready() -> None:
    assert merged({"kafka": UP}, [None])["processes"] == DependencyState(ready=False, state="1 of 2")


def test_a_state_that_nobody_wrote_or_that_is_broken_is_none(tmp_path: Path) -> None:
    assert (read_state(tmp_path, 0), silent_for(tmp_path, 0)) == (None, NEVER)
    state_file(tmp_path, 0).write_text("{")
    assert read_state(tmp_path, 0) is None


def sample(value: float, pid: str | None) -> Sample:
    return Sample("oldest", {} if pid is None else {"pid": pid}, value)


@pytest.mark.parametrize(("values", "earliest"), [((0, 0), 0), ((0, 7), 7), ((7, 0), 7), ((9, 7), 7)])
def test_the_earliest_of_times_is_the_least_that_is_one(values: tuple[float, float], earliest: float) -> None:
    samples = [sample(value, str(index)) for index, value in enumerate(values)]
    assert list(_one_a_series(samples)) == [sample(earliest, None)]


def test_every_gauge_of_ingest_says_how_processes_add_up() -> None:
    registry = CollectorRegistry()
    IngestMetrics(registry)
    modes = {each._name: each._multiprocess_mode for each in registry._collector_to_names if isinstance(each, Gauge)}
    assert len(modes) >= 9
    # Said by nobody is the same as EARLIEST: give a new gauge a multiprocess_mode, or add a time of 0 for none here.
    unsaid = [name for name, mode in modes.items() if mode == EARLIEST]
    assert sorted(unsaid) == ["ingest_enrichment_oldest_timestamp_seconds", "ingest_spool_oldest_timestamp_seconds"]


def test_what_ran_steadily_is_started_again_at_once() -> None:
    assert wait_before_restart(LONGEST_WAIT, ran_seconds=STEADY_SECONDS) == 0


@given(st.lists(st.floats(0, STEADY_SECONDS, exclude_max=True), min_size=8, max_size=20))
def test_what_cannot_run_is_tried_less_and_less_often(runs: list[float]) -> None:
    waits = [0.0]
    for ran_seconds in runs:
        waits.append(wait_before_restart(waits[-1], ran_seconds=ran_seconds))
    assert waits == sorted(waits)
    assert waits[-1] == LONGEST_WAIT
