"""What Salesforce's objects and their values mean in our words: for outbound messages, change events and Flow alike.

A task is a call, an e-mail or a task by its TaskSubtype and call fields. A change event that says neither concerns
whichever of the three the record is: it sets the fields of all three, of which only one has moments and so facts.
"""

from __future__ import annotations

from msgspec import UNSET, UnsetType

from services.ingest.domain import said
from services.ingest.domain.delivery import Context, RejectReason
from services.ingest.providers.salesforce_fields import fields_of, instant_of, reference, text_of
from services.ingest.providers.salesforce_state import (
    CALL_FIELDS,
    TASK,
    Kind,
    State,
    created_at,
    deal_status,
    is_completed,
    is_uncertain,
)
from shared.domain.changes import RecordChange, Scalar, Verb
from shared.domain.instants import Micros
from shared.domain.salesforce_ids import long_form
from shared.domain.sources import Source

_TYPES = {"Opportunity": "deal", "Event": "meeting", "Lead": "lead", "Quote": "quote", TASK: "task"}
_SILENT = frozenset(
    {
        *("Account", "Contact", "User", "Campaign", "CampaignMember", "Case", "Product2", "Pricebook2", "Asset"),
        *("PricebookEntry", "OpportunityLineItem", "OpportunityContactRole", "QuoteLineItem", "Contract", "Order"),
        *("OrderItem", "EmailMessage", "EventRelation", "TaskRelation", "ContentDocument", "ContentVersion"),
        *("AccountContactRole", "AccountContactRelation", "OpportunityTeamMember", "AccountTeamMember"),
    }
)
"""Objects that no KPI reads. An e-mail message comes with its task, which counts."""
_POSSIBLE = ("task", "call", "email")
_SUBTYPES = {"Call": "call", "Email": "email", "ListEmail": "email"}
_CREATION = {"deal": "created", "meeting": "booked", "lead": "created", "quote": "created", "task": "created"}
_DONE = {"call": "logged", "email": "sent", "task": "completed"}
_SENT_QUOTES = frozenset({"Presented", "Sent"})
_TIMES = {"call": ("logged", "CompletedDateTime"), "email": ("sent", "CompletedDateTime")} | {
    "task": ("completed", "CompletedDateTime"),
    "meeting": ("held", "StartDateTime"),
}
"""Fields that carry the CRM's own time of a moment."""
_LIFE = frozenset({Verb.DELETED.value, Verb.RESTORED.value, Verb.MERGED.value})


def require_known(name: str) -> None:
    """Raises: Unusable unless our records are made of such objects."""
    if name not in _TYPES:
        said.refuse(RejectReason.UNKNOWN_TYPE, f"{name[:80]} is no object that we know")


def is_silent(name: str) -> bool:
    """Whether we know the object and no number depends on it."""
    return name in _SILENT


def changes(state: State, context: Context, *, event: str, at: Micros) -> tuple[RecordChange, ...]:
    """What it means, at ``at`` under the identity ``event``. Raises: Unusable."""
    types = record_types(state)
    main = types[0]
    verb = _verb(main, state, context.source, at=at)
    found = [_change(state, context, record_type=main, verb=verb, event=event, at=at)]
    others = verb if verb in _LIFE else Verb.UPDATED.value
    found += [_change(state, context, record_type=one, verb=others, event=event, at=at) for one in types[1:]]
    beginning = _beginning(main, state, verb=verb, at=at)
    if beginning is not None:
        extra = State(state.object, state.record, state.kind)
        verb, mark = _CREATION[main], f"{long_form(state.record)}:{_CREATION[main]}"
        found.append(_change(extra, context, record_type=main, verb=verb, event=mark, at=beginning))
    return tuple(found)


def record_types(state: State) -> tuple[str, ...]:
    """The record type, and for a task the others that it may be."""
    if state.object != TASK:
        return (_TYPES[state.object],)
    subtype = text_of(state.fields.get("TaskSubtype"))
    if state.kind in {Kind.DELETE, Kind.UNDELETE}:
        return _POSSIBLE
    if subtype in _SUBTYPES:
        return (_SUBTYPES[subtype],)
    if any(state.fields.get(name) is not None for name in CALL_FIELDS):
        return ("call",)
    return _POSSIBLE if is_uncertain(state) else ("task", "call")


