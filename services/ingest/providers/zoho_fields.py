"""The values of Zoho's modules in our words.

They keep Zoho's field names, lookups as their ids, except where KPIs need one name for all CRMs: ``Owner`` (owner),
``Amount`` and a quote's ``Grand_Total`` (amount), ``Currency`` (currency), ``Stage`` (stage, and status by the source's
stage lists), ``Account_Name`` (account), ``What_Id`` and ``Deal_Name`` (deal), ``Call_Type`` (direction),
``Call_Duration_in_seconds`` (duration_seconds), ``Reason_For_Loss__s`` (lost_reason).
"""

from __future__ import annotations

import re

from msgspec import UNSET, UnsetType

from services.ingest.domain import said
from services.ingest.domain.delivery import RejectReason
from services.ingest.domain.json_values import Json, JsonObject
from services.ingest.domain.own_fields import is_scalar, own_name, scalar
from services.ingest.domain.said import refuse
from services.ingest.domain.stages import status_of
from shared.domain.changes import Scalar
from shared.domain.instants import Micros
from shared.domain.sources import Source

DEFAULT_WON = frozenset({"Closed Won"})
DEFAULT_LOST = frozenset({"Closed Lost", "Closed Lost to Competition", "Closed-Lost to Competition"})
NAMES: dict[str, dict[str, str]] = {
    "deal": {"Amount": "amount", "Currency": "currency", "Stage": "stage", "Account_Name": "account"}
    | {"Reason_For_Loss__s": "lost_reason"},
    "call": {"Call_Type": "direction", "What_Id": "deal"},
    "meeting": {"What_Id": "deal"},
    "task": {"What_Id": "deal"},
    "lead": {},
    "quote": {"Grand_Total": "amount", "Currency": "currency", "Account_Name": "account", "Deal_Name": "deal"},
}
"""Our names of what Zoho calls otherwise, by kind; the owner is the same for all."""
OWNER = "Owner"
_ABOUT, _ABOUT_MODULE, _DEALS = "What_Id", "$se_module", "Deals"
"""What an activity is about, and the module of that."""
_DURATION, _CLOCK_DURATION = "Call_Duration_in_seconds", "Call_Duration"
_CLOCK = re.compile(r"(?:(\d{1,3}):)?(\d{1,4}):([0-5]\d)", re.ASCII)
UNCLEAR = frozenset({_ABOUT, _CLOCK_DURATION})
"""Values that may be there and yet not say what we need of them."""
_TIMES = {
    ("deal", "Created_Time"): "created",
    ("call", "Call_Start_Time"): "logged",
    ("meeting", "Created_Time"): "booked",
    ("task", "Created_Time"): "created",
    ("task", "Closed_Time"): "completed",
    ("lead", "Created_Time"): "created",
    ("lead", "Converted_Date_Time"): "qualified",
    ("quote", "Created_Time"): "created",
}
"""Values that are the CRM's own time of a moment."""


def fields_of(kind: str, values: JsonObject, source: Source) -> dict[str, Scalar]:
    """Every value but the owner. Raises: Unusable."""
    fields: dict[str, Scalar] = {}
    names = _names_in(kind, values)
    for theirs, value in values.items():
        ours = names.get(theirs)
        if ours is not None:
            fields[ours] = _OURS[ours](value, theirs)
        elif theirs != OWNER and (plain := _plain(value)) is not UNSET:
            fields[own_name(theirs)] = plain
    if kind == "call":
        fields |= _duration(values)
    if _ABOUT in NAMES[kind] and _is_about_no_deal(values):
        fields["deal"] = None
    stage = fields.get("stage")
    if isinstance(stage, str):
        fields["status"] = status_of(stage, source, won=DEFAULT_WON, lost=DEFAULT_LOST)
    return fields


def _names_in(kind: str, values: JsonObject) -> dict[str, str]:
    """Our names of these values. What an activity is about is a deal only where its module is said to be that."""
    if values.get(_ABOUT_MODULE) == _DEALS:
        return NAMES[kind]
    return {theirs: ours for theirs, ours in NAMES[kind].items() if theirs != _ABOUT}


def _is_about_no_deal(values: JsonObject) -> bool:
    return _ABOUT in values and (values[_ABOUT] is None or values.get(_ABOUT_MODULE, _DEALS) != _DEALS)


def _direction(value: Json, what: str) -> str | None:
    """A missed call was an inbound one."""
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        refuse(RejectReason.INVALID_FIELDS, f"{what} is a text")
    return "inbound" if value.lower() == "missed" else value.lower()


def _duration(values: JsonObject) -> dict[str, Scalar]:
    """In seconds, or as minutes and seconds, maybe hours; what is neither is left to be asked for."""
    if values.get(_DURATION) is not None:
        return {"duration_seconds": said.seconds(values[_DURATION], _DURATION)}
    text = values.get(_CLOCK_DURATION)
    match = _CLOCK.fullmatch(text) if isinstance(text, str) else None
    if match is not None:
        hours, minutes, seconds = match.groups(default="0")
        return {"duration_seconds": str(int(hours) * 3600 + int(minutes) * 60 + int(seconds))}
    is_cleared = {_DURATION, _CLOCK_DURATION} & values.keys() and not text
    return {"duration_seconds": None} if is_cleared else {}


def reference(value: Json, what: str) -> str | None:
    """A lookup's id, or the plain text where Zoho sends that. Raises: Unusable."""
    return said.optional_identifier(value.get("id") if isinstance(value, dict) else value, what)


def _text(value: Json, what: str) -> str | None:
    return said.optional_identifier(value, what)


_OURS = {
    "account": reference,
    "amount": said.amount,
    "currency": _text,
    "deal": reference,
    "direction": _direction,
    "lost_reason": _text,
    "stage": _text,
}


def _plain(value: Json) -> Scalar | UnsetType:
    """A plain value, a lookup's id, a list's plain values side by side; UNSET for anything else."""
    if isinstance(value, dict):
        value = value.get("id")
        return scalar(value) if is_scalar(value) and value is not None else UNSET
    if isinstance(value, list):
        return ";".join(str(scalar(item)) for item in value if is_scalar(item) and item is not None)
    return scalar(value)


def times_of(kind: str, values: JsonObject) -> dict[str, Micros]:
    """The CRM's own times of moments. Raises: Unusable."""
    times: dict[str, Micros] = {}
    for name, value in values.items():
        moment = _TIMES.get((kind, name))
        at = None if moment is None else said.optional_instant(value, name)
        if moment is not None and at is not None:
            times[moment] = at
    return times


def our_name(kind: str, name: str) -> str:
    """What one of Zoho's fields is called with us."""
    if kind == "call" and name in {_DURATION, _CLOCK_DURATION}:
        return "duration_seconds"
    return "owner" if name == OWNER else NAMES[kind].get(name) or own_name(name)
