"""When the watchdog ends the process and, as important, when it does not."""

from __future__ import annotations

from typing import Any

import pytest

from services.aggregator.adapters.watchdog import (
    LOOP_SECONDS,
    REBALANCE_SECONDS,
    STALL_SECONDS,
    START_SECONDS,
    Watchdog,
)


class Worker:
    """A healthy worker; the test breaks it."""

    def __init__(self) -> None:
        self.beat: float | None = 0.0
        self.is_stopping = False
        self.is_rebalancing = False
        self.shown: dict[str, Any] = {}

    def stopping(self) -> bool:
        return self.is_stopping

    def rebalancing(self) -> bool:
        return self.is_rebalancing

    def signs(self) -> dict[str, Any]:
        return self.shown


class Scene:
    """Turns the watchdog's clock second by second."""

    def __init__(self) -> None:
        self.worker = Worker()
        self.now = 100.0
        self.reachable = True
        self.ends: list[str] = []
        self.beating = True
        self.watchdog = Watchdog(
            self.worker, reachable=lambda: self.reachable, end=self.ends.append, monotonic=lambda: self.now
        )

    def live(self, seconds: float) -> None:
        for _ in range(int(seconds)):
            self.now += 1
            if self.beating and self.worker.beat is not None:
                self.worker.beat = self.now
            self.watchdog.check()


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_a_healthy_worker_lives(scene: Scene) -> None:
    scene.live(1000)
    assert scene.ends == []


def test_a_silent_event_loop_ends_it(scene: Scene) -> None:
    scene.live(5)
    scene.beating = False
    scene.live(LOOP_SECONDS + 2)
    assert scene.ends[0] == "event loop silent"


def test_a_partition_that_stands_still_ends_it(scene: Scene) -> None:
    scene.worker.shown = {"no chunk applied crm.events-0": 17}
    scene.live(STALL_SECONDS + 2)
    assert scene.ends[0] == "no chunk applied crm.events-0"


def test_progress_sets_the_clock_back(scene: Scene) -> None:
    for applied in range(5):
        scene.worker.shown = {"no chunk applied crm.events-0": applied}
        scene.live(STALL_SECONDS - 1)
    assert scene.ends == []


def test_a_partition_that_comes_back_has_a_new_clock(scene: Scene) -> None:
    for stamp in range(5):
        scene.worker.shown = {f"no chunk applied crm.events-0 {stamp}": 17}
        scene.live(STALL_SECONDS - 1)
    assert scene.ends == []


def test_an_outage_of_kafka_or_redis_ends_nothing(scene: Scene) -> None:
    scene.reachable = False
    scene.worker.shown = {"no fetch response crm.events-0": 17}
    scene.live(10 * STALL_SECONDS)
    assert scene.ends == []


def test_after_a_pause_of_the_process_old_clocks_say_nothing(scene: Scene) -> None:
    scene.worker.shown = {"no chunk applied crm.events-0": 17}
    scene.live(STALL_SECONDS - 1)
    scene.now += 3600
    scene.live(STALL_SECONDS - 1)
    assert scene.ends == []


def test_a_rebalance_without_end_ends_it(scene: Scene) -> None:
    scene.worker.is_rebalancing = True
    scene.live(REBALANCE_SECONDS + 2)
    assert scene.ends[0] == "rebalance hangs"


def test_a_start_without_end_ends_it(scene: Scene) -> None:
    scene.worker.beat = None
    scene.live(START_SECONDS + 1)
    assert scene.ends[0] == "start hangs"


def test_a_shutdown_without_end_ends_it_even_while_kafka_is_away(scene: Scene) -> None:
    scene.reachable = False
    scene.worker.is_stopping = True
    scene.live(25)
    assert scene.ends[0] == "shutdown hangs"
