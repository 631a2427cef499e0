"""Our own format, for everything without a receiver of its own (contract section 3).

One object or an array; a field's number stays the text that was sent; a delivery of which no element has the right form
is refused whole, for then the sender is wrong, not the event.
"""

from __future__ import annotations

from typing import NoReturn

from msgspec import UNSET, UnsetType

from services.ingest.domain.credentials import check_bearer
from services.ingest.domain.delivery import (
    Accepted,
    Context,
    Delivery,
    Element,
    Outcome,
    Problem,
    Rejected,
    RejectReason,
)
from services.ingest.domain.json_values import Json, JsonObject, Number, compact
from services.ingest.domain.media_types import require_json
from services.ingest.domain.refusals import RefusalReason, Refused
from services.ingest.domain.strict_json import parse_object, split
from services.ingest.providers.provider import Provider
from shared.domain import instants
from shared.domain.changes import EVENT_TYPE, RecordChange, Scalar
from shared.domain.instants import DAY_US, Micros
from shared.domain.sources import Source

MAX_LEAD_US = DAY_US
"""How far ahead of our clock an event may lie: a wrong zone is a day at most, anything more is a broken clock."""
MAX_ID = 512
MAX_URL = 2048
_WELL_FORMED = frozenset({RejectReason.FUTURE_TIME})


class _Unusable(Exception):
    def __init__(self, reason: RejectReason, detail: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.detail = detail


def authenticate(delivery: Delivery, source: Source, now: Micros) -> Micros | None:  # noqa: ARG001 - a token has no age
    """A bearer token, any of the source's secrets."""
    check_bearer(delivery, source)
    return None


def parse(delivery: Delivery, source: Source) -> list[Element]:
    """One object, or an array of at most ``max_batch``."""
    require_json(delivery)
    return split(delivery.body, max_batch=source.limits.max_batch)


def translate(elements: list[Element], context: Context) -> list[Outcome]:
    """Each element on its own. Raises: Refused when there are elements and not one has the right form."""
    outcomes: list[Outcome] = [outcome_of(element, context) for element in elements]
    misshapen = [o for o in outcomes if isinstance(o, Rejected) and o.reason not in _WELL_FORMED]
    if outcomes and len(misshapen) == len(outcomes):
        problems = tuple(Problem(rejected.element.index, rejected.reason) for rejected in misshapen)
        detail = misshapen[0].detail or misshapen[0].reason
        raise Refused(RefusalReason.NO_USABLE_ELEMENT, f"no element can be used: {detail}", problems=problems)
    return outcomes


def outcome_of(element: Element, context: Context) -> Accepted | Rejected:
    """One element on its own: what it says, or why it cannot be used."""
    event = parse_object(element, max_depth=context.source.limits.max_depth)
    if isinstance(event, Rejected):
        return event
    try:
        return Accepted((_change(event, context),))
    except _Unusable as error:
        return Rejected(element, error.reason, error.detail)


def _change(event: JsonObject, context: Context) -> RecordChange:
    event_id = _event_id(event.get("id"))
    record_type, verb = _event_type(event.get("type"))
    fields = _fields(event.get("fields"))
    return RecordChange(
        tenant=context.source.tenant,
        source=context.source.id,
        record_type=record_type,
        record=_record(event.get("record"), event_id),
        verb=verb,
        event=event_id,
        occurred_at=_occurred_at(event.get("occurred_at"), context.now),
        received_at=context.received_at,
        fields=fields,
        owner=_owner(event.get("rep"), fields),
        url=_url(event.get("url")),
        delivery=context.delivery,
    )


def _event_id(value: Json) -> str:
    if value is None or value == "":
        _refuse(RejectReason.MISSING_ID, "id is required")
    return _name(value, RejectReason.INVALID_ID, "id")


def _event_type(value: Json) -> tuple[str, str]:
    if value is None or value == "":
        _refuse(RejectReason.MISSING_TYPE, "type is required")
    match = EVENT_TYPE.fullmatch(value) if isinstance(value, str) and len(value) <= MAX_ID else None
    if match is None:
        _refuse(RejectReason.INVALID_TYPE, "type is a record type, a dot and a verb, such as deal.won")
    return match.group(1), match.group(2)


def _occurred_at(value: Json, now: Micros) -> Micros:
    if value is None or value == "":
        _refuse(RejectReason.MISSING_TIME, "occurred_at is required")
    if not isinstance(value, str):
        _refuse(RejectReason.INVALID_TIME, "occurred_at is an RFC 3339 text with its zone")
    try:
        occurred_at = instants.parse(value)
        instants.to_datetime(occurred_at)
    except (ValueError, OverflowError) as error:
        _refuse(RejectReason.INVALID_TIME, f"occurred_at: {error}")
    if occurred_at > now + MAX_LEAD_US:
        _refuse(RejectReason.FUTURE_TIME, "occurred_at is more than 24 hours ahead of our clock")
    return occurred_at


def _record(value: Json, event_id: str) -> str:
    return event_id if value is None else _name(value, RejectReason.INVALID_RECORD, "record")


def _owner(rep: Json, fields: dict[str, Scalar]) -> str | UnsetType | None:
    """``fields.owner`` goes before ``rep``, and its null clears; ``rep: null`` says nothing."""
    if "owner" in fields:
        owner = fields["owner"]
        return None if owner is None else _name(owner, RejectReason.INVALID_FIELDS, "fields.owner")
    return UNSET if rep is None else _name(rep, RejectReason.INVALID_REP, "rep")


def _name(value: Json, reason: RejectReason, what: str) -> str:
    """An identifier: text, or an integer as its text."""
    usable = isinstance(value, str) and 0 < len(value) <= MAX_ID
    if not usable or (isinstance(value, Number) and not value.is_integer):
        _refuse(reason, f"{what} is a text of 1 to {MAX_ID} characters")
    return str(value)


def _fields(value: Json) -> dict[str, Scalar]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        _refuse(RejectReason.INVALID_FIELDS, "fields is an object")
    return {name: _scalar(item) for name, item in value.items()}


def _scalar(value: Json) -> Scalar:
    """Numbers as their text, nested values as compact JSON."""
    if isinstance(value, (dict, list)):
        return compact(value)
    return str(value) if isinstance(value, Number) else value


def _url(value: Json) -> str | None:
    """A web address only: boards make a link of it."""
    if value is None:
        return None
    if not isinstance(value, str) or len(value) > MAX_URL or not value.lower().startswith(("https://", "http://")):
        _refuse(RejectReason.INVALID_URL, f"url is an http(s) address of at most {MAX_URL} characters")
    return value


def _refuse(reason: RejectReason, detail: str) -> NoReturn:
    raise _Unusable(reason, detail)


PROVIDER = Provider(
    name="native", authenticate=authenticate, parse=parse, translate=translate, challenge='Bearer realm="webhooks"'
)
