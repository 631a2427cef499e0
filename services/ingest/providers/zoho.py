"""Zoho CRM's notifications of a channel.

Nothing but a token in the body says who sent them: the body is parsed before it can be authenticated. One notification
may speak of several records; each becomes an element of its own, written as a notification of one record and without
the token. What a record's values mean: zoho_meaning.
"""

from __future__ import annotations

import hashlib

from services.ingest.domain.credentials import any_equal
from services.ingest.domain.delivery import (
    Context,
    Delivery,
    Element,
    Ignored,
    Outcome,
    RejectReason,
)
from services.ingest.domain.json_values import Json, JsonObject, Number, as_bytes
from services.ingest.domain.media_types import require_json
from services.ingest.domain.one_by_one import outcome_of
from services.ingest.domain.refusals import RefusalReason, Refused
from services.ingest.domain.said import MAX_ID, identifier, instant, not_ahead, refuse
from services.ingest.domain.statements import accepted
from services.ingest.domain.strict_json import one_object
from services.ingest.providers import zoho_meaning as meaning
from services.ingest.providers.provider import Provider
from services.ingest.providers.zoho_meaning import Notice
from services.ingest.providers.zoho_setup import SETUP
from shared.domain.instants import Micros
from shared.domain.sources import Source

_NEEDED = ("server_time", "module", "operation")
"""What a notification says of all its records."""
_SHARED = (*_NEEDED, "channel_id", "resource_uri")
"""What is written with each of them where it is short. resource_uri may name another module: it is not read."""
_NOT_KEPT = frozenset({"token", "query_params"})
"""The credential, and the address's query, which may hold another."""
_LONGEST_SHARED = 4 * MAX_ID
_OPERATIONS = frozenset({"insert", "update", "delete"})


def authenticate(delivery: Delivery, source: Source, now: Micros) -> None:  # noqa: ARG001 - a token has no age
    """The channel's token, in the body; then the channel, where the source names those that may send."""
    require_json(delivery)
    notification = _notification(delivery.body)
    token = notification.get("token")
    if not isinstance(token, str) or isinstance(token, Number) or not token:
        raise Refused(RefusalReason.MISSING_CREDENTIALS, "the body's token is the text that the channel was given")
    if not any_equal(token.encode(errors="backslashreplace"), (secret.encode() for secret in source.secrets)):
        raise Refused(RefusalReason.WRONG_CREDENTIALS, "the body's token is none of this source's")
    channels = source.options.get("channel_ids")
    if isinstance(channels, tuple) and channels and notification.get("channel_id") not in channels:
        raise Refused(RefusalReason.UNKNOWN_CHANNEL, "the channel is none of this source's channel_ids")


def _notification(body: bytes) -> JsonObject:
    """The body's object. Raises: Refused when it is anything else."""
    value = one_object(body)[0].value
    if not isinstance(value, dict):
        raise Refused(RefusalReason.MALFORMED_BODY, "the body is not one JSON object")
    return value


def parse(delivery: Delivery, source: Source) -> list[Element]:
    """One element a record; the whole as one where it names none, or is otherwise than Zoho writes. Raises: Refused."""
    require_json(delivery)
    notification = {name: value for name, value in _notification(delivery.body).items() if name not in _NOT_KEPT}
    ids = notification.get("ids")
    if not isinstance(ids, list) or not ids or not all(_is_short(notification.get(name)) for name in _NEEDED):
        return [Element(0, as_bytes(notification), notification)]
    if len(ids) > source.limits.max_batch:
        raise Refused(RefusalReason.TOO_MANY_ELEMENTS, f"this source takes {source.limits.max_batch} records at once")
    shared = {name: notification[name] for name in _SHARED if _is_short(notification.get(name, []))}
    said = [shared | one for one in _by_record(notification, ids)]
    return [Element(index, as_bytes(one), one) for index, one in enumerate(said)]


def _is_short(value: Json) -> bool:
    """Whether it can be repeated for every record."""
    return not isinstance(value, (dict, list)) and len(str(value)) <= _LONGEST_SHARED


def _by_record(notification: JsonObject, ids: list[Json]) -> list[JsonObject]:
    """Each record's own part: its id with the values and the names of fields that belong to it.

    What names none of the ids stands by itself, all of it as one, so that nothing is lost and a batch keeps its bound.
    """
    parts: dict[str, JsonObject] = {}
    odd: list[JsonObject] = []
    nobodys: JsonObject = {}
    for record in ids:
        if isinstance(record, str):
            parts.setdefault(record, {"ids": [record]})
        else:
            odd.append({"ids": [record]})
    for name in ("affected_values", "affected_fields"):
        for item in _items(notification.get(name)):
            _list(parts.get(_record_of(name, item), nobodys), name).append(item)
    return [*parts.values(), *odd, *([{"ids": []} | nobodys] if nobodys else [])]


