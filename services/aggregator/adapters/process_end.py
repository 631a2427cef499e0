"""Ends the process at once, whatever state it is in. Safe at any instant: offset and state are one commit."""

from __future__ import annotations

import faulthandler
import os
import sys

EXIT_FAILED = 1
EXIT_FOREIGN_LOG = 4
EXIT_TOO_MUCH_POISON = 5
"""A person has to act: who starts the worker again may take its time."""


def end_process(reason: str, code: int = EXIT_FAILED) -> None:
    """Does not return. Writes to the descriptor itself: a library may have replaced sys.stderr."""
    try:
        os.write(2, f"aggregator ends: {reason}\n".encode(errors="replace"))
        if code == EXIT_FAILED and sys.__stderr__ is not None:
            faulthandler.dump_traceback(file=sys.__stderr__)
    finally:
        os._exit(code)
