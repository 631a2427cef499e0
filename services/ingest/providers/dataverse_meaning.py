"""What Dataverse's messages mean in our words.

A won opportunity fires Win and an Update of ``statecode``, a qualified lead QualifyLead and an Update: both say the
same, and count once. An activity's state says what became of it: completed is logged, held, completed; an e-mail is
sent by its ``statuscode``. An activated quote is a sent one.
"""

from __future__ import annotations

from collections.abc import Callable

from msgspec import UNSET, Struct

from services.ingest.domain import said
from services.ingest.domain.delivery import RejectReason
from services.ingest.domain.json_values import JsonObject
from services.ingest.domain.said import refuse
from services.ingest.domain.statements import Statement
from services.ingest.providers import dataverse_fields as reading
from services.ingest.providers import dataverse_values as values
from services.ingest.providers.dataverse_fields import CURRENCY, OWNER, REASON, SETTLING, STATE
from shared.domain.changes import Scalar, Verb
from shared.domain.instants import Micros
from shared.domain.sources import Source

KINDS = {
    "opportunity": "deal",
    "phonecall": "call",
    "appointment": "meeting",
    "email": "email",
    "task": "task",
    "lead": "lead",
    "quote": "quote",
}
"""Our record type by entity."""
_CREATED = {"call": "logged", "meeting": "booked"}
_STATES = {
    ("call", "1"): "logged",
    ("call", "2"): "canceled",
    ("meeting", "1"): "held",
    ("meeting", "2"): "canceled",
    ("task", "1"): "completed",
    ("task", "2"): "canceled",
    ("lead", "1"): "qualified",
    ("lead", "2"): "disqualified",
    ("quote", "1"): "sent",
}
"""The moment that a ``statecode`` is the sign of."""
_EMAIL_REASONS = {"3": "sent", "4": "received"}
_COUNTING = {
    "deal": ("owner", "amount", "currency", "stage", "status", "account"),
    "call": ("owner", "direction", "duration_seconds", "deal"),
    "meeting": ("owner", "duration_seconds", "deal"),
    "email": ("owner", "direction", "deal"),
    "task": ("owner", "deal"),
    "lead": ("owner",),
    "quote": ("owner", "amount", "currency", "account", "deal"),
}
"""The fields that KPIs are made of, which a message that came without its content leaves open."""


class Operation(Struct, frozen=True, kw_only=True):
    """One message about one record. ``parameters`` None: it was too large to be sent along.

    ``before`` and ``after``: attributes of the images that the step is registered with, maybe none.
    """

    message: str
    kind: str
    record: str
    at: Micros
    parameters: JsonObject | None
    before: JsonObject
    after: JsonObject

    def parameter(self, name: str) -> JsonObject | None:
        """The attributes of the entity that is this parameter, None where it did not come along. Raises: Unusable."""
        entity = None if self.parameters is None else self.parameters.get(name)
        return None if entity is None else values.attributes(entity, name)


def statements(operation: Operation, source: Source) -> list[Statement]:
    """What a message says. Raises: Unusable, for one that nobody knows too."""
    return MESSAGES[operation.message](operation, source)


def _created(operation: Operation, source: Source) -> list[Statement]:
    target = operation.parameter("Target")
    happened = None if target is None else _happened(operation.kind, target)
    verb = happened or _CREATED.get(operation.kind, "created")
    return [_stated(operation, target, verb, source)]


def _updated(operation: Operation, source: Source) -> list[Statement]:
    return [_changed(operation, operation.parameter("Target"), source)]


def _set_state(operation: Operation, source: Source) -> list[Statement]:
    given = operation.parameters or {}
    state = {theirs: given[name] for name, theirs in (("State", STATE), ("Status", REASON)) if name in given}
    return [_changed(operation, state or None, source)]


def _changed(operation: Operation, attributes: JsonObject | None, source: Source) -> Statement:
    if attributes is None:
        return _stated(operation, None, Verb.UPDATED, source)
    if operation.kind == "deal":
        return _stated(operation, attributes, _deal_verb(operation, attributes), source)
    return _stated(operation, attributes, _happened(operation.kind, attributes) or Verb.UPDATED, source)


def _deal_verb(operation: Operation, attributes: JsonObject) -> str:
    status = reading.status_in(attributes)
    if status in {"won", "lost"}:
        return str(status)
    if status == "open" and reading.status_in(operation.before) in {"won", "lost"}:
        return Verb.REOPENED
    moved = any(attributes.get(name) is not None for name in ("stageid", "stepname"))
    return Verb.STAGE_CHANGED if moved else Verb.UPDATED


def _happened(kind: str, attributes: JsonObject) -> str | None:
    if kind == "email":
        return _EMAIL_REASONS.get(values.code(attributes.get(REASON), REASON) or "")
    return _STATES.get((kind, values.code(attributes.get(STATE), STATE) or ""))


