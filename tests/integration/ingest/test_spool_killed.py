"""Kill -9 before and in every step that the spool takes on its disk: what was confirmed is there, in order.

Each run is a process of its own that dies at its n-th call of the operating system, until one lives to the end.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from services.ingest.adapters import spool_storage
from services.ingest.adapters.spool_cipher import Keyring
from services.ingest.adapters.spool_storage import SpoolStorage
from services.ingest.domain.spooling import LogMessage, Spooled
from services.ingest.spool_metrics import SpoolMetrics
from tests.support.manual_clock import ManualClock

KEY = bytes(range(32))
STEPS = ("open", "write", "fsync", "fdatasync", "unlink", "rename", "truncate", "mkdir", "close")
MOST_STEPS = 200


class Dying:
    """Kills this process at the n-th step; a write is half done then."""

    def __init__(self, at: int) -> None:
        self._left = at
        self._write = os.write

    def patch(self) -> None:
        for name in STEPS:
            setattr(os, name, self._counted(name, getattr(os, name)))

    def _counted(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*given: Any, **named: Any) -> Any:
            self._left -= 1
            if self._left == 0:
                if name == "write":
                    self._write(given[0], bytes(given[1])[: len(given[1]) // 2])
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*given, **named)

        return call


def storage(directory: Path, *keys: bytes) -> SpoolStorage:
    return SpoolStorage(directory, Keyring(keys), ManualClock(), SpoolMetrics(CollectorRegistry()))


def delivery(number: int) -> Spooled:
    return Spooled("pipedrive", number, (LogMessage("crm.events", "k", b"v" * 100),))


def life(directory: Path, say: Callable[[str], int]) -> None:
    """Puts, drains and puts again, and says what is certain once it is: +n is confirmed, -n is on the log."""
    spool = storage(directory, KEY)
    spool.adopt()

    def put(*numbers: int) -> None:
        spool.append([delivery(number) for number in numbers])
        say("".join(f"+{number} " for number in numbers))

    put(1, 2)
    put(3)  # fills the first file
    put(4)
    for after in (5, 6):
        drained = spool.read_oldest() or []
        put(after)
        say("".join(f"-{one.received_at} " for one in drained))
        spool.remove_oldest()
    put(7)
    spool.close()


def run(directory: Path, *, dying_at: int) -> tuple[list[int], list[int], bool]:
    """What was confirmed, what was drained, and whether the process lived to its end."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        say = os.write
        Dying(dying_at).patch()
        try:
            life(directory, lambda text: say(writing, text.encode()))
        except BaseException:  # noqa: BLE001 - a fork of pytest must never return into it
            os._exit(9)
        os._exit(0)
    os.close(writing)
    _, status = os.waitpid(child, 0)
    with os.fdopen(reading) as pipe:
        said = pipe.read().split()
    assert status in (0, signal.SIGKILL), status
    confirmed, drained = ([int(word[1:]) for word in said if word[0] == sign] for sign in "+-")
    return confirmed, drained, status == 0


@pytest.mark.parametrize("first_life", [False, True])
def test_what_was_confirmed_outlasts_a_kill_at_any_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, first_life: bool
) -> None:
    monkeypatch.setattr(spool_storage, "SEGMENT_BYTES", 500)
    for step in range(1, MOST_STEPS):
        directory = tmp_path / str(step)
        if not first_life:  # another process has left something, which has to be moved over
            spool = storage(directory, KEY)
            spool.append([delivery(0)])
            spool.close()
            (directory / "0").rename(directory / "7")
        confirmed, drained, lived = run(directory, dying_at=step)
        successor = storage(directory, KEY)
        successor.adopt()
        found: list[int] = []
        while successor.held.parts:
            found += [one.received_at for one in successor.read_oldest() or ()]
            successor.remove_oldest()
        successor.close()
        wanted = [*([] if first_life else [0]), *confirmed]
        missing = [number for number in wanted if number not in found and number not in drained]
        assert (missing, found) == ([], sorted(set(found))), f"step {step}"
        if lived:
            assert step > 20
            return
    raise AssertionError(f"still killed after {MOST_STEPS} steps")
