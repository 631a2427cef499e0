"""A part that ends is brought back a step a tick, and nobody waits for it."""

from __future__ import annotations

import io
from dataclasses import dataclass, field

import pytest
from rich.console import Console

from cli.up.kept_part import PART_READY_SECONDS, KeptPart, PartState
from cli.up.report import Report


@dataclass
class FakePart:
    name: str = "Kafka"
    address: str = "127.0.0.1:9092"
    log_identity: str | None = None
    running: bool = True
    exit_code: int | None = None
    answers: bool = True
    starts: list[str] = field(default_factory=list)

    def launch(self) -> None:
        self.running, self.exit_code = True, None
        self.starts.append("launched")

    def ready(self) -> bool:
        return self.answers

    def stop(self, within_seconds: float) -> bool:
        raise AssertionError(f"it was stopped within {within_seconds}, which nobody asked for")

    def kill(self) -> None:
        self.end(-9)

    def end(self, code: int) -> None:
        self.running, self.exit_code = False, code

    def last_words(self) -> str:
        return "no space left"


@pytest.fixture
def part() -> FakePart:
    return FakePart()


@pytest.fixture
def written() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def kept(part: FakePart, written: io.StringIO) -> KeptPart:
    return KeptPart(part, Report(Console(file=written, highlight=False, soft_wrap=True)), 0.0)


async def test_who_runs_is_left_alone(kept: KeptPart, part: FakePart) -> None:
    assert (await kept.keep(1.0), kept.state, part.starts) == (False, PartState.READY, [])


async def test_who_ended_waits_starts_and_is_back_once(kept: KeptPart, part: FakePart) -> None:
    part.end(1)
    steps = [(await kept.keep(now), kept.state) for now in (20.0, 20.4, 20.5, 20.6, 20.7)]
    assert steps == [
        (False, PartState.WAITING),
        (False, PartState.WAITING),
        (False, PartState.STARTING),
        (True, PartState.READY),
        (False, PartState.READY),
    ]
    assert part.starts == ["launched"]


async def test_while_it_does_not_answer_it_is_not_back(kept: KeptPart, part: FakePart) -> None:
    part.end(1)
    part.answers = False
    assert not any([await kept.keep(now) for now in (20.0, 20.5, 21.0, 30.0)])
    assert kept.state is PartState.STARTING


async def test_who_never_answers_is_killed_and_tried_again_later(
    kept: KeptPart, part: FakePart, written: io.StringIO
) -> None:
    part.end(1)
    part.answers = False
    for now in (20.0, 20.5, 20.6 + PART_READY_SECONDS, 20.7 + PART_READY_SECONDS):
        await kept.keep(now)
    assert (kept.state, part.running) == (PartState.WAITING, False)
    assert "did not start" in written.getvalue() and "no space left" in written.getvalue()


async def test_who_is_killed_again_and_again_comes_back_as_soon_as_the_first_time(
    kept: KeptPart, part: FakePart
) -> None:
    for now in (5.0, 10.0, 15.0, 20.0):
        part.end(-9)
        await kept.keep(now)
        await kept.keep(now + 0.5)
        assert await kept.keep(now + 0.6)


async def test_who_crashes_again_and_again_is_tried_less_often(kept: KeptPart, part: FakePart) -> None:
    part.end(1)
    await kept.keep(1.0)
    await kept.keep(1.5)
    part.end(1)
    await kept.keep(2.0)
    await kept.keep(2.9)
    assert kept.state is PartState.WAITING
