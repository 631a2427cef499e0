"""Keeps timers true in a process whose wall clock is set by libfaketime, as tests and rehearsals do.

libfaketime stands before libc in every library: where it freezes time, the timers of the event loop and of the Kafka
client stand still too, and some of its modes give a condition variable a deadline of another clock, so that the client
waits for months. What is loaded here asks libc itself. Python's own clock, and so ``SystemClock``, stays the set one.
"""

from __future__ import annotations

import importlib
import os
import sys

_WITH_TIMERS = ("uvloop", "confluent_kafka")


def keep_timers_true() -> None:
    """To be called before anything imports an event loop or a Kafka client; does nothing under a true clock."""
    if "faketime" not in os.environ.get("LD_PRELOAD", "") or not hasattr(os, "RTLD_DEEPBIND"):
        return
    flags = sys.getdlopenflags()
    sys.setdlopenflags(flags | os.RTLD_DEEPBIND)
    try:
        for name in _WITH_TIMERS:
            importlib.import_module(name)
    finally:
        sys.setdlopenflags(flags)
