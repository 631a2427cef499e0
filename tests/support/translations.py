"""What deliveries come to in the records, without HTTP: a story in any order, with repeats, is the same story."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from services.ingest.domain.delivery import Accepted, Context, Delivery, Outcome
from services.ingest.domain.refusals import RefusalReason, Refused
from services.ingest.providers.registry import PROVIDERS
from shared.domain.changes import RecordChange
from shared.domain.derivation import facts_of
from shared.domain.facts import Fact
from shared.domain.instants import Micros, parse
from shared.domain.records import Record, RecordKey
from shared.domain.sources import Source
from shared.domain.tenant import Credit

NOW = parse("2026-11-24T12:00:00Z")


def outcomes(source: Source, body: Any, *, now: Micros = NOW) -> list[Outcome]:
    """What a body comes to; text and bytes are sent as they are, anything else as JSON."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    delivery = Delivery(method="POST", headers={b"content-type": b"application/json"}, body=content)
    provider = PROVIDERS[source.provider]
    return provider.translate(provider.parse(delivery, source), Context(source, "dl_1", now))


def is_answered(source: Source, body: Any) -> bool:
    """Whether every element comes to something, or the body as a whole is refused; anything else is raised."""
    try:
        return bool(outcomes(source, body))
    except Refused as refused:
        return refused.why is RefusalReason.MALFORMED_BODY


def changes(source: Source, bodies: Iterable[Any]) -> list[RecordChange]:
    """What usable bodies say, in order."""
    said = [outcome for body in bodies for outcome in outcomes(source, body)]
    return [change for outcome in said if isinstance(outcome, Accepted) for change in outcome.changes]


def facts(source: Source, bodies: Iterable[Any], *, credit: Credit | None = None) -> list[Fact]:
    """The facts of all records once everything was said."""
    records: dict[RecordKey, Record] = {}
    for change in changes(source, bodies):
        key = RecordKey.of(change)
        if key in records:
            records[key].merge(change)
        else:
            records[key] = Record.of(change)
    rule = credit or Credit()
    found = [fact for key, record in records.items() for fact in facts_of(key, record, rule)]
    return sorted(found, key=lambda fact: (fact.kind, fact.record, fact.at))
