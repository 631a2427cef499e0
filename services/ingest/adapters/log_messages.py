"""What a delivery comes to on the log."""

from __future__ import annotations

from collections.abc import Sequence

from services.ingest.adapters.quarantine_entries import quarantined
from services.ingest.domain.delivery import Context, Delivery, Rejected
from services.ingest.domain.spooling import LogMessage
from shared.contracts.messages import encode_change, encode_quarantined
from shared.contracts.topics import CRM_EVENTS, CRM_QUARANTINE
from shared.domain.changes import RecordChange


def messages_of(
    changes: Sequence[RecordChange], rejects: Sequence[Rejected], *, delivery: Delivery, context: Context
) -> tuple[LogMessage, ...]:
    """Its changes by record, and its rejects for the quarantine; no credential is in either."""
    said = [LogMessage(CRM_EVENTS, change.key, encode_change(change)) for change in changes]
    key = context.source.id
    refused = [quarantined(reject, delivery, context) for reject in rejects]
    return (*said, *(LogMessage(CRM_QUARANTINE, key, encode_quarantined(entry)) for entry in refused))
