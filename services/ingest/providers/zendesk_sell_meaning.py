"""What Zendesk Sell's objects mean in our words.

Attributes keep their names, except where KPIs need one name for all CRMs: ``owner_id``, of calls ``user_id`` (owner),
``value`` (amount), ``stage_id`` (stage, and status by the source's stage lists), ``organization_id`` or ``contact_id``
(account), ``associated_deal_ids`` or the resource (deal), ``incoming`` (direction), ``duration`` (duration_seconds).
Custom fields go by their names. Stages are numbers of the customer's own: without lists only a loss reason says that a
deal is over.
"""

from __future__ import annotations

from msgspec import UNSET, Struct, UnsetType

from services.ingest.domain import said
from services.ingest.domain.delivery import RejectReason
from services.ingest.domain.json_values import Json, JsonObject
from services.ingest.domain.own_fields import is_scalar, own_name, scalar, scalars
from services.ingest.domain.said import refuse
from services.ingest.domain.stages import status_of
from services.ingest.domain.statements import Statement
from shared.domain.changes import Scalar, Verb
from shared.domain.instants import Micros
from shared.domain.sources import Source

_CONVERSION = "lead_conversion"
KINDS = {
    "deal": "deal",
    "call": "call",
    "appointment": "meeting",
    "task": "task",
    "lead": "lead",
    _CONVERSION: "lead",
}
"""Our record type by resource; a conversion is a moment of its lead."""
_CREATED = {"call": "logged", "meeting": "booked"}
_OWNERS = ("owner_id", "user_id")
_READ = frozenset({*_OWNERS, "id", "value", "currency", "stage_id", "incoming", "duration"})
_TIMES = {
    ("deal", "created_at"): "created",
    ("lead", "created_at"): "created",
    ("task", "created_at"): "created",
    ("task", "completed_at"): "completed",
    ("meeting", "created_at"): "booked",
    ("meeting", "start_at"): "held",
    ("call", "made_at"): "logged",
}
"""Attributes that are the CRM's own time of a moment."""


class Item(Struct, frozen=True, kw_only=True):
    """One event of the stream. ``action``: created, updated or deleted. ``data``: the object as it is, or last was.

    ``previous``: what it was before, where that changed.
    """

    resource: str
    record: str
    action: str
    data: JsonObject
    previous: JsonObject


def statement(item: Item, source: Source) -> Statement | None:
    """What an item says, None for nothing. Raises: Unusable."""
    kind = KINDS[item.resource]
    if item.resource == _CONVERSION:
        return _conversion(item)
    if item.action == "deleted":
        return Statement(kind=kind, record=item.record, verb=Verb.DELETED)
    fields = _fields(kind, item.data)
    times = _times(kind, item.data)
    if kind == "deal":
        fields |= _stage(item.data, source)
        times |= _closed_at(item, source)
    return Statement(
        kind=kind,
        record=item.record,
        verb=_verb(kind, item, source),
        fields=fields,
        owner=_owner(item.data),
        times=times,
    )


def _conversion(item: Item) -> Statement | None:
    if item.action != "created":
        return None
    at = said.optional_instant(item.data.get("converted_at"), "converted_at")
    return Statement(
        kind="lead",
        record=said.identifier(item.data.get("lead_id"), "lead_id"),
        verb="qualified",
        times={} if at is None else {"qualified": at},
    )


def _verb(kind: str, item: Item, source: Source) -> str:
    if kind == "task" and _is_completed(item):
        return "completed"
    if item.action == "created":
        return _CREATED.get(kind, "created")
    if kind == "deal" and "stage_id" in item.previous:
        before, status = _status_before(item, source), _status(item.data, source)
        if status != before and status in {"won", "lost"}:
            return str(status)
        return Verb.REOPENED if before in {"won", "lost"} and status == "open" else Verb.STAGE_CHANGED
    return Verb.UPDATED


def _is_completed(item: Item) -> bool:
    """Whether it was now, or says when: a later change of a completed task must not complete it again, later."""
    is_news = item.action == "created" or "completed" in item.previous or item.data.get("completed_at") is not None
    return item.data.get("completed") is True and is_news


