"""Keeps timers true in a process whose wall clock is set by libfaketime, as tests and rehearsals do.

libfaketime stands before libc in every library: where it freezes time, the timers of the event loop and of the Kafka
client stand still too, and some of its modes give a condition variable a deadline of another clock, so that the client
waits for months. What is loaded here asks libc itself. Python's own clock, and so ``SystemClock``, stays the set one.
"""

from __future__ import annotations

import importlib
import os
import sys

LEFT_ALONE = "FAKETIME_DONT_FAKE_MONOTONIC"
_WITH_TIMERS = ("uvloop", "confluent_kafka")


def keep_timers_true() -> None:
    """To be called before anything imports an event loop or a Kafka client; does nothing under a true clock."""
    if not _is_preloaded() or not hasattr(os, "RTLD_DEEPBIND"):
        return
    flags = sys.getdlopenflags()
    sys.setdlopenflags(flags | os.RTLD_DEEPBIND)
    try:
        for name in _WITH_TIMERS:
            importlib.import_module(name)
    finally:
        sys.setdlopenflags(flags)


def begin_with_true_timers() -> None:
    """For a process that starts others: begins anew, under the same id, with libfaketime setting the wall clock alone.

    Python's own waiting, and servers that are not ours, cannot be reached otherwise. What it starts inherits it.
    """
    if _is_preloaded() and os.environ.get(LEFT_ALONE) != "1":
        os.environ[LEFT_ALONE] = "1"
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606 - ourselves


def _is_preloaded() -> bool:
    return "faketime" in os.environ.get("LD_PRELOAD", "")
