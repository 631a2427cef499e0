"""What Close's objects mean in our words.

A lead is a company with its people: it is the ``account`` of whatever belongs to it. Fields keep Close's names, except
where KPIs need one name for all CRMs: ``user_id``, of tasks ``assigned_to`` (owner), ``value_currency`` (currency),
``status_type`` (status, "active" is open), ``status_id`` (stage), ``duration`` (duration_seconds), ``direction``
(of e-mails inbound and outbound too). Money is sent in cents and kept in units: ``value`` as ``amount``, for the period
that ``value_period`` names, ``annualized_value`` for a year, and ``cost``.
"""

from __future__ import annotations

from decimal import Decimal

from msgspec import UNSET, Struct, UnsetType

from services.ingest.domain.delivery import RejectReason
from services.ingest.domain.json_values import Json, JsonObject, Number
from services.ingest.domain.own_fields import scalars
from services.ingest.domain.said import identifier, moment, optional_identifier, refuse, seconds
from services.ingest.domain.stages import status_of
from services.ingest.domain.statements import Statement
from shared.domain import exact
from shared.domain.changes import Scalar, Verb
from shared.domain.instants import Micros
from shared.domain.sources import Source

_KINDS = {
    "opportunity": "deal",
    "lead": "lead",
    "activity.call": "call",
    "activity.email": "email",
    "activity.meeting": "meeting",
}
_TASK = "task."
"""Tasks have their kind behind it."""
SILENT = frozenset(
    {
        "activity.email_thread",
        "activity.lead_status_change",
        "activity.note",
        "activity.opportunity_status_change",
        "activity.sms",
        "activity.task_completed",
        "contact",
    }
)
"""Known, and no number depends on them. The changes of status and completions are said by their objects as well."""
_PLAIN = frozenset({"created", "updated", "deleted"})
_MOMENTS = {
    ("call", "created"): "logged",
    ("call", "completed"): "logged",
    ("call", "answered"): "answered",
    ("email", "sent"): "sent",
    ("meeting", "created"): "booked",
    ("meeting", "scheduled"): "booked",
    ("meeting", "started"): "started",
    ("meeting", "completed"): "held",
    ("meeting", "canceled"): "canceled",
    ("task", "completed"): "completed",
    ("lead", "merged"): Verb.MERGED.value,
}
"""What an action means where it means more than its name. A call that Close dials is created, then completed: one fact
a record. An e-mail is created as a draft, or when it comes in: only ``sent`` counts."""
_STATUSES = {"active": "open", "won": "won", "lost": "lost"}
_VERBS = {"won": Verb.WON, "lost": Verb.LOST, "open": Verb.REOPENED}
_DIRECTIONS = {"incoming": "inbound", "outgoing": "outbound"}
_PERIODS_A_YEAR = {"one_time": 1, "annual": 1, "monthly": 12}
_CENTS = ("annualized_expected_value", "annualized_value", "cost", "expected_value")
_READ = frozenset(
    {"assigned_to", "direction", "duration", "lead_id", "status_type", "user_id", "value", "value_currency", *_CENTS}
)


class Notice(Struct, frozen=True, kw_only=True):
    """One event. ``data``: the object, None of a deleted one; ``before``: what changed, as it was, or all of it."""

    object_type: str
    action: str
    record: str
    event: str
    at: Micros
    data: JsonObject | None
    before: JsonObject
    lead: str | None
    meta: JsonObject

    @property
    def kind(self) -> str:
        """Our record type."""
        return _kind(self.object_type) or self.object_type

    @property
    def state(self) -> JsonObject:
        """The object as it is, or as it last was."""
        return self.before if self.data is None else self.data

    def changed(self, name: str) -> bool:
        """Whether this event changed a field."""
        return name in self.before and name in self.state and self.before[name] != self.state[name]


def _kind(object_type: str) -> str | None:
    return "task" if object_type.startswith(_TASK) else _KINDS.get(object_type)


def knows(object_type: str, action: str) -> bool:
    """Whether we know what it is when this happens to that."""
    kind = _kind(object_type)
    return kind is not None and (action in _PLAIN or (kind, action) in _MOMENTS)


def statements(notice: Notice, source: Source) -> list[Statement]:
    """What an event says. Raises: Unusable."""
    if notice.action == Verb.MERGED:
        return [_merged(notice)]
    if notice.data is None and notice.action != Verb.DELETED:
        refuse(RejectReason.INVALID_FIELDS, "data is missing")
    verb = _MOMENTS.get((notice.kind, notice.action), notice.action)
    fields = _fields(notice)
    if notice.kind == "deal":
        fields |= _deal_fields(notice.state, source)
        verb = _deal_verb(notice, fields) if verb == Verb.UPDATED else verb
    elif notice.kind == "task" and verb == Verb.UPDATED and notice.changed("is_complete"):
        verb = "completed" if notice.state["is_complete"] is True else verb
    return [
        Statement(
            kind=notice.kind,
            record=notice.record,
            verb=verb,
            fields=fields,
            owner=_owner(notice),
            times=_times(notice, verb),
        )
    ]