def _status(deal: JsonObject, source: Source) -> str | None:
    """By its stage; where no stages are listed as lost, a loss reason is the sign of it. Raises: Unusable."""
    stage = said.optional_identifier(deal.get("stage_id"), "stage_id")
    if stage is None:
        return None
    status = status_of(stage, source)
    is_lost = status == "open" and not source.lost_stages and deal.get("loss_reason_id") is not None
    return "lost" if is_lost else status


def _status_before(item: Item, source: Source) -> str | None:
    return _status(item.data | item.previous, source)


def _stage(deal: JsonObject, source: Source) -> dict[str, Scalar]:
    if "stage_id" not in deal:
        return {}
    status = _status(deal, source)
    stage: dict[str, Scalar] = {"stage": said.optional_identifier(deal["stage_id"], "stage_id")}
    return stage if status is None else stage | {"status": status}


def _closed_at(item: Item, source: Source) -> dict[str, Micros]:
    """The last change of stage closed it, unless that went from one won stage to another."""
    status = _status(item.data, source)
    at = said.optional_instant(item.data.get("last_stage_change_at"), "last_stage_change_at")
    moved_within = "stage_id" in item.previous and _status_before(item, source) == status
    if at is None or moved_within or status not in {"won", "lost"}:
        return {}
    return {str(status): at}


def _fields(kind: str, data: JsonObject) -> dict[str, Scalar]:
    fields = scalars(data, but=_READ) | _custom(data.get("custom_fields", data.get("custom_field_values")))
    if "value" in data:
        fields["amount"] = said.amount(data["value"], "value")
    if "currency" in data:
        fields["currency"] = said.optional_identifier(data["currency"], "currency")
    if kind == "call":
        fields |= _call(data)
    return fields | _relations(kind, data)


def _call(data: JsonObject) -> dict[str, Scalar]:
    fields: dict[str, Scalar] = {}
    if "duration" in data:
        fields["duration_seconds"] = said.seconds(data["duration"], "duration")
    if "incoming" in data:
        is_incoming = data["incoming"]
        if is_incoming is not None and not isinstance(is_incoming, bool):
            refuse(RejectReason.INVALID_FIELDS, "incoming is true or false")
        fields["direction"] = None if is_incoming is None else "inbound" if is_incoming else "outbound"
    return fields


def _relations(kind: str, data: JsonObject) -> dict[str, Scalar]:
    """The deal that an activity is about, and the account of either. Raises: Unusable."""
    fields: dict[str, Scalar] = {}
    accounts = [said.optional_identifier(data.get(name), name) for name in ("organization_id", "contact_id")]
    if kind == "deal" and ("organization_id" in data or "contact_id" in data):
        fields["account"] = next((account for account in accounts if account is not None), None)
    if kind in {"call", "meeting", "task"} and "resource_type" in data:
        about = said.optional_identifier(data.get("resource_id"), "resource_id")
        fields["deal"] = about if data["resource_type"] == "deal" else None
        if data["resource_type"] == "contact":
            fields["account"] = about
    deals = data.get("associated_deal_ids")
    if isinstance(deals, list) and deals:
        fields["deal"] = said.identifier(deals[0], "associated_deal_ids")
    return fields


def _owner(data: JsonObject) -> str | UnsetType | None:
    name = next((name for name in _OWNERS if name in data), None)
    return UNSET if name is None else said.optional_identifier(data[name], name)


def _custom(value: Json) -> dict[str, Scalar]:
    """Custom fields with one plain value: an object by name, or a list of names or fields with their values."""
    named = list(value.items()) if isinstance(value, dict) else []
    for item in value if isinstance(value, list) else []:
        field = item.get("custom_field", item) if isinstance(item, dict) else None
        name = field.get("name") if isinstance(field, dict) else None
        if isinstance(item, dict) and isinstance(name, str):
            named.append((name, item.get("value")))
    return {own_name(name): scalar(plain) for name, plain in named if is_scalar(plain)}


def _times(kind: str, data: JsonObject) -> dict[str, Micros]:
    times: dict[str, Micros] = {}
    for (of_kind, name), moment in _TIMES.items():
        at = said.optional_instant(data.get(name), name) if kind == of_kind else None
        if at is not None:
            times[moment] = at
    return times
