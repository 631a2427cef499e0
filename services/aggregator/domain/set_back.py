"""Has the stored state gone back under a running worker? Asked once a second, since no event may arrive to tell."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct


class Notice(StrEnum):
    """What a look at a partition's stored state says; log field and metric label too."""

    STEADY = "steady"
    WENT_BACK = "went_back"
    """Less is stored than this worker has applied: an older copy, a failover, or nothing at all."""
    ANOTHER_SERVER = "another_server"
    """Restarted or failed over: writes that are not counted by the offset (footings, a configuration) may be lost."""


class LogLook(StrEnum):
    """What a look at the topics' ids says; log field and metric label too."""

    SAME = "same"
    MISSING = "missing"
    """Deleted and not there again: nothing is read, nothing is counted wrongly."""
    UNREACHABLE = "unreachable"
    ANOTHER = "another"
    """Deleted and created again: the offsets that are counted mean nothing in it."""


class Look(Struct, frozen=True):
    """A partition as stored: its next position, -1 for none, and the run of the server that holds it ('': unknown)."""

    position: int
    server: str


def noticed(applied: int, found: Look, known_server: str | None) -> Notice:
    """``applied``: the position that this worker had reached before it looked; ``known_server``: None at first."""
    if found.position < applied:
        return Notice.WENT_BACK
    if known_server is not None and found.server != known_server:
        return Notice.ANOTHER_SERVER
    return Notice.STEADY
