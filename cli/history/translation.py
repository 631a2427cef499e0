"""From a line to the change of a record that it says: the native source's translation, for history of any source."""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from cli.history.lines import Line, Unreadable
from services.ingest.domain.delivery import Context, Element, Rejected
from services.ingest.providers.hubspot import PROVIDER as HUBSPOT
from services.ingest.providers.hubspot_meaning import stage_fields
from services.ingest.providers.native import translated
from shared.domain.changes import EARLIEST_AT, RecordChange, Verb
from shared.domain.instants import Micros
from shared.domain.records import DEAL
from shared.domain.sources import Source

_SAY_A_STATUS = frozenset({Verb.WON.value, Verb.LOST.value, Verb.REOPENED.value})
_REMEDIES = {
    "nested_too_deeply": "write nested values flat",
    "invalid_text": "half of a surrogate pair is no character: write the text as UTF-8",
    "future_time": "history is over: correct occurred_at, or import the line later",
}
"""What to do, where the reason's own words do not say it."""


class BadLine(Struct, frozen=True):
    """A line that cannot be imported: where, why, and what to do."""

    line: Line
    reason: str
    remedy: str


class Translation:
    """One import's lines. ``now`` stays the same from check to import, so that both judge every line alike."""

    def __init__(self, source: Source, delivery: str, now: Micros) -> None:
        self._context = Context(source, delivery, now)

    def change(self, line: Line) -> RecordChange | BadLine:
        """What a line says, as the webhook that it once was."""
        if isinstance(line.value, Unreadable):
            return BadLine(line, line.value.reason, line.value.remedy)
        outcome = translated(Element(line.number, line.raw, line.value), self._context)
        if isinstance(outcome, Rejected):
            return BadLine(line, outcome.reason, _REMEDIES.get(outcome.reason, outcome.detail or "correct it"))
        (change,) = outcome.changes
        if change.occurred_at < EARLIEST_AT:
            return BadLine(line, "impossible_time", "occurred_at is before the year 6: correct it")
        fields = self._fields(change)
        return change if fields is change.fields else replace(change, fields=fields)

    def _fields(self, change: RecordChange) -> dict[str, str | bool | None]:
        """The fields; a stage of a CRM without a status of its own says one here as it does in a webhook."""
        source, stage = self._context.source, change.fields.get("stage")
        silent = change.record_type == DEAL and change.verb not in _SAY_A_STATUS and "status" not in change.fields
        if source.provider == HUBSPOT.name and silent and isinstance(stage, str):
            return {**change.fields, **stage_fields(stage, source)}
        return change.fields
