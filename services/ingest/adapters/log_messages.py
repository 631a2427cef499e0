"""What a delivery comes to on the log."""

from __future__ import annotations

from collections.abc import Sequence

from services.ingest.adapters.enrichment_messages import encode_ask
from services.ingest.adapters.quarantine_entries import quarantined
from services.ingest.domain.delivery import Context, Delivery, Rejected
from services.ingest.domain.enrichment import Ask, asks_of
from services.ingest.domain.spooling import LogMessage
from shared.contracts.messages import encode_change, encode_quarantined
from shared.contracts.topics import CRM_ENRICHMENTS, CRM_EVENTS, CRM_QUARANTINE
from shared.domain.changes import RecordChange


def messages_of(
    changes: Sequence[RecordChange], rejects: Sequence[Rejected], *, delivery: Delivery, context: Context
) -> tuple[LogMessage, ...]:
    """Its changes by record, its rejects for the quarantine, and what the CRM has to be asked for; no credential."""
    said = [LogMessage(CRM_EVENTS, change.key, encode_change(change)) for change in changes]
    key = context.source.id
    refused = [quarantined(reject, delivery, context) for reject in rejects]
    kept = [LogMessage(CRM_QUARANTINE, key, encode_quarantined(entry)) for entry in refused]
    return (*said, *kept, *map(ask_message, asks_of(changes, context.source)))


def ask_message(ask: Ask) -> LogMessage:
    """All asks for a record meet in one partition."""
    return LogMessage(CRM_ENRICHMENTS, ask.key, encode_ask(ask))
