"""Salesforce change events as a relay posts them: CometD's wrapper, the Pub/Sub API's payload, EventBridge's detail.

CometD's updates hold the changed fields alone, and null clears. The Pub/Sub API's hold every field, and null says
nothing unless the header lists it. Its lists are bitmaps until the relay has decoded them: then only what has a value
is sure, and the element waits in quarantine for the rest. What names no record, or says no more than that something
happened, is never guessed: quarantine says what to read again. Platform events and a Flow's JSON: salesforce_flow.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from msgspec import Struct

from services.ingest.domain import said
from services.ingest.domain.credentials import check_bearer
from services.ingest.domain.delivery import (
    Accepted,
    Answer,
    Context,
    Delivery,
    Element,
    Ignored,
    Outcome,
    Receipt,
    Rejected,
    RejectReason,
)
from services.ingest.domain.json_values import Json, JsonObject
from services.ingest.domain.media_types import require_json
from services.ingest.domain.refusals import RefusalReason, Refused
from services.ingest.domain.said import Unusable
from services.ingest.domain.strict_json import parse_object, split
from services.ingest.providers import salesforce_flow as flow
from services.ingest.providers import salesforce_meaning as meaning
from services.ingest.providers.provider import Provider, json_receipt
from services.ingest.providers.salesforce_cdc_setup import SETUP
from services.ingest.providers.salesforce_fields import COUNTING
from services.ingest.providers.salesforce_state import Kind, State, is_completed, is_uncertain
from shared.domain.changes import RecordChange
from shared.domain.instants import Micros
from shared.domain.salesforce_ids import long_form
from shared.domain.sources import Source

HEADER = "ChangeEventHeader"
MAX_SPREAD_BYTES = 33_554_432
"""Of all changes of a delivery together: an event of many records says everything of each of them."""
_KINDS = {"CREATE": Kind.CREATE, "UPDATE": Kind.UPDATE, "DELETE": Kind.DELETE, "UNDELETE": Kind.UNDELETE}
_GAP = "GAP_"
_NO_RECORD = long_form("0" * 15)
"""Stands for all records of an object after an overflow."""
_AROUND_ID = 4  # bytes of quotes, comma and space
_SEQUENCE = re.compile(r"\d{1,10}", re.ASCII)
_BITMAP = re.compile(r"(?:\d{1,6}-)?0[xX][0-9A-Fa-f]*", re.ASCII)
_BITMAP_HELP = (
    "is a bitmap, which the relay has to decode against the event's schema: fields with a value were used, whether one "
    "was cleared is not known"
)
_MAX_NAMED = 20  # record ids that a detail names; the entry's body has all


class _Event(Struct, frozen=True):
    """A change event: its header, its fields, and whether CometD sent it."""

    header: JsonObject
    payload: JsonObject
    is_cometd: bool


def authenticate(delivery: Delivery, source: Source, now: Micros) -> Micros | None:  # noqa: ARG001 - a token has no age
    """The relay's bearer token, any of the source's secrets."""
    check_bearer(delivery, source)
    return None


def parse(delivery: Delivery, source: Source) -> list[Element]:
    """One event, or an array of them. Raises: Refused."""
    require_json(delivery)
    elements = split(delivery.body, max_batch=source.limits.max_batch)
    if sum(map(_spread, elements)) > MAX_SPREAD_BYTES:
        raise Refused(RefusalReason.TOO_MANY_ELEMENTS, "these events are of too many records for what they say of each")
    return elements


def _spread(element: Element) -> int:
    """The bytes that an element is worth when each of its records has been told all of it."""
    event = _event_of(element.value) if isinstance(element.value, dict) else None
    ids = event.header.get("recordIds") if event is not None else None
    if not isinstance(ids, list):
        return len(element.raw)
    told_once = sum(len(one) + _AROUND_ID for one in ids if isinstance(one, str))
    return told_once + len(ids) * max(len(element.raw) - told_once, 0)


def _event_of(value: JsonObject) -> _Event | None:
    """The change event in whatever it is wrapped in; None where there is none."""
    inner, is_cometd = flow.unwrapped(value, until=HEADER)
    header = inner.get(HEADER)
    return _Event(header, inner, is_cometd) if isinstance(header, dict) else None


def translate(elements: list[Element], context: Context) -> list[Outcome]:
    """Each element on its own; what is sure of one is used, the rest of it waits."""
    return [outcome for element in elements for outcome in _outcomes(element, context)]


def _outcomes(element: Element, context: Context) -> list[Outcome]:
    value = parse_object(element, max_depth=context.source.limits.max_depth)
    if isinstance(value, Rejected):
        return [value]
    try:
        event = _event_of(value)
        if event is None:
            return [flow.outcome_of(element, value, context)]
        return _of_event(element, event, context)
    except Unusable as error:
        return [Rejected(element, error.reason, error.detail)]


def _of_event(element: Element, event: _Event, context: Context) -> list[Outcome]:
    entity, change_type = event.header.get("entityName"), event.header.get("changeType")
    if not isinstance(entity, str) or not isinstance(change_type, str):
        said.refuse(RejectReason.MISSING_TYPE, "entityName and changeType are texts")
    if meaning.is_silent(entity):
        return [Ignored(f"{entity} {change_type}")]
    meaning.require_known(entity)
    records = _records(event.header.get("recordIds"))
    if change_type.startswith(_GAP):
        named = _names(records)
        said.refuse(RejectReason.NEEDS_RESYNC, f"{change_type[:40]}: read {entity} {named} again from Salesforce")
    if change_type not in _KINDS:
        said.refuse(RejectReason.UNKNOWN_TYPE, f"changeType {change_type[:40]}")
    single = [record for record in records if _is_one(record)]
    states = _states(event, single, kind=_KINDS[change_type])
    outcomes: list[Outcome] = []
    if states:
        outcomes.append(Accepted(tuple(_changes(states, event, context))))
    waiting = next(_open_questions(event, states, [record for record in records if not _is_one(record)]), None)
    if waiting is not None:
        outcomes.append(Rejected(element, *waiting))
    return outcomes


def _changes(states: list[State], event: _Event, context: Context) -> Iterator[RecordChange]:
    """One a record, two where its creation is another moment. Raises: Unusable."""
    transaction = said.identifier(event.header.get("transactionKey"), "transactionKey", reason=RejectReason.MISSING_ID)
    sequence = event.header.get("sequenceNumber")
    if not isinstance(sequence, str) or _SEQUENCE.fullmatch(sequence) is None:
        said.refuse(RejectReason.INVALID_ID, "sequenceNumber is a whole number")
    at = said.instant(event.header.get("commitTimestamp"), "commitTimestamp")
    said.not_ahead(at, context.now, "commitTimestamp")
    for state in states:
        # padded, so that two changes of one transaction, which have one time, are in order as texts too
        identity = f"{transaction}:{sequence:0>10}:{long_form(state.record)}"
        yield from meaning.changes(state, context, event=identity, at=at)


def _records(value: Json) -> list[str]:
    """Ids as Salesforce writes them; several where one change was made to several records. Raises: Unusable."""
    if not isinstance(value, list) or not value:
        said.refuse(RejectReason.INVALID_RECORD, "recordIds is a list of ids")
    return list(dict.fromkeys(long_form(said.identifier(one, "a record's id").strip()) for one in value))


def _is_one(record: str) -> bool:
    """Whether it names a record, and not all of them or some."""
    return "*" not in record and record != _NO_RECORD


def _names(records: list[str]) -> str:
    if _NO_RECORD in records:
        return "(all records)"
    more = f" and {len(records) - _MAX_NAMED} more" if len(records) > _MAX_NAMED else ""
    return ", ".join(record[:40] for record in records[:_MAX_NAMED]) + more


def _open_questions(event: _Event, states: list[State], unnamed: list[str]) -> Iterator[tuple[RejectReason, str]]:
    """Why a part of the event cannot be used, and what helps."""
    entity = event.header.get("entityName")
    if unnamed:
        yield RejectReason.NEEDS_RESYNC, f"a change of {entity} {_names(unnamed)}: read them again from Salesforce"
    for name in ("changedFields", "nulledFields", "diffFields"):
        if bitmaps := [item for item in _listed(event, name) if _BITMAP.fullmatch(item)]:
            yield RejectReason.UNDECODED_FIELDS, f"{name} {bitmaps[0][:40]} {_BITMAP_HELP}"
    if states and is_uncertain(states[0]) and is_completed(states[0]):
        yield (
            RejectReason.MISSING_TYPE,
            "a task was completed, and nothing says whether it is a call: enrich the channel's events with TaskSubtype",
        )


def _listed(event: _Event, name: str) -> list[str]:
    """A list of the header; none where it is absent. Raises: Unusable."""
    value = event.header.get(name)
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        said.refuse(RejectReason.INVALID_FIELDS, f"{name} is a list of field names")
    return [str(item) for item in value]


def _states(event: _Event, records: list[str], *, kind: Kind) -> list[State]:
    """The same of each record."""
    entity = str(event.header.get("entityName"))
    fields, changed, missing = ({}, frozenset[str](), ()) if kind is Kind.DELETE else _contents(event, kind)
    return [State(entity, record, kind, fields, changed, missing) for record in records]


def _contents(event: _Event, kind: Kind) -> tuple[JsonObject, frozenset[str], tuple[str, ...]]:
    """What is said of fields, which of them surely changed, and our names of what was not sent along."""
    changed, nulled, texts = (_listed(event, name) for name in ("changedFields", "nulledFields", "diffFields"))
    payload = {name: value for name, value in event.payload.items() if name != HEADER and name not in texts}
    if kind is Kind.UPDATE and event.is_cometd and not changed:
        return payload, frozenset(payload), ()
    is_decoded = bool(changed) and not any(map(_BITMAP.fullmatch, changed))
    clearing = {*nulled, *(changed if is_decoded and kind is Kind.UPDATE else ())}
    cleared = {name: None for name in nulled if _BITMAP.fullmatch(name) is None and "." not in name}
    fields = dict(_said(payload, clearing)) | cleared
    missing = tuple(COUNTING[name] for name in changed if name in COUNTING and name not in {**payload, **cleared})
    return fields, frozenset(changed) if is_decoded else frozenset(), missing


def _said(payload: JsonObject, clearing: set[str]) -> Iterator[tuple[str, Json]]:
    """The fields that have a value, and those of the others that are known to have been cleared."""
    for name, value in payload.items():
        if isinstance(value, dict):
            parts = {part: v for part, v in value.items() if v is not None or f"{name}.{part}" in clearing}
            if parts:
                yield name, parts
        elif value is not None or name in clearing:
            yield name, value


def answer(receipt: Receipt, delivery: Delivery, source: Source) -> Answer:
    """The receipt; a Flow needs a JSON object, which it reads, of 200."""
    if source.options.get("flow") is True:
        return Answer(200, b"application/json", b"{}")
    return json_receipt(receipt, delivery, source)


PROVIDER = Provider(
    name="salesforce_cdc",
    authenticate=authenticate,
    parse=parse,
    translate=translate,
    answer=answer,
    challenge='Bearer realm="webhooks"',
    setup=SETUP,
)
