"""When a process that died is started again: at once the first time, then less and less often."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

FIRST_SECONDS = 0.5
LONGEST_SECONDS = 30.0
HEALTHY_SECONDS = 10.0
"""Who ran this long was well: its next failure counts as the first (so does Docker with its restart policies)."""
EXIT_SETTINGS = 2
"""How a service says that a person must change its settings: trying again cannot help."""


EXIT_TOO_MUCH_POISON = 5
"""How an aggregator says that it must not go on as it is: it is tried again seldom, until a person has acted."""


class Restarts(Struct, frozen=True):
    """Failures in a row, and when the next start is due (monotonic seconds)."""

    failures: int = 0
    due: float = 0.0


class Action(StrEnum):
    """What the supervisor does about a process now."""

    LEAVE = "leave"
    RECORD_EXIT = "record_exit"
    START = "start"
    GIVE_UP = "give_up"


def back_off(failures: int) -> float:
    """Seconds to wait after that many failures in a row: doubled each time, at most half a minute."""
    return min(FIRST_SECONDS * 2.0 ** min(failures - 1, 16), LONGEST_SECONDS)


def after_exit(
    prior: Restarts, *, ran_seconds: float, now: float, was_ready: bool = False, exit_code: int | None = None
) -> Restarts:
    """The state after a process ended without our doing.

    ``was_ready``: since its last start. Who was ready and ended by a signal was killed by somebody, not by itself: no
    number of such ends makes a loop of crashes.
    """
    was_killed = was_ready and exit_code is not None and exit_code < 0
    failures = 1 if was_killed or ran_seconds >= HEALTHY_SECONDS else prior.failures + 1
    wait = LONGEST_SECONDS if exit_code == EXIT_TOO_MUCH_POISON else back_off(failures)
    return Restarts(failures, now + wait)


def decide(exit_code: int | None, prior: Restarts, *, waiting: bool, ever_ready: bool, now: float) -> Action:
    """What to do about a process; ``waiting``: its end is recorded and its next start not yet due.

    exit_code: None while it runs.
    """
    if waiting:
        return Action.START if now >= prior.due else Action.LEAVE
    if exit_code is None:
        return Action.LEAVE
    if exit_code == EXIT_SETTINGS and not ever_ready:
        return Action.GIVE_UP
    return Action.RECORD_EXIT
