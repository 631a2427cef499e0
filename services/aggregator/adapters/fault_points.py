"""Places at which a test may kill the worker: between the steps of a commit, where timing alone hardly hits.

Inert unless ``PACER_TEST_FAULT_POINTS`` names a directory; then the process that passes a point and finds a file of its
name there takes the file away and kills itself, as kill -9 would. One file, one death, however many workers pass.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from functools import wraps
from pathlib import Path
from typing import Any

ENVIRONMENT = "PACER_TEST_FAULT_POINTS"


def arm(environment: Mapping[str, str], part: object, method: str, *, before: str = "", after: str = "") -> None:
    """Puts points around a coroutine method of a part. Without the variable the part stays as it is."""
    directory = environment.get(ENVIRONMENT)
    if not directory:
        return
    inner = getattr(part, method)

    @wraps(inner)
    async def passing(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - whatever the method takes and answers
        _pass(Path(directory), before)
        answer = await inner(*args, **kwargs)
        _pass(Path(directory), after)
        return answer

    setattr(part, method, passing)


def _pass(directory: Path, point: str) -> None:
    if not point:
        return
    try:
        (directory / point).unlink()
    except FileNotFoundError:
        return
    os.kill(os.getpid(), signal.SIGKILL)