def _stated(operation: Operation, attributes: JsonObject | None, verb: str, source: Source) -> Statement:
    """What a record's attributes say, and those of its images that did not change."""
    images = {name: value for name, value in (operation.before | operation.after).items() if name not in SETTLING}
    state = images | (attributes or {})
    fields = reading.fields_of(operation.kind, state, source)
    missing = _COUNTING[operation.kind] if attributes is None else ()
    if operation.message == "create":
        missing = (*missing, "owner")
    if state.get(CURRENCY) is not None:
        missing = (*missing, "currency")
    known = {*fields, "owner"} if OWNER in state else fields
    return Statement(
        kind=operation.kind,
        record=operation.record,
        verb=verb,
        fields=fields,
        owner=reading.owner_of(state),
        times=reading.times_of(operation.kind, state),
        missing=tuple(dict.fromkeys(name for name in missing if name not in known)),
    )


def _deleted(operation: Operation, _: Source) -> list[Statement]:
    return [Statement(kind=operation.kind, record=operation.record, verb=Verb.DELETED)]


def _restored(operation: Operation, _: Source) -> list[Statement]:
    return [Statement(kind=operation.kind, record=operation.record, verb=Verb.RESTORED)]


def _won(operation: Operation, _: Source) -> list[Statement]:
    return [_closed(operation, Verb.WON)]


def _lost(operation: Operation, _: Source) -> list[Statement]:
    return [_closed(operation, Verb.LOST)]


def _closed(operation: Operation, verb: Verb) -> Statement:
    """By the activity that closed it, which knows what it came to and when."""
    _only("deal", operation)
    activity = operation.parameter("OpportunityClose")
    close = activity or {}
    reason = (
        {REASON: operation.parameters["Status"]} if operation.parameters and "Status" in operation.parameters else {}
    )
    fields: dict[str, Scalar] = values.fields(reason)
    closed_at = values.moment(close.get("actualend"), "actualend")
    amount = said.amount(values.unwrapped(close.get("actualrevenue")), "actualrevenue")
    if verb is Verb.WON and amount is not None:
        fields["amount"] = amount
    if verb is Verb.LOST:
        fields |= reading.lost_reason(reason)
    return Statement(
        kind="deal",
        record=operation.record,
        verb=verb,
        fields=fields,
        times={verb.value: operation.at if closed_at is None else closed_at},
        missing=("amount",) if activity is None and verb is Verb.WON else (),
    )


def _assigned(operation: Operation, _: Source) -> list[Statement]:
    assignee = (operation.parameters or {}).get("Assignee")
    owner = values.reference(assignee, "Assignee")
    return [
        Statement(
            kind=operation.kind,
            record=operation.record,
            verb=Verb.UPDATED,
            owner=UNSET if owner is None else owner.id,
            missing=("owner",) if owner is None else (),
        )
    ]


def _merged(operation: Operation, source: Source) -> list[Statement]:
    """The subordinate ends; what of it the survivor takes over is in UpdateContent."""
    loser = values.guid((operation.parameters or {}).get("SubordinateId"), "SubordinateId")
    if loser is None:
        refuse(RejectReason.NEEDS_RESYNC, "the merge does not say whom it ended")
    if loser == operation.record:
        refuse(RejectReason.INVALID_RECORD, "a record is not merged into itself")
    end = Statement(kind=operation.kind, record=loser, verb=Verb.MERGED, fields={"into": operation.record})
    content = operation.parameter("UpdateContent")
    return [end, _stated(operation, content, Verb.UPDATED, source)] if content else [end]


def _qualified(operation: Operation, source: Source) -> list[Statement]:
    _only("lead", operation)
    if operation.parameters is not None and not {"LeadId", "Status"} & operation.parameters.keys():
        refuse(RejectReason.UNKNOWN_TYPE, "a QualifyLead that names neither lead nor status")
    return [_stated(operation, None if operation.parameters is None else {}, "qualified", source)]


def _sent(operation: Operation, source: Source) -> list[Statement]:
    _only("email", operation)
    return [_stated(operation, {}, "sent", source)]


def _only(kind: str, operation: Operation) -> None:
    if operation.kind != kind:
        refuse(RejectReason.UNKNOWN_TYPE, f"{operation.message} of a {operation.kind}")


MESSAGES: dict[str, Callable[[Operation, Source], list[Statement]]] = {
    "create": _created,
    "update": _updated,
    "setstate": _set_state,
    "setstatedynamicentity": _set_state,
    "delete": _deleted,
    "restore": _restored,
    "win": _won,
    "winopportunity": _won,
    "lose": _lost,
    "loseopportunity": _lost,
    "assign": _assigned,
    "merge": _merged,
    "qualifylead": _qualified,
    "send": _sent,
    "sendemail": _sent,
}
"""By name in lower case."""
