"""A change of a CRM record: what ingest writes to the log and the ledger merges. One type from wire to domain."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import TypeAlias

from msgspec import UNSET, Struct, UnsetType

from shared.domain.instants import Micros

Scalar: TypeAlias = str | bool | None
"""A field's value. Numbers travel as the text the sender wrote, so that they stay exact; None is cleared."""

EARLIEST_AT: Micros = -62_000_000_000 * 1_000_000
"""In the year 5: every time zone can still tell the day."""
LATEST_AT: Micros = 253_000_000_000 * 1_000_000
"""In the year 9987, likewise."""

IMPORTED = "im_"
"""How the delivery of imported history is called; a request's begins otherwise."""
EVENT_TYPE = re.compile(r"([a-z][a-z0-9_]*)\.([a-z][a-z0-9_]*)", re.ASCII)
"""``<record type>.<verb>``, as contract section 4.2 has it."""


def value_text(value: str | bool) -> str:  # noqa: FBT001 - a field's value
    """The text of a value that is there: what distinct compares, and what people are shown."""
    return ("true" if value else "false") if isinstance(value, bool) else value


class Verb(StrEnum):
    """The verbs that mean more than a moment. Every other verb is a moment of its record type."""

    UPDATED = "updated"
    DELETED = "deleted"
    RESTORED = "restored"
    MERGED = "merged"
    WON = "won"
    LOST = "lost"
    REOPENED = "reopened"
    STAGE_CHANGED = "stage_changed"


class RecordChange(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """One thing that a CRM said about one record.

    ``event`` with ``occurred_at`` orders what is said of a field; the same pair said twice is one event.
    ``owner`` is UNSET where the event says nothing of it and None where it clears it. ``times`` holds the CRM's
    own time of a moment by verb (``{"won": ...}`` from ``won_time``); without one a moment is at ``occurred_at``.
    ``delivery`` begins with IMPORTED where history was imported: it was received, but no source has spoken.
    ``missing``: our names of fields that the CRM did not send along though they exist: it has to be asked for them.
    ``again``: the self-check wrote it to the log once more; all facts of its record are said anew, news or not.
    """

    tenant: str
    source: str
    record_type: str
    record: str
    verb: str
    event: str
    occurred_at: Micros
    received_at: Micros
    fields: dict[str, Scalar] = {}
    owner: str | UnsetType | None = UNSET
    times: dict[str, Micros] = {}
    url: str | None = None
    delivery: str = ""
    again: bool = False
    missing: tuple[str, ...] = ()

    @property
    def type(self) -> str:
        """The event type, ``deal.won``."""
        return f"{self.record_type}.{self.verb}"

    @property
    def has_possible_times(self) -> bool:
        """Whether every calendar can tell the day of each of its times."""
        instants = (self.occurred_at, self.received_at, *self.times.values())
        return min(instants) >= EARLIEST_AT and max(instants) <= LATEST_AT

    @property
    def key(self) -> str:
        """The log's key: all changes of a record meet in one partition."""
        return f"{self.tenant}/{self.source}/{self.record_type}/{self.record}"
