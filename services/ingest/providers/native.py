"""Our own format, for everything without a receiver of its own (contract section 3).

One object or an array; a field's number stays the text that was sent; a delivery of which no element has the right form
is refused whole, for then the sender is wrong, not the event.
"""

from __future__ import annotations

from services.ingest.domain.credentials import check_bearer
from services.ingest.domain.delivery import (
    Accepted,
    Context,
    Delivery,
    Element,
    Outcome,
    Problem,
    Rejected,
    RejectReason,
)
from services.ingest.domain.json_values import Json, JsonObject
from services.ingest.domain.media_types import require_json
from services.ingest.domain.one_by_one import outcome_of
from services.ingest.domain.our_events import OurEvent, change_of, event_type, fields_of, owner_of, url_of
from services.ingest.domain.refusals import RefusalReason, Refused
from services.ingest.domain.said import identifier, not_ahead, refuse
from services.ingest.domain.strict_json import split
from services.ingest.providers.native_setup import SETUP
from services.ingest.providers.provider import Provider
from shared.domain import instants
from shared.domain.instants import Micros
from shared.domain.sources import Source

_WELL_FORMED = frozenset({RejectReason.FUTURE_TIME})


def authenticate(delivery: Delivery, source: Source, now: Micros) -> Micros | None:  # noqa: ARG001 - a token has no age
    """A bearer token, any of the source's secrets."""
    check_bearer(delivery, source)
    return None


def parse(delivery: Delivery, source: Source) -> list[Element]:
    """One object, or an array of at most ``max_batch``."""
    require_json(delivery)
    return split(delivery.body, max_batch=source.limits.max_batch)


def translate(elements: list[Element], context: Context) -> list[Outcome]:
    """Each element on its own. Raises: Refused when there are elements and not one has the right form."""
    outcomes: list[Outcome] = [translated(element, context) for element in elements]
    misshapen = [o for o in outcomes if isinstance(o, Rejected) and o.reason not in _WELL_FORMED]
    if outcomes and len(misshapen) == len(outcomes):
        problems = tuple(Problem(rejected.element.index, rejected.reason) for rejected in misshapen)
        detail = misshapen[0].detail or misshapen[0].reason
        raise Refused(RefusalReason.NO_USABLE_ELEMENT, f"no element can be used: {detail}", problems=problems)
    return outcomes


def translated(element: Element, context: Context) -> Accepted | Rejected:
    """One element on its own: what it says, or why it cannot be used."""
    return outcome_of(element, context, _meaning)


def _meaning(event: JsonObject, context: Context) -> Accepted:
    return Accepted((change_of(_said(event, context.now), context),))


def _said(event: JsonObject, now: Micros) -> OurEvent:
    event_id = _event_id(event.get("id"))
    kind, verb = event_type(event.get("type"))
    fields = fields_of(event.get("fields"))
    record = event.get("record")
    return OurEvent(
        event=event_id,
        kind=kind,
        verb=verb,
        at=_occurred_at(event.get("occurred_at"), now),
        record=event_id if record is None else identifier(record, "record"),
        fields=fields,
        owner=owner_of(event.get("rep"), fields),
        url=url_of(event.get("url")),
    )


def _event_id(value: Json) -> str:
    if value is None or value == "":
        refuse(RejectReason.MISSING_ID, "id is required")
    return identifier(value, "id", reason=RejectReason.INVALID_ID)


def _occurred_at(value: Json, now: Micros) -> Micros:
    """RFC 3339 and nothing else: a sender that writes our own format can."""
    if value is None or value == "":
        refuse(RejectReason.MISSING_TIME, "occurred_at is required")
    if not isinstance(value, str):
        refuse(RejectReason.INVALID_TIME, "occurred_at is an RFC 3339 text with its zone")
    try:
        occurred_at = instants.parse(value)
        instants.to_datetime(occurred_at)
    except (ValueError, OverflowError) as error:
        refuse(RejectReason.INVALID_TIME, f"occurred_at: {error}")
    return not_ahead(occurred_at, now, "occurred_at")


PROVIDER = Provider(
    name="native",
    authenticate=authenticate,
    parse=parse,
    translate=translate,
    challenge='Bearer realm="webhooks"',
    setup=SETUP,
)
