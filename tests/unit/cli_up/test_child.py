"""One child process."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from cli.up.child import Child
from tests.support.eventually import eventually

STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"


def _python(code: str, log: Path) -> Child:
    return Child([sys.executable, "-c", code], log=log)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "logs" / "child.log"


async def test_its_output_is_in_the_log(log: Path) -> None:
    child = _python("print('one'); print('two')", log)
    child.start()
    await eventually(lambda: child.exit_code, equals=0)
    assert child.last_words(1) == "two"


def test_before_the_start_it_does_not_run(log: Path) -> None:
    child = _python("", log)
    assert (child.running, child.exit_code, child.pid, child.last_words()) == (False, None, None, "")


def test_to_stop_what_never_started_is_no_error(log: Path) -> None:
    assert _python("", log).stop(1)


def test_an_orderly_end_is_told_from_a_kill(log: Path) -> None:
    child = _python("import time; time.sleep(60)", log)
    child.start()
    assert child.stop(10)
    assert not child.running


async def test_what_does_not_end_is_killed(log: Path) -> None:
    child = _python(STUBBORN, log)
    child.start()
    await eventually(child.last_words, equals="up")
    assert not child.stop(0.1)
    assert child.exit_code == -9


def test_it_is_out_of_reach_of_the_terminal(log: Path) -> None:
    child = _python("import time; time.sleep(60)", log)
    child.start()
    try:
        assert os.getsid(child.pid or 0) != os.getsid(0)
    finally:
        child.kill()