def _merged(notice: Notice) -> Statement:
    """Of the lead that is no more. The survivor's own changes are events of their own."""
    loser = identifier(notice.meta.get("merge_source_lead_id"), "merge_source_lead_id")
    survivor = identifier(notice.meta.get("merge_destination_lead_id"), "merge_destination_lead_id")
    if loser == survivor:
        refuse(RejectReason.INVALID_RECORD, "a lead is not merged into itself")
    return Statement(kind="lead", record=loser, verb=Verb.MERGED, fields={"into": survivor})


def _fields(notice: Notice) -> dict[str, Scalar]:
    """What every object has. Raises: Unusable."""
    state = notice.state
    fields = scalars(state, but=_READ)
    if notice.kind != "lead":
        fields["account"] = optional_identifier(state.get("lead_id", notice.lead), "lead_id")
    if "duration" in state:
        fields["duration_seconds"] = seconds(state["duration"], "duration")
    if "direction" in state:
        direction = _text(state["direction"], "direction")
        fields["direction"] = direction and _DIRECTIONS.get(direction, direction.lower())
    for name in _CENTS:
        if name in state:
            fields[name] = _units(state[name], name)
    return fields


def _deal_fields(state: JsonObject, source: Source) -> dict[str, Scalar]:
    fields: dict[str, Scalar] = {}
    if "status_type" in state:
        status = _text(state["status_type"], "status_type")
        fields["status"] = status and _STATUSES.get(status, status)
    if "status_id" in state:
        stage = fields["stage"] = optional_identifier(state["status_id"], "status_id")
        if "status" not in fields and stage is not None and (source.won_stages or source.lost_stages):
            fields["status"] = status_of(stage, source)
    if "value_currency" in state:
        fields["currency"] = _text(state["value_currency"], "value_currency")
    if "value" in state:
        fields["amount"] = _units(state["value"], "value")
        fields.update(_a_year(state))
    return fields


def _a_year(state: JsonObject) -> dict[str, Scalar]:
    """``annualized_value``, where Close does not send it: what is paid once counts once."""
    if "annualized_value" in state:
        return {}
    period, value = state.get("value_period"), state["value"]
    times = _PERIODS_A_YEAR.get(period) if isinstance(period, str) else None
    if times is None or not isinstance(value, str):
        return {"annualized_value": None}
    return {"annualized_value": _plain(exact.CONTEXT.multiply(Decimal(value), times))}


def _units(value: Json, what: str) -> str | None:
    """Cents as units, exact; None for null. Raises: Unusable."""
    if value is None:
        return None
    number = exact.number(value) if isinstance(value, Number) else None
    if number is None:
        refuse(RejectReason.INVALID_AMOUNT, f"{what} is a number of cents that can be kept exact")
    return _plain(number)


def _plain(cents: Decimal) -> str:
    return format(cents.scaleb(-2, context=exact.CONTEXT), "f")


def _deal_verb(notice: Notice, fields: dict[str, Scalar]) -> str:
    """The most telling thing that happened to the deal."""
    status = fields.get("status")
    if notice.changed("status_type") and isinstance(status, str) and status in _VERBS:
        return _VERBS[status]
    moved = notice.changed("status_id") and fields.get("stage") is not None
    return Verb.STAGE_CHANGED if moved else Verb.UPDATED


def _owner(notice: Notice) -> str | UnsetType | None:
    """Whose it is. A lead has nobody of its own: ``user_id`` of the event is who acted."""
    for name in ("assigned_to", "user_id"):
        if name in notice.state:
            return optional_identifier(notice.state[name], name)
    return UNSET


def _times(notice: Notice, verb: str) -> dict[str, Micros]:
    """A meeting is held when it begins. ``date_won`` is a mere date, and no time."""
    if (notice.kind, verb) != ("meeting", "held"):
        return {}
    start = moment(notice.state.get("starts_at"), "starts_at", notice.at)
    return {} if start is None else {verb: min(start, notice.at)}


def _text(value: Json, what: str) -> str | None:
    if value is not None and (not isinstance(value, str) or isinstance(value, Number)):
        refuse(RejectReason.INVALID_PROPERTY, f"{what} is a text or null")
    return value
