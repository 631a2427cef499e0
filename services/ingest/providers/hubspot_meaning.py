"""What HubSpot's object types, properties and stages mean in our words.

Each property keeps its own name, except where KPIs need one name for all CRMs: ``hubspot_owner_id`` (owner),
``dealstage`` (stage, and status by the source's stage lists), ``deal_currency_code`` (currency), ``hs_call_duration``
(duration_seconds), ``hs_call_direction`` and ``hs_email_direction`` (direction), ``closed_lost_reason`` (lost_reason).
An object's primary company is its account.
"""

from __future__ import annotations

from msgspec import UNSET, Struct, UnsetType

from services.ingest.domain import stages
from services.ingest.domain.delivery import RejectReason
from services.ingest.domain.json_values import Json
from services.ingest.domain.own_fields import own_name
from services.ingest.domain.said import mark as mark_of
from services.ingest.domain.said import optional_instant, refuse, scaled
from shared.domain import exact
from shared.domain.changes import Scalar, Verb
from shared.domain.instants import Micros
from shared.domain.sources import Source

_OBJECT_TYPES = {
    "0-1": "contact",
    "0-2": "company",
    "0-3": "deal",
    "0-5": "ticket",
    "0-7": "product",
    "0-8": "line_item",
    "0-14": "quote",
    "0-18": "communication",
    "0-27": "task",
    "0-46": "note",
    "0-47": "meeting",
    "0-48": "call",
    "0-49": "email",
    "0-136": "lead",
}
_NAMES = {name: name for name in _OBJECT_TYPES.values()} | {"meeting_event": "meeting"}
COMPANY = "company"
TRACKED = frozenset({"deal", "call", "meeting", "email", "task", "lead", "quote"})
"""The objects that our records are made of; of the others we know that no KPI reads them."""
CREATION_VERBS = {"call": "logged", "meeting": "booked", "email": "sent"}
"""What the creation of an activity means; everything else is created."""

LEFT_OUT = {
    "deal": ("owner", "stage", "amount", "currency"),
    "call": ("owner", "direction", "duration_seconds"),
    "meeting": ("owner", "hs_meeting_start_time"),
    "email": ("owner", "direction"),
    "task": ("owner",),
    "lead": ("owner",),
    "quote": ("owner",),
}
"""What a creation does not say, by our names: HubSpot has to be asked for it, or its changes subscribed to."""

_TIMES = {
    ("call", "hs_timestamp"): "logged",
    ("email", "hs_timestamp"): "sent",
    ("meeting", "hs_meeting_start_time"): "held",
    ("task", "hs_task_completion_date"): "completed",
}
"""Properties that carry the CRM's own time of a moment."""
_OUTCOMES = {
    ("meeting", "hs_meeting_outcome", "COMPLETED"): "held",
    ("meeting", "hs_meeting_outcome", "CANCELED"): "canceled",
    ("task", "hs_task_status", "COMPLETED"): "completed",
}
"""Values that are a moment themselves."""
_STATUSES = {
    ("hs_is_closed_won", "true"): "won",
    ("hs_is_closed_lost", "true"): "lost",
    ("hs_is_closed_won", "false"): "open",
    ("hs_is_closed", "false"): "open",
}
_NO_LONGER_WON = ("hs_is_closed_won", "false")
"""Open or lost. Where a source lists its stages they say which, and HubSpot may compute this a moment later."""
_OWNER = "hubspot_owner_id"
_RENAMED = {
    ("deal", "amount"): "amount",
    ("deal", "deal_currency_code"): "currency",
    ("deal", "closed_lost_reason"): "lost_reason",
}
"""Properties that KPIs know by one name for all CRMs, as they stand."""
_EMAIL_DIRECTIONS = {"EMAIL": "outbound", "INCOMING_EMAIL": "inbound"}
_READ = {
    *(("deal", name) for name in ("dealstage", "hs_is_closed", "hs_is_closed_won", "hs_is_closed_lost")),
    *(("call", name) for name in ("hs_call_duration", "hs_call_direction")),
    ("email", "hs_email_direction"),
    ("meeting", "hs_meeting_outcome"),
    ("task", "hs_task_status"),
}
_WEAK = "!"
"""Sorts before every property's name: at the same instant "no longer won" gives way to what the stage says, and "no
longer of this company" to the company that comes instead."""
DEFAULT_WON = frozenset({"closedwon"})
DEFAULT_LOST = frozenset({"closedlost"})
_LONGEST_NAME = 200


