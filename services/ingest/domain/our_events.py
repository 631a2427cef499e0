"""Events that speak our own language, ``deal.won`` with the record's fields, whichever envelope they come in."""

from __future__ import annotations

import hashlib
import re

from msgspec import UNSET, Struct, UnsetType

from services.ingest.domain.delivery import Context, RejectReason
from services.ingest.domain.json_values import Json, JsonObject, Number, compact
from services.ingest.domain.said import MAX_ID, amount, identifier, instant, not_ahead, optional_identifier, refuse
from services.ingest.domain.stages import status_of
from shared.domain.changes import EVENT_TYPE, RecordChange, Scalar, Verb
from shared.domain.instants import Micros
from shared.domain.sources import Source

KINDS = frozenset({"deal", "call", "email", "meeting", "task", "lead", "quote"})
"""The record types that foreign envelopes may speak of: their senders' other types mean what we cannot know."""
MAX_URL = 2048
_PREFIXED = re.compile(r"(?:.*\.)?([a-z][a-z0-9_]*)\.([a-z][a-z0-9_]*)", re.ASCII)
_VERSION = re.compile(r"\.v\d{1,9}\Z", re.ASCII)
"""Event types elsewhere are reverse-DNS names, some with a version at the end: ``com.example.crm.deal.won.v1``."""
_STATED = frozenset({Verb.WON, Verb.LOST, Verb.REOPENED})
_ABOUT_IT = frozenset({"record", "record_id", "object_id", "id", "rep", "owner_id", "fields", "url", "occurred_at"})
"""Keys beside the fields that say which record it is, whose, where and when."""
_OURS = {"account_id": "account", "deal_id": "deal", "stage_id": "stage"}
"""Names of ids that KPIs read under one name."""


class OurEvent(Struct, frozen=True, kw_only=True):
    """One event, whoever sent it. ``event`` with ``at`` is its identity."""

    event: str
    kind: str
    verb: str
    at: Micros
    record: str
    fields: dict[str, Scalar]
    owner: str | UnsetType | None
    url: str | None = None


def change_of(said: OurEvent, context: Context) -> RecordChange:
    """The record change that an event means."""
    return RecordChange(
        tenant=context.source.tenant,
        source=context.source.id,
        record_type=said.kind,
        record=said.record,
        verb=said.verb,
        event=said.event,
        occurred_at=said.at,
        received_at=context.received_at,
        fields=said.fields,
        owner=said.owner,
        url=said.url,
        delivery=context.delivery,
    )


def event_type(value: Json) -> tuple[str, str]:
    """Record type and verb of a type of our own form. Raises: Unusable."""
    if value is None or value == "":
        refuse(RejectReason.MISSING_TYPE, "type is required")
    match = EVENT_TYPE.fullmatch(value) if isinstance(value, str) and len(value) <= MAX_ID else None
    if match is None:
        refuse(RejectReason.INVALID_TYPE, "type is a record type, a dot and a verb, such as deal.won")
    return match.group(1), match.group(2)


def known_type(value: Json) -> tuple[str, str]:
    """Record type and verb of a foreign type that ends in one of ours. Raises: Unusable."""
    if value is None or value == "":
        refuse(RejectReason.MISSING_TYPE, "type is required")
    if not isinstance(value, str):
        refuse(RejectReason.INVALID_TYPE, "type is a text such as com.example.deal.won")
    match = _PREFIXED.fullmatch(_VERSION.sub("", value)) if len(value) <= MAX_ID else None
    if match is None or match.group(1) not in KINDS:
        refuse(RejectReason.UNKNOWN_TYPE, f"{value[:100]!r} ends in no event type of ours, such as deal.won")
    return match.group(1), match.group(2)


def identity(*parts: str) -> str:
    """One event id of several: the same for the same parts, another for any others."""
    joined = " ".join(part.replace("%", "%25").replace(" ", "%20") for part in parts)
    return joined if len(joined) <= MAX_ID else hashlib.sha256(joined.encode()).hexdigest()


