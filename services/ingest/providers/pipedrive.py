"""Pipedrive's webhooks, version 2 and the older version 1.

Nothing is signed: HTTP Basic is all there is. Each notification carries the whole object as it is now, and what it was
before (version 2: of what changed only). Its identity is the change's own, so that attempts and twice registered
webhooks are one event. A merge is two notifications in any order; each alone ends the loser.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator
from contextlib import suppress

from msgspec import Struct

from services.ingest.domain.credentials import any_equal
from services.ingest.domain.delivery import (
    Context,
    Delivery,
    Element,
    Ignored,
    Outcome,
    RejectReason,
)
from services.ingest.domain.json_values import Json, JsonObject
from services.ingest.domain.media_types import require_json
from services.ingest.domain.one_by_one import outcome_of
from services.ingest.domain.refusals import RefusalReason, Refused
from services.ingest.domain.said import (
    identifier,
    json_object,
    not_ahead,
    optional_identifier,
    optional_object,
    refuse,
    unix_instant,
)
from services.ingest.domain.statements import accepted
from services.ingest.domain.strict_json import one_object
from services.ingest.providers import pipedrive_api
from services.ingest.providers import pipedrive_meaning as meaning
from services.ingest.providers.pipedrive_meaning import Notice
from services.ingest.providers.pipedrive_setup import SETUP
from services.ingest.providers.provider import Provider
from shared.domain.changes import Verb
from shared.domain.instants import Micros
from shared.domain.sources import Source

MERGED = Verb.MERGED.value
_ACTIONS = {
    "create": "created",
    "added": "created",
    "change": "updated",
    "updated": "updated",
    "delete": "deleted",
    "deleted": "deleted",
    "merged": MERGED,
}
"""Version 2 and version 1; only version 1 says ``merged``."""
_SILENT = frozenset(
    {
        "activityType",
        "deal_installment",
        "deal_product",
        "note",
        "organization",
        "person",
        "phase",
        "pipeline",
        "product",
        "project",
        "stage",
    }
)
"""Known, and no number depends on them."""
_ENCODINGS = ("utf-8", "latin-1")
"""How senders turn credentials into bytes; RFC 7617 leaves it open."""


def authenticate(delivery: Delivery, source: Source, now: Micros) -> None:  # noqa: ARG001 - nothing is dated
    """HTTP Basic, as configured when the webhook was registered. Without the option ``username`` any will do."""
    scheme, _, credentials = (delivery.header(b"authorization") or b"").partition(b" ")
    if scheme.lower() != b"basic" or not credentials.strip():
        raise Refused(RefusalReason.MISSING_CREDENTIALS, "send Authorization: Basic with the webhook's credentials")
    try:
        given = base64.b64decode(credentials.strip(), validate=True)
    except (binascii.Error, ValueError):
        raise Refused(RefusalReason.WRONG_CREDENTIALS, "the credentials are no base64") from None
    username = source.options.get("username")
    if not isinstance(username, str):
        given = given.partition(b":")[2]  # a password may contain colons, a user name may not
    wanted = [secret if username is None else f"{username}:{secret}" for secret in source.secrets]
    if not any_equal(given, (encoded for text in wanted for encoded in _encoded(text))):
        raise Refused(RefusalReason.WRONG_CREDENTIALS, "the credentials are none of this source's")


def _encoded(text: str) -> Iterator[bytes]:
    for encoding in _ENCODINGS:
        with suppress(UnicodeEncodeError):
            yield text.encode(encoding)


def parse(delivery: Delivery, _: Source) -> list[Element]:
    """One object. Raises: Refused."""
    require_json(delivery)
    return one_object(delivery.body)


def translate(elements: list[Element], context: Context) -> list[Outcome]:
    """What the notification says. One that cannot be used waits in quarantine: a 4xx would count to a ban."""
    return [outcome_of(element, context, _meaning) for element in elements]


def _meaning(event: JsonObject, context: Context) -> Outcome:
    subject = _subject(json_object(event.get("meta"), "meta"))
    if subject.entity in _SILENT:
        return Ignored(f"{subject.action}.{subject.entity}")
    notice = _notice(event, subject, context.now)
    return accepted(meaning.statements(notice, context.source), event=notice.event, at=notice.at, context=context)


class _Subject(Struct, frozen=True):
    """What ``meta`` names: which object, and what happened to it."""

    meta: JsonObject
    is_v1: bool
    entity: str
    action: str


def _subject(meta: JsonObject) -> _Subject:
    is_v1 = "entity" not in meta
    entity, action = meta.get("object" if is_v1 else "entity"), meta.get("action")
    if entity is None or action is None:
        refuse(RejectReason.MISSING_TYPE, "meta names the entity and the action")
    known = isinstance(action, str) and isinstance(entity, str)
    if not known or action not in _ACTIONS or (entity not in meaning.ENTITIES and entity not in _SILENT):
        refuse(RejectReason.UNKNOWN_TYPE, f"{str(action)[:40]}.{str(entity)[:40]}")
    return _Subject(meta, is_v1, str(entity), _ACTIONS[str(action)])


def _notice(event: JsonObject, subject: _Subject, now: Micros) -> Notice:
    meta = subject.meta
    current = optional_object(event.get("current" if subject.is_v1 else "data"), "the object")
    before = optional_object(event.get("previous"), "previous") or {}
    record = _record(meta.get("id" if subject.is_v1 else "entity_id"), current, before)
    company = optional_identifier(meta.get("company_id"), "company_id") or ""
    at = _version(meta, "timestamp_micro" if subject.is_v1 and "timestamp_micro" in meta else "timestamp", now)
    if subject.is_v1:
        event_id = f"{company}:v1:{subject.action}.{subject.entity}:{record}:{at}"
    else:
        event_id = f"{company}:{identifier(meta.get('id'), 'meta.id', reason=RejectReason.MISSING_ID)}"
    merged_from, merged_to = _merge(subject, record=record, current=current or {}, before=before)
    return Notice(
        action=subject.action,
        entity=subject.entity,
        record=record,
        event=event_id,
        at=at,
        current=current,
        before=before,
        merged_from=merged_from,
        merged_to=merged_to,
    )


def _record(named: Json, current: JsonObject | None, before: JsonObject) -> str:
    candidates = (named, (current or {}).get("id"), before.get("id"))
    return identifier(next((one for one in candidates if one is not None), None), "the object's id")


def _version(meta: JsonObject, name: str, now: Micros) -> Micros:
    return not_ahead(unix_instant(meta.get(name), f"meta.{name}"), now, f"meta.{name}")


def _merge(subject: _Subject, *, record: str, current: JsonObject, before: JsonObject) -> tuple[str | None, str | None]:
    """Who was merged into this object, and into whom it was. Version 1 says it by the two ids, or in the object."""
    meta = subject.meta
    loser = optional_identifier(meta.get("merged_from_id"), "merged_from_id")
    survivor = optional_identifier(meta.get("merged_to_id"), "merged_to_id")
    if subject.action == MERGED and loser is None and survivor is None:
        loser = optional_identifier(current.get("merge_what_id"), "merge_what_id")
        other = optional_identifier(before.get("id"), "previous.id")
        loser = loser or (other if other != record else None)
        if loser is None:
            refuse(RejectReason.INVALID_RECORD, "a merge that does not say of which objects")
    if record in {loser, survivor}:
        refuse(RejectReason.INVALID_RECORD, "an object is not merged into itself")
    return loser, survivor


PROVIDER = Provider(
    name="pipedrive",
    authenticate=authenticate,
    parse=parse,
    translate=translate,
    challenge='Basic realm="webhooks", charset="UTF-8"',
    api=pipedrive_api.API,
    setup=SETUP,
)