def _items(given: Json) -> list[Json]:
    """One item a record, also where one object names the fields of several."""
    found: list[Json] = []
    for item in given if isinstance(given, list) else [] if given is None else [given]:
        if isinstance(item, dict) and "record_id" not in item:
            found += [{record: names} for record, names in item.items()]
        else:
            found.append(item)
    return found


def _list(part: JsonObject, name: str) -> list[Json]:
    found = part.setdefault(name, [])
    return found if isinstance(found, list) else []


def _record_of(name: str, item: Json) -> str:
    """Whose values or fields an item has; nobody's are an empty text."""
    if not isinstance(item, dict):
        return ""
    named = item.get("record_id") if name == "affected_values" else next(iter(item), "")
    return named if isinstance(named, str) else ""


def translate(elements: list[Element], context: Context) -> list[Outcome]:
    """Each record on its own."""
    return [outcome_of(element, context, _meaning) for element in elements]


def _meaning(notification: JsonObject, context: Context) -> Outcome:
    module, operation = _subject(notification)
    if module in meaning.SILENT_MODULES:
        return Ignored(f"{module}.{operation}")
    notice = _notice(notification, meaning.KINDS[module], operation)
    sent_at = not_ahead(instant(notification.get("server_time"), "server_time"), context.now, "server_time")
    at = not_ahead(meaning.version_of(notice) or sent_at, context.now, "Modified_Time")
    event = f"{_milliseconds(sent_at)}:{operation}:{_digest(module, notice)}"
    return accepted((meaning.statement(notice, context.source),), event=event, at=at, context=context)


def _subject(notification: JsonObject) -> tuple[str, str]:
    module, operation = notification.get("module"), notification.get("operation")
    if module is None or operation is None:
        refuse(RejectReason.MISSING_TYPE, "module and operation are required")
    known = isinstance(module, str) and isinstance(operation, str) and operation in _OPERATIONS
    if not known or (module not in meaning.KINDS and module not in meaning.SILENT_MODULES):
        refuse(RejectReason.UNKNOWN_TYPE, f"{str(module)[:80]}.{str(operation)[:40]}")
    return str(module), str(operation)


def _notice(notification: JsonObject, kind: str, operation: str) -> Notice:
    ids = notification.get("ids")
    if not isinstance(ids, list) or len(ids) != 1:
        refuse(RejectReason.INVALID_RECORD, "ids names the records that changed")
    return Notice(
        kind=kind,
        operation=operation,
        record=identifier(ids[0], "an id"),
        values=_values(notification.get("affected_values")),
        named=_named(notification.get("affected_fields")),
    )


def _values(items: Json) -> JsonObject | None:
    """The values that came along; None where none did."""
    if items is None or items == []:
        return None
    values: JsonObject = {}
    for item in items if isinstance(items, list) else [items]:
        said = item.get("values") if isinstance(item, dict) else item
        if not isinstance(said, dict):
            refuse(RejectReason.INVALID_FIELDS, "affected_values holds a record_id and an object of values")
        values |= said
    return values


def _named(items: Json) -> tuple[str, ...] | None:
    """The fields that changed, under Zoho's names; None where they are not named."""
    if items is None or items == []:
        return None
    names: list[str] = []
    for item in items if isinstance(items, list) else [items]:
        lists = item.values() if isinstance(item, dict) else [item]
        for one in lists:
            if not isinstance(one, list) or not all(isinstance(name, str) for name in one):
                refuse(RejectReason.INVALID_FIELDS, "affected_fields holds lists of names by record id")
            names += [str(name) for name in one]
    return tuple(names)


def _milliseconds(at: Micros) -> str:
    """Of even length, so that what was sent later also sorts later among events of one version."""
    return f"{at // 1000:014d}"


def _digest(module: str, notice: Notice) -> str:
    """Tells apart what was said at one time; not by channel: the same change through two of them is one event."""
    values = None if notice.values is None else dict(notice.values)
    named: list[Json] = [*(notice.named or ())]
    return hashlib.sha256(as_bytes([module, notice.operation, notice.record, values, *named])).hexdigest()[:32]


PROVIDER = Provider(
    name="zoho", authenticate=authenticate, parse=parse, translate=translate, challenge="Token", setup=SETUP
)
