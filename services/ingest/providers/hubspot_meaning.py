"""What HubSpot's object types, properties and stages mean in our words.

Each property keeps its own name, except where KPIs need one name for all CRMs: ``hubspot_owner_id`` (owner),
``dealstage`` (stage, and status by the source's stage lists), ``deal_currency_code`` (currency), ``hs_call_duration``
(duration_seconds), ``hs_call_direction`` (direction, lower case).
"""

from __future__ import annotations

import hashlib
import re
from decimal import Decimal

from msgspec import UNSET, Struct, UnsetType

from services.ingest.domain.delivery import RejectReason
from services.ingest.domain.json_values import Json
from shared.domain import exact, instants
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
_KINDS = frozenset(_OBJECT_TYPES.values())
TRACKED = frozenset({"deal", "call", "meeting", "email", "task", "lead", "quote"})
"""The objects that our records are made of; of the others we know that no KPI reads them."""
CREATION_VERBS = {"call": "logged", "meeting": "booked", "email": "sent"}
"""What the creation of an activity means; everything else is created."""

LEFT_OUT = {
    "deal": ("owner", "stage", "amount", "currency"),
    "call": ("owner", "direction", "duration_seconds"),
    "meeting": ("owner", "hs_meeting_start_time"),
    "email": ("owner",),
    "task": ("owner",),
    "lead": ("owner",),
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
_OURS = frozenset({"owner", "rep", "stage", "status", "currency", "into"})
"""Names with a meaning of ours. A customer's own property of such a name is kept as ``crm_status`` and the like."""
_WEAK = "!"
"""Sorts before every property's name: at the same instant "no longer won" gives way to what the stage says."""
DEFAULT_WON = frozenset({"closedwon"})
DEFAULT_LOST = frozenset({"closedlost"})
_MILLISECONDS = re.compile(r"\d{1,15}", re.ASCII)
_MARK_LENGTH = 64


class Unmeaning(Exception):
    """An element that cannot be used."""

    def __init__(self, reason: RejectReason, detail: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.detail = detail


class Said(Struct, frozen=True):
    """What an event says of its record. ``mark`` tells it from what else is said of the record at that instant."""

    verb: str
    mark: str
    fields: dict[str, Scalar] = {}
    owner: str | UnsetType | None = UNSET
    times: dict[str, Micros] = {}
    missing: tuple[str, ...] = ()


def kind_of(name: Json) -> str | None:
    """Our record type of an objectTypeId (``0-3``), or of a legacy or plain name (``deal``, ``DEAL``)."""
    if not isinstance(name, str):
        return None
    lower = name.lower()
    return _OBJECT_TYPES.get(name) or (lower if lower in _KINDS else None)


def property_change(kind: str, name: str, value: str | None, *, source: Source) -> Said:
    """What a property's new value says; None is cleared. Raises: Unmeaning."""
    mark = f"{name}={_short(value)}"
    field = f"crm_{name}" if name in _OURS else name
    if name == "hubspot_owner_id":
        return Said(Verb.UPDATED, mark, owner=value)
    if kind == "deal":
        return _deal_change(name, value, mark=mark, source=source) or Said(Verb.UPDATED, mark, fields={field: value})
    if kind == "call" and name in {"hs_call_duration", "hs_call_direction"}:
        return Said(Verb.UPDATED, mark, fields=_call_field(name, value))
    if value is not None and (verb := _OUTCOMES.get((kind, name, value))):
        return Said(verb, mark, fields={name: value})
    moment = _TIMES.get((kind, name))
    times = {moment: _instant(value)} if moment and value is not None else {}
    return Said(Verb.UPDATED, mark, fields={field: value}, times=times)


def _deal_change(name: str, value: str | None, *, mark: str, source: Source) -> Said | None:
    """None for a property that has no meaning of its own."""
    if name == "dealstage":
        return Said(Verb.STAGE_CHANGED, mark, fields=stage_fields(value, source)) if value else _cleared("stage", mark)
    if name == "amount":
        if value is not None and not exact.is_number(value):
            raise Unmeaning(RejectReason.INVALID_AMOUNT, "amount is no decimal number")
        return Said(Verb.UPDATED, mark, fields={"amount": value})
    if name == "deal_currency_code":
        return Said(Verb.UPDATED, mark, fields={"currency": value})
    status = _STATUSES.get((name, value or ""))
    if status is not None:
        weak = _WEAK if status == "open" else ""
        return Said(Verb.UPDATED, weak + mark, fields={name: value, "status": status})
    return None


def _cleared(field: str, mark: str) -> Said:
    return Said(Verb.UPDATED, mark, fields={field: None})


def stage_fields(stage: str, source: Source) -> dict[str, Scalar]:
    """A move to a stage that means neither won nor lost opens the deal, again or still.

    Without lists the stages of HubSpot's default pipeline count.
    """
    configured = bool(source.won_stages or source.lost_stages)
    won, lost = (source.won_stages, source.lost_stages) if configured else (DEFAULT_WON, DEFAULT_LOST)
    if stage in won:
        return {"stage": stage, "status": "won"}
    return {"stage": stage, "status": "lost" if stage in lost else "open"}


def _call_field(name: str, value: str | None) -> dict[str, Scalar]:
    if name == "hs_call_direction":
        return {"direction": value.lower() if value else None}
    if value is None:
        return {"duration_seconds": None}
    if _MILLISECONDS.fullmatch(value) is None:
        raise Unmeaning(RejectReason.INVALID_DURATION, "hs_call_duration is a whole number of milliseconds")
    return {"duration_seconds": exact.plain(Decimal(value).scaleb(-3))}


def _instant(value: str) -> Micros:
    try:
        return int(value) * 1000 if _MILLISECONDS.fullmatch(value) else instants.parse(value)
    except ValueError:
        raise Unmeaning(RejectReason.INVALID_TIME, "a time is milliseconds or RFC 3339") from None


def _short(value: str | None) -> str:
    """Values up to 64 characters as they are, longer ones by their digest."""
    if value is None:
        return ""
    return value if len(value) <= _MARK_LENGTH else hashlib.sha256(value.encode()).hexdigest()
