"""The fields of Pipedrive's objects in our words.

They keep Pipedrive's names, except where KPIs need one name for all CRMs: ``owner_id``, in version 1 ``user_id``
(owner), ``value`` (amount, of leads with its currency), ``stage_id`` (stage), ``org_id`` (account), ``deal_id`` (deal),
``duration`` (duration_seconds). Custom fields are named by their hash; of an option only its id is sent.
"""

from __future__ import annotations

import re

from msgspec import UNSET, UnsetType

from services.ingest.domain.delivery import RejectReason
from services.ingest.domain.json_values import Json, JsonObject
from services.ingest.domain.own_fields import is_scalar, own_name, scalar, scalars
from services.ingest.domain.said import amount, optional_identifier, refuse
from shared.domain.changes import Scalar

_OWNERS = ("owner_id", "user_id")
_REFERENCES = {"stage_id": "stage", "organization_id": "account", "org_id": "account", "deal_id": "deal"}
_READ = frozenset({*_OWNERS, *_REFERENCES, "currency", "duration", "lost_reason", "status", "value"})
_DURATION = re.compile(r"(\d{1,4}):([0-5]\d)(?::([0-5]\d))?", re.ASCII)


def fields_of(state: JsonObject) -> dict[str, Scalar]:
    """Every plain value but the status, and what has a name of ours where the object has it. Raises: Unusable."""
    fields = scalars(state, but=_READ) | _custom(state.get("custom_fields")) | _worth(state)
    for theirs, ours in _REFERENCES.items():
        if theirs in state:
            fields[ours] = _reference(state[theirs], theirs)
    if "duration" in state:
        fields["duration_seconds"] = _duration(state["duration"])
    if "lost_reason" in state and is_scalar(state["lost_reason"]):
        fields["lost_reason"] = scalar(state["lost_reason"])
    return fields


def owner_of(state: JsonObject) -> str | UnsetType | None:
    """Whose it is; null clears. Raises: Unusable."""
    name = next((name for name in _OWNERS if name in state), None)
    return UNSET if name is None else _reference(state[name], name)


def _worth(state: JsonObject) -> dict[str, Scalar]:
    """Amount and currency; a lead's ``value`` holds both, and its null clears both. Raises: Unusable."""
    said = {name: state[name] for name in ("value", "currency") if name in state}
    if isinstance(said.get("value"), dict) or ("value" in said and "currency" not in said and said["value"] is None):
        worth = said["value"] or {}
        said = {"value": worth.get("amount"), "currency": worth.get("currency")} if isinstance(worth, dict) else {}
    fields: dict[str, Scalar] = {}
    if "value" in said:
        fields["amount"] = amount(said["value"], "value")
    if "currency" in said:
        fields["currency"] = optional_identifier(said["currency"], "currency")
    return fields


def _custom(value: Json) -> dict[str, Scalar]:
    """Custom fields as version 1 has them: the plain value, of money with ``..._currency``, options by their ids."""
    fields: dict[str, Scalar] = {}
    for name, item in value.items() if isinstance(value, dict) else ():
        if is_scalar(item):
            fields[own_name(name)] = scalar(item)
        elif isinstance(item, dict):
            fields |= {own_name(f"{name}{suffix}"): plain for suffix, plain in _typed(item).items()}
    return fields


def _typed(item: JsonObject) -> dict[str, Scalar]:
    """What an object of version 2 holds, by suffix of the field's name."""
    options = item.get("values")
    if isinstance(options, list):
        ids = [option.get("id") for option in options if isinstance(option, dict)]
        return {"": ",".join(str(scalar(one)) for one in ids if is_scalar(one))}
    plain = item.get("value", item.get("id"))
    found = {"": plain, "_currency": item["currency"]} if "currency" in item else {"": plain}
    return {suffix: scalar(one) for suffix, one in found.items() if is_scalar(one)}


def _reference(value: Json, what: str) -> str | None:
    """An id; version 1 wraps some into an object. Raises: Unusable."""
    if isinstance(value, dict):
        value = value.get("id", value.get("value"))
    return optional_identifier(value, what)


def _duration(value: Json) -> str | None:
    """Hours, minutes and maybe seconds, in version 2 within an object; empty is none. Raises: Unusable."""
    if isinstance(value, dict):
        value = value.get("value")
    if value is None or value == "":
        return None
    match = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        refuse(RejectReason.INVALID_DURATION, "duration is hours, minutes and seconds, such as 00:30:00")
    hours, minutes, seconds = match.groups(default="0")
    return str(int(hours) * 3600 + int(minutes) * 60 + int(seconds))
