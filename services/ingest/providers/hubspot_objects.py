"""One object of HubSpot's, and how its ids, times and values are read. What cannot be used raises Unusable."""

from __future__ import annotations

import re

from msgspec import Struct

from services.ingest.domain.delivery import Context, RejectReason
from services.ingest.domain.json_values import Json, JsonObject
from services.ingest.domain.said import MAX_LEAD_US, MILLISECOND_US, not_ahead, refuse
from services.ingest.providers.hubspot_meaning import Said
from shared.domain.changes import RecordChange
from shared.domain.instants import Micros

_MILLISECONDS = re.compile(r"\d{1,15}", re.ASCII)
_LONGEST_ID = 20
"""Digits; ids are 64-bit numbers."""


class HubSpotObject(Struct, frozen=True, gc=False):
    """Which one. ``portal`` is the account, empty where it is not said."""

    context: Context
    kind: str
    record: str
    portal: str

    def says(self, said: Said, at: Micros) -> RecordChange:
        """The change that a statement of that time means."""
        context = self.context
        return RecordChange(
            tenant=context.source.tenant,
            source=context.source.id,
            record_type=self.kind,
            record=self.record,
            verb=said.verb,
            event=f"{self.portal}:{self.kind}:{self.record}:{said.mark}@{at // MILLISECOND_US}",
            occurred_at=at,
            received_at=context.received_at,
            fields=said.fields,
            owner=said.owner,
            times=said.times,
            delivery=context.delivery,
            missing=said.missing,
        )


def object_id(value: Json) -> str:
    """Ids are 64-bit numbers; text from here on, so that nobody rounds them. Raises: Unusable."""
    if not isinstance(value, str) or not value.isascii() or not value.isdigit() or len(value) > _LONGEST_ID:
        refuse(RejectReason.INVALID_RECORD, "an object's id is a whole number")
    return str(value)


def portal_of(event: JsonObject) -> str:
    """The account that it happened in, empty where that is not said in digits."""
    portal = event.get("portalId")
    if not isinstance(portal, str) or not portal.isascii() or not portal.isdigit():
        return ""
    return str(portal[:_LONGEST_ID])


def occurred_at(value: Json, now: Micros) -> Micros:
    """An event's time, in milliseconds. Raises: Unusable."""
    if value is None:
        refuse(RejectReason.MISSING_TIME, "occurredAt is required")
    if not isinstance(value, str) or _MILLISECONDS.fullmatch(value) is None:
        refuse(RejectReason.INVALID_TIME, "a time is a whole number of milliseconds")
    at = int(value) * MILLISECOND_US
    return at if at <= now + MAX_LEAD_US else not_ahead(at, now, "occurredAt")


def value_text(value: Json) -> str | None:
    """A property's value: HubSpot's are texts; a cleared one is empty. Raises: Unusable."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is not None and not isinstance(value, str):
        refuse(RejectReason.INVALID_PROPERTY, "a property's value is a text")
    return str(value) if value else None
