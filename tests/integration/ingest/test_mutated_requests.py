"""A process that gets nothing but mutated requests of every provider: it answers, stays small and tells no secret."""

from __future__ import annotations

from pathlib import Path

from tests.fuzz.live import Target, run
from tests.support.processes import Processes

SECONDS = 10.0


def test_a_process_outlives_whatever_it_is_sent(
    processes: Processes, tmp_path: Path, embedded_kafka: str, free_port: int
) -> None:
    target = Target(processes, tmp_path, embedded_kafka, free_port)
    try:
        statuses = run(target, seconds=SECONDS, seed=4711)
    finally:
        target.close()
    for provider, counted in statuses.items():
        assert counted.get(200, 0) + counted.get(202, 0) > sum(counted.values()) / 10, (provider, counted)