def _verb(record_type: str, state: State, source: Source, *, at: Micros) -> str:
    """The most telling verb."""
    if state.kind is Kind.UNDELETE:
        return Verb.RESTORED
    if _master(state) is not None:
        return Verb.MERGED
    if state.kind is Kind.DELETE or state.flag("IsDeleted"):
        return Verb.DELETED
    moment = None if is_uncertain(state) else _moment(record_type, state, source)
    if moment is not None:
        return moment
    is_new = state.kind is Kind.CREATE or (state.kind is Kind.SNAPSHOT and created_at(state) == at)
    return _CREATION.get(record_type, Verb.UPDATED) if is_new else Verb.UPDATED


def _moment(record_type: str, state: State, source: Source) -> str | None:
    """What happened to it, besides its creation."""
    if record_type == "deal":
        return _deal_verb(state, source)
    if record_type in _DONE:
        return _DONE[record_type] if is_completed(state) else None
    said_now = state.changed or state.fields
    if record_type == "lead":
        return "qualified" if state.flag("IsConverted") and "IsConverted" in said_now else None
    if record_type == "quote":
        return "sent" if state.fields.get("Status") in _SENT_QUOTES and "Status" in said_now else None
    return None


def _deal_verb(state: State, source: Source) -> str | None:
    status = deal_status(state, source)
    if status in {Verb.WON, Verb.LOST}:
        return status
    if state.kind is not Kind.UPDATE:
        return None
    if state.flag("IsClosed") is False and "IsClosed" in state.changed:
        return Verb.REOPENED
    return Verb.STAGE_CHANGED if state.fields.get("StageName") else None


def _beginning(record_type: str, state: State, *, verb: str, at: Micros) -> Micros | None:
    """When it was created, where that is another moment than the one that ``verb`` says.

    Salesforce sends the newest values only: the message of the creation itself may never come.
    """
    if record_type not in _CREATION or verb in _LIFE or verb == _CREATION[record_type]:
        return None
    if state.kind is Kind.CREATE:
        return at
    began_at = created_at(state) if state.kind is Kind.SNAPSHOT else None
    return began_at if began_at is not None and began_at <= at else None


def _master(state: State) -> str | None:
    """The survivor, where this record was merged into another."""
    return reference(state.fields.get("MasterRecordId"), "MasterRecordId")


def _change(state: State, context: Context, *, record_type: str, verb: str, event: str, at: Micros) -> RecordChange:
    return RecordChange(
        tenant=context.source.tenant,
        source=context.source.id,
        record_type=record_type,
        record=long_form(state.record),
        verb=verb,
        event=event,
        occurred_at=at,
        received_at=context.received_at,
        fields=_fields(state, record_type, verb, context.source),
        owner=_owner(state),
        times=_times(state, record_type, verb),
        delivery=context.delivery,
        missing=state.missing,
    )


def _fields(state: State, record_type: str, verb: str, source: Source) -> dict[str, Scalar]:
    if verb == Verb.MERGED:
        return {"into": _master(state)}
    fields = fields_of(record_type, state.fields)
    status = deal_status(state, source) if record_type == "deal" else None
    return fields if status is None else fields | {"status": status}


def _owner(state: State) -> str | UnsetType | None:
    return reference(state.fields["OwnerId"], "OwnerId") if "OwnerId" in state.fields else UNSET


def _times(state: State, record_type: str, verb: str) -> dict[str, Micros]:
    """The CRM's own times of moments. A call that a snapshot shows was logged when it was created, not when it was
    last edited, unless it says when it was completed.
    """
    moment, field = _TIMES.get(record_type, ("", ""))
    stamp = state.fields.get(field)
    if stamp is None and state.kind is Kind.SNAPSHOT and record_type in {"call", "email"} and verb == moment:
        field = "CreatedDate"
        stamp = state.fields.get(field)
    return {} if stamp is None else {moment: instant_of(stamp, field)}
