"""Zendesk Sell's Firehose, as a poller relays it: Sell itself sends no webhooks.

A page, ``{"items": [...], "meta": ...}``, a list of items or a single one. An item holds the whole object as it is now
and, in its meta, what it was where it changed. Its identity is the event's own; ``sequence`` rises with every event of
an object and puts those of one second into order.
"""

from __future__ import annotations

import re

from services.ingest.domain.credentials import check_bearer
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
from services.ingest.domain.said import identifier, instant, json_object, not_ahead, refuse
from services.ingest.domain.statements import accepted
from services.ingest.domain.strict_json import split
from services.ingest.providers import zendesk_sell_meaning as meaning
from services.ingest.providers.provider import Provider
from services.ingest.providers.zendesk_sell_meaning import Item
from services.ingest.providers.zendesk_sell_setup import SETUP
from shared.domain.instants import Micros
from shared.domain.sources import Source

_ACTIONS = frozenset({"created", "updated", "deleted"})
_SEQUENCE = re.compile(r"\d{1,20}", re.ASCII)
_LENGTH_OF_SEQUENCE = 20
_SILENT = frozenset(
    {
        "associated_contact",
        "call_outcome",
        "collaboration",
        "contact",
        "deal_source",
        "deal_unqualified_reason",
        "document",
        "lead_source",
        "lead_unqualified_reason",
        "line_item",
        "loss_reason",
        "note",
        "order",
        "pipeline",
        "product",
        "sequence",
        "sequence_enrollment",
        "stage",
        "tag",
        "text_message",
        "user",
        "visit",
        "visit_outcome",
    }
)
"""Known, and no number depends on them."""
_KNOWN = _SILENT | meaning.KINDS.keys()


def authenticate(delivery: Delivery, source: Source, now: Micros) -> None:  # noqa: ARG001 - a token has no age
    """The poller's bearer token."""
    check_bearer(delivery, source)


def parse(delivery: Delivery, source: Source) -> list[Element]:
    """The items of a page, in its order; anything that is no page is an item. Raises: Refused."""
    require_json(delivery)
    elements = split(delivery.body, max_batch=source.limits.max_batch)
    page = elements[0].value if len(elements) == 1 else None
    items = page.get("items") if isinstance(page, dict) else None
    if not isinstance(items, list):
        return elements
    if len(items) > source.limits.max_batch:
        raise Refused(RefusalReason.TOO_MANY_ELEMENTS, f"this source takes {source.limits.max_batch} items at once")
    return [Element(index, as_bytes(item), item) for index, item in enumerate(items)]


def translate(elements: list[Element], context: Context) -> list[Outcome]:
    """Each item on its own."""
    return [outcome_of(element, context, _meaning) for element in elements]


def _meaning(said: JsonObject, context: Context) -> Outcome:
    meta = json_object(said.get("meta"), "meta")
    resource, action = _subject(meta)
    if resource in _SILENT:
        return Ignored(f"{resource}.{action}")
    item = _item(said, meta, resource, action=action)
    at = not_ahead(instant(meta.get("event_time"), "meta.event_time"), context.now, "meta.event_time")
    event_id = identifier(meta.get("event_id"), "meta.event_id", reason=RejectReason.MISSING_ID)
    event = f"{_sequence(meta.get('sequence'))}:{event_id}"
    statement = meaning.statement(item, context.source)
    if statement is None:
        return Ignored(f"{resource}.{action}")
    return accepted((statement,), event=event, at=at, context=context)


def _subject(meta: JsonObject) -> tuple[str, str]:
    """The kind of object, singular, and what happened to it. Raises: Unusable."""
    named, action = meta.get("type"), meta.get("event_type")
    if named is None or action is None:
        refuse(RejectReason.MISSING_TYPE, "meta.type and meta.event_type are required")
    if not isinstance(named, str) or not isinstance(action, str):
        refuse(RejectReason.INVALID_TYPE, "meta.type and meta.event_type are texts")
    lower = named.lower()
    resource = lower if lower in _KNOWN else lower.removesuffix("s")
    if resource not in _KNOWN or action not in _ACTIONS:
        refuse(RejectReason.UNKNOWN_TYPE, f"{named[:40]}.{action[:40]}")
    return resource, action


def _item(said: JsonObject, meta: JsonObject, resource: str, *, action: str) -> Item:
    data = json_object(said.get("data"), "data")
    previous = meta.get("previous")
    return Item(
        resource=resource,
        record=identifier(data.get("id"), "data.id"),
        action=action,
        data=data,
        previous={} if previous is None else json_object(previous, "meta.previous"),
    )


def _sequence(value: Json) -> str:
    """Of even length, so that it sorts as text. Without one there is no order within a second."""
    if value is None:
        return "0" * _LENGTH_OF_SEQUENCE
    if not isinstance(value, Number) or _SEQUENCE.fullmatch(value) is None:
        refuse(RejectReason.INVALID_ID, "meta.sequence is a whole number")
    return value.zfill(_LENGTH_OF_SEQUENCE)


PROVIDER = Provider(
    name="zendesk_sell",
    authenticate=authenticate,
    parse=parse,
    translate=translate,
    challenge='Bearer realm="webhooks"',
    setup=SETUP,
)
