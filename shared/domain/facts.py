"""Facts: what counts for somebody. The ledger derives them from records, the scoreboard keeps them in pages."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from functools import lru_cache

from msgspec import Struct

from shared.domain.changes import Scalar
from shared.domain.instants import DAY_US, EPOCH, Micros

STATE_PAGE = "open"
"""The page of states (a deal that is open), which belong to no day."""
UNMAPPED_PREFIX = "?"
"""A subject ``?source/owner`` stands for an owner that no rep's identities name."""
_ESCAPE = "\x1f"
"""Stands in a fact's id for the ``#`` of a stage: a control character, which no stage has."""
EPOCH_BITS = 40
"""A position is ``epoch << 40 | offset``: a log begun anew counts as later than all of the one before."""


class FactKind(StrEnum):
    """Kinds that are derived rather than sent; every other kind is the ``record_type.verb`` of a moment."""

    DEAL_WON = "deal.won"
    DEAL_LOST = "deal.lost"
    DEAL_OPEN = "deal.open"
    DEAL_STAGE_ENTERED = "deal.stage_entered"
    MEETING_HELD = "meeting.held"
    MEETING_CANCELED = "meeting.canceled"


class Fact(Struct, array_like=True, frozen=True, gc=False):
    """One thing that counts: kind, when, whose, and the record's current fields.

    ``at`` is the fact's time; for a state (``deal.open``) the time at which its amount was last set.
    ``owner`` is the CRM's owner id that credit goes to; the rep follows from the page that holds the fact.
    """

    kind: str
    at: Micros
    source: str
    record_type: str
    record: str
    owner: str
    fields: dict[str, Scalar]
    url: str | None = None

    @property
    def is_state(self) -> bool:
        """A state holds now; it happened at no time."""
        return self.kind == FactKind.DEAL_OPEN

    @property
    def id(self) -> str:
        """Unique within a rep: one fact a record and kind, and a stage each for ``deal.stage_entered``.

        What follows the last ``#`` is the kind and the stage, whatever a record's id and a stage are called.
        """
        stage = f":{_without_hash(self.fields.get('stage'))}" if self.kind == FactKind.DEAL_STAGE_ENTERED else ""
        return f"{self.source}/{self.record_type}/{self.record}#{self.kind.partition('.')[2]}{stage}"

    @property
    def page(self) -> str:
        """The page that holds it: its UTC day, so that a change of a rep's zone moves no page."""
        return STATE_PAGE if self.is_state else utc_day(self.at)


def _without_hash(stage: Scalar) -> str:
    text = str(stage)
    if "#" in text or _ESCAPE in text:
        return text.replace(_ESCAPE, f"{_ESCAPE}u").replace("#", f"{_ESCAPE}h")
    return text


def _with_hash(stage: str) -> str:
    return stage.replace(f"{_ESCAPE}h", "#").replace(f"{_ESCAPE}u", _ESCAPE)


def utc_day(instant: Micros) -> str:
    """ISO date of the UTC day that contains the instant."""
    return _iso_day(instant // DAY_US)


@lru_cache(maxsize=8_192)
def _iso_day(day: int) -> str:
    return (EPOCH + timedelta(days=day)).date().isoformat()


def unmapped_subject(source: str, owner: str) -> str:
    """The stand-in subject of an owner who is nobody's identity yet."""
    return f"{UNMAPPED_PREFIX}{source}/{owner}"


class Revision(Struct, array_like=True, frozen=True, order=True, gc=False):
    """Which derivation of a fact is newer: position in the log first, then the configuration's generation.

    ``position``: see EPOCH_BITS; a log begins anew with every start of the embedded broker.
    """

    position: int
    generation: int = 0


class PageEntry(Struct, array_like=True, frozen=True, gc=False):
    """What a page holds for a fact id. ``fact`` None is a withdrawal, kept so that an older upsert stays void."""

    revision: Revision
    fact: Fact | None


class FactName(Struct, frozen=True):
    """What a fact's id says: kind and record, and the stage of a ``deal.stage_entered``."""

    source: str
    record_type: str
    record: str
    verb: str
    stage: str | None = None

    @classmethod
    def parse(cls, fact_id: str) -> FactName:
        """From ``Fact.id``. The last ``#`` ends the record's id, whatever that or a stage is called."""
        source, record_type, rest = fact_id.split("/", 2)
        record, _, what = rest.rpartition("#")
        verb, entered, stage = what.partition(":")
        return cls(source, record_type, record, verb, _with_hash(stage) if entered else None)

    @property
    def kind(self) -> str:
        """The fact's kind."""
        return f"{self.record_type}.{self.verb}"

    def record_key(self, tenant: str) -> str:
        """``RecordChange.key`` of its record."""
        return f"{tenant}/{self.source}/{self.record_type}/{self.record}"