class Said(Struct, frozen=True):
    """What an event says of its record. ``mark`` tells it from what else is said of the record at that instant."""

    verb: str
    mark: str
    fields: dict[str, Scalar] = {}
    owner: str | UnsetType | None = UNSET
    times: dict[str, Micros] = {}
    missing: tuple[str, ...] = ()


def kind_of(name: Json) -> str | None:
    """Our record type of an objectTypeId (``0-3``), or of a legacy or plain name (``deal``, ``MEETING_EVENT``)."""
    if not isinstance(name, str):
        return None
    return _OBJECT_TYPES.get(name) or _NAMES.get(name.lower())


def is_ours(kind: str, name: str) -> bool:
    """Whether a property means something beyond its own name."""
    said = (kind, name)
    return name == _OWNER or said in _RENAMED or said in _READ or said in _TIMES


def property_change(kind: str, name: str, value: str | None, *, source: Source) -> Said:
    """What a property's new value says; None is cleared. Raises: Unusable."""
    if not 0 < len(name) <= _LONGEST_NAME or "=" in name:
        refuse(RejectReason.INVALID_PROPERTY, f"a property's name has 1 to {_LONGEST_NAME} characters and no =")
    mark = f"{name}={mark_of(value)}"
    if name == _OWNER:
        return Said(Verb.UPDATED, mark, owner=value)
    if (kind, name) in _READ:
        return _read(kind, name, value, mark=mark, source=source)
    if (field := _RENAMED.get((kind, name))) is not None:
        if field == "amount" and value is not None and not exact.is_number(value):
            refuse(RejectReason.INVALID_AMOUNT, "amount is no decimal number")
        return Said(Verb.UPDATED, mark, fields={field: value})
    times = _times(kind, name, value) if (kind, name) in _TIMES else {}
    return Said(Verb.UPDATED, mark, fields={own_name(name): value}, times=times)


def account(company: str, *, removed: bool) -> Said:
    """What an object's primary company says."""
    mark = f"account={company}"
    if removed:
        return Said(Verb.UPDATED, _WEAK + mark, fields={"account": None})
    return Said(Verb.UPDATED, mark, fields={"account": company})


def _read(kind: str, name: str, value: str | None, *, mark: str, source: Source) -> Said:
    """A property whose value means something. Raises: Unusable."""
    if name == "dealstage":
        if value is None:
            return Said(Verb.UPDATED, mark, fields={"stage": None})
        return Said(Verb.STAGE_CHANGED, mark, fields=stage_fields(value, source))
    fields = _fields(name, value)
    if fields is not None:
        return Said(Verb.UPDATED, mark, fields=fields)
    status = _STATUSES.get((name, value or ""))
    if (name, value) == _NO_LONGER_WON and (source.won_stages or source.lost_stages):
        status = None
    if status is not None:
        weak = _WEAK if status == "open" else ""
        return Said(Verb.UPDATED, weak + mark, fields={name: value, "status": status})
    return Said(_OUTCOMES.get((kind, name, value or ""), Verb.UPDATED), mark, fields={name: value})


def _fields(name: str, value: str | None) -> dict[str, Scalar] | None:
    """Of calls and e-mails; None for any other property. Raises: Unusable."""
    if name == "hs_call_duration":
        return {"duration_seconds": _seconds(value)}
    if name == "hs_call_direction":
        return {"direction": value.lower() if value else None}
    if name == "hs_email_direction":
        return {name: value, "direction": _EMAIL_DIRECTIONS.get(value or "")}
    return None


def stage_fields(stage: str, source: Source) -> dict[str, Scalar]:
    """A move to a stage that means neither won nor lost opens the deal, again or still.

    Without lists the stages of HubSpot's default pipeline count.
    """
    return {"stage": stage, "status": stages.status_of(stage, source, won=DEFAULT_WON, lost=DEFAULT_LOST)}


def _seconds(value: str | None) -> str | None:
    """Of a duration in milliseconds. Raises: Unusable."""
    if value is None:
        return None
    number = exact.number(value)
    if number is None or number < 0:
        refuse(RejectReason.INVALID_DURATION, "hs_call_duration is a number of milliseconds")
    return scaled(value, -3)


def _times(kind: str, name: str, value: str | None) -> dict[str, Micros]:
    """HubSpot's own time of a moment. Raises: Unusable."""
    at = optional_instant(value, name)
    return {} if at is None else {_TIMES[kind, name]: at}