def fields_of(value: Json) -> dict[str, Scalar]:
    """The record's fields: numbers as their text, nested values as compact JSON. Raises: Unusable."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        refuse(RejectReason.INVALID_FIELDS, "fields is an object")
    return {name: _scalar(item) for name, item in value.items()}


def _scalar(value: Json) -> Scalar:
    if isinstance(value, (dict, list)):
        return compact(value)
    return str(value) if isinstance(value, Number) else value


def owner_of(rep: Json, fields: dict[str, Scalar]) -> str | UnsetType | None:
    """``fields.owner`` goes before ``rep``, and its null clears; ``rep: null`` says nothing. Raises: Unusable."""
    if "owner" in fields:
        owner = fields["owner"]
        return None if owner is None else identifier(owner, "fields.owner", reason=RejectReason.INVALID_FIELDS)
    return UNSET if rep is None else identifier(rep, "rep", reason=RejectReason.INVALID_REP)


def url_of(value: Json) -> str | None:
    """A web address only: boards make a link of it. Raises: Unusable."""
    if value is None:
        return None
    if not isinstance(value, str) or len(value) > MAX_URL or not value.lower().startswith(("https://", "http://")):
        refuse(RejectReason.INVALID_URL, f"url is an http(s) address of at most {MAX_URL} characters")
    return value


class Envelope(Struct, frozen=True, kw_only=True):
    """What stands around ``data`` in a foreign format. ``time`` None: the envelope names none."""

    event: str
    type: str
    time: Micros | None
    data: Json
    subject: str | None = None


def read(envelope: Envelope, context: Context) -> OurEvent:
    """An event whose ``data`` is as a native event is, or has the fields plainly beside each other.

    Its time is the envelope's, else ``data.occurred_at``; never ours, for a repeated delivery would then be another
    event. Its record is named by ``record``, ``deal_id`` of a deal, ``record_id``, ``object_id`` or ``id``, else by the
    subject (``8`` or ``deal/8``), else by the event. Raises: Unusable.
    """
    kind, verb = known_type(envelope.type)
    data: JsonObject = {} if envelope.data is None else _object(envelope.data)
    at = instant(data.get("occurred_at"), "time") if envelope.time is None else envelope.time
    fields = _flat_fields(data, kind) | fields_of(data.get("fields"))
    owner = owner_of(data.get("rep"), fields)
    fields.pop("owner", None)
    return OurEvent(
        event=envelope.event,
        kind=kind,
        verb=verb,
        at=not_ahead(at, context.now, "time"),
        record=_record(data, kind) or _of_subject(envelope.subject, kind) or envelope.event,
        fields=_checked(fields, verb, kind, context.source),
        owner=owner,
        url=url_of(data.get("url")),
    )


def _object(value: Json) -> JsonObject:
    if not isinstance(value, dict):
        refuse(RejectReason.INVALID_FIELDS, "data is no JSON object")
    return value


def _flat_fields(data: JsonObject, kind: str) -> dict[str, Scalar]:
    """What stands beside each other, ids under their one name; a name of ours goes before a name of an id."""
    own = f"{kind}_id"
    plain = {name: value for name, value in data.items() if name not in _ABOUT_IT and name != own}
    named = {_OURS[name]: plain.pop(name) for name in _OURS if name in plain}
    if "owner_id" in data:
        named["owner"] = data["owner_id"]
    return fields_of({**named, **plain})


def _record(data: JsonObject, kind: str) -> str | None:
    names = ("record", f"{kind}_id", "record_id", "object_id", "id")
    found = ((name, data[name]) for name in names if data.get(name) is not None)
    name, value = next(found, ("", None))
    return None if value is None else identifier(value, name)


def _of_subject(subject: str | None, kind: str) -> str | None:
    """``deal/8`` and ``deals/8`` name the same record as ``8``."""
    if subject is None:
        return None
    of_kind, slash, rest = subject.partition("/")
    named = rest if slash and of_kind in {kind, f"{kind}s"} else subject
    return optional_identifier(named, "subject")


def _checked(fields: dict[str, Scalar], verb: str, kind: str, source: Source) -> dict[str, Scalar]:
    """The fields with an amount that is one, and a deal's status where only its stage says it. Raises: Unusable."""
    if verb == Verb.MERGED and not isinstance(fields.get("into"), str):
        refuse(RejectReason.INVALID_FIELDS, "a merge names the survivor as into")
    if "amount" in fields:
        fields["amount"] = amount(fields["amount"], "amount")
    direction, stage = fields.get("direction"), fields.get("stage")
    if isinstance(direction, str):
        fields["direction"] = direction.lower()
    listed = bool(source.won_stages or source.lost_stages)
    if kind == "deal" and listed and isinstance(stage, str) and "status" not in fields and verb not in _STATED:
        fields["status"] = status_of(stage, source)
    return fields
