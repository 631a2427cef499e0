"""CloudEvents 1.0 over HTTP: binary, structured and batched, and the handshake of its webhooks.

Content-Type alone decides the mode. Identity is source and id. An event that breaks the specification refuses the whole
delivery, for part of it cannot be reported; one that keeps it and means nothing to us goes to quarantine.
"""

from __future__ import annotations

import base64
from urllib.parse import unquote_to_bytes

from services.ingest.domain import our_events
from services.ingest.domain.credentials import any_equal, bearer_of, check_bearer
from services.ingest.domain.delivery import (
    Accepted,
    Answer,
    Context,
    Delivery,
    Element,
    Outcome,
    Problem,
    Receipt,
    Rejected,
    RejectReason,
)
from services.ingest.domain.json_values import Json, JsonObject, compact
from services.ingest.domain.media_types import content_type, is_json, require_plain
from services.ingest.domain.refusals import RefusalReason, Refused
from services.ingest.domain.said import Unusable, refuse
from services.ingest.domain.strict_json import one_object, parse_object, split
from services.ingest.providers import cloudevents_envelope as envelope
from services.ingest.providers.cloudevents_envelope import EnvelopeProblem, NoCloudEvent
from services.ingest.providers.cloudevents_setup import SETUP
from services.ingest.providers.provider import Provider, json_element, json_receipt
from shared.domain import instants
from shared.domain.instants import Micros
from shared.domain.sources import Source

STRUCTURED = b"application/cloudevents"
BATCHED = b"application/cloudevents-batch"
_JSON_FORMATS = frozenset({b"", b"+json"})
"""What follows the prefix where the event format is JSON, the only one that we read."""
_BLANK = b" \t\r\n"
SECONDS_A_MINUTE = 60


def authenticate(delivery: Delivery, source: Source, now: Micros) -> Micros | None:  # noqa: ARG001 - a token has no age
    """A bearer token, in the header or, where the source allows it, as ``access_token`` of the query."""
    if bearer_of(delivery) is not None or not _may_ask(source):
        check_bearer(delivery, source)
        return None
    tokens = _access_tokens(delivery.query)
    if not tokens:
        detail = "send Authorization: Bearer with the source's token, or access_token in the query"
        raise Refused(RefusalReason.MISSING_CREDENTIALS, detail)
    if len(tokens) > 1 or not any_equal(tokens[0], (secret.encode() for secret in source.secrets)):
        raise Refused(RefusalReason.WRONG_CREDENTIALS, "the token is none of this source's")
    return None


def _may_ask(source: Source) -> bool:
    return source.options.get("access_token_query", True) is True


def _access_tokens(query: str) -> list[bytes]:
    pairs = (pair.partition("=") for pair in query.split("&"))
    return [unquote_to_bytes(value) for name, _, value in pairs if name == "access_token" and value]


def parse(delivery: Delivery, source: Source) -> list[Element]:
    """The events as structured JSON, whichever mode they come in. Raises: Refused."""
    require_plain(delivery)
    media_type = content_type(delivery)
    if media_type.startswith(BATCHED):
        _require_json_format(media_type[len(BATCHED) :])
        return _batch(delivery.body, max_batch=source.limits.max_batch)
    if media_type.startswith(STRUCTURED):
        _require_json_format(media_type[len(STRUCTURED) :])
        return one_object(delivery.body)
    return [_binary(delivery, media_type)]


def _require_json_format(rest: bytes) -> None:
    if rest not in _JSON_FORMATS:
        raise Refused(RefusalReason.UNSUPPORTED_MEDIA_TYPE, "of the event formats only JSON is read")


def _batch(body: bytes, *, max_batch: int) -> list[Element]:
    if not body.lstrip(_BLANK).startswith(b"["):
        raise Refused(RefusalReason.MALFORMED_BODY, "a batch is a JSON array")
    return split(body, max_batch=max_batch)


def _binary(delivery: Delivery, media_type: bytes) -> Element:
    """The one event of headers and body. Raises: Refused."""
    if not any(name.startswith(envelope.PREFIX) for name in delivery.headers):
        detail = "send application/cloudevents+json, application/cloudevents-batch+json, or ce- headers with the data"
        raise Refused(RefusalReason.UNSUPPORTED_MEDIA_TYPE, detail)
    try:
        event = envelope.attributes_of(delivery.headers)
        envelope.check(event)
    except NoCloudEvent as error:
        raise _refused({0: error}) from error
    if media_type:
        event["datacontenttype"] = media_type.decode("latin-1")
    return _structured(event, delivery.body, media_type)


def _structured(event: JsonObject, body: bytes, media_type: bytes) -> Element:
    """Attributes and data as one JSON event; JSON data stays the bytes that were sent. Raises: Refused.

    ``datacontenttype`` is optional, and so is the header that it maps to: data without any is read as JSON.
    """
    if not body:
        return Element(0, compact(event).encode(), event)
    if media_type and not _is_json(media_type):
        event["data_base64"] = base64.b64encode(body).decode()
        return Element(0, compact(event).encode(), event)
    raw = compact(event)[:-1].encode() + b',"data":' + body + b"}"
    return Element(0, raw, event | {"data": _json_value(body)})


def _is_json(media_type: bytes) -> bool:
    return is_json(media_type) or media_type == b"text/json"


def _json_value(body: bytes) -> Json:
    """Any one JSON value. Raises: Refused."""
    try:
        return json_element(body).value
    except Refused as refused:
        raise Refused(RefusalReason.MALFORMED_BODY, f"the body is not one JSON value: {refused.detail}") from None


def translate(elements: list[Element], context: Context) -> list[Outcome]:
    """What each event means. Raises: Refused when one of them is no CloudEvent."""
    events: list[JsonObject] = []
    broken: dict[int, NoCloudEvent] = {}
    for element in elements:
        try:
            events.append(_event(element, max_depth=context.source.limits.max_depth))
        except NoCloudEvent as error:
            broken[element.index] = error
    if broken:
        raise _refused(broken)
    return [_outcome(element, event, context) for element, event in zip(elements, events, strict=True)]


def _event(element: Element, *, max_depth: int) -> JsonObject:
    """Raises: NoCloudEvent."""
    value = parse_object(element, max_depth=max_depth)
    if isinstance(value, Rejected):
        raise NoCloudEvent(EnvelopeProblem(value.reason), value.detail or "an event is a JSON object")
    event = envelope.present(value)
    envelope.check(event)
    return event


def _refused(broken: dict[int, NoCloudEvent]) -> Refused:
    problems = tuple(Problem(index, error.problem) for index, error in broken.items())
    index, first = next(iter(broken.items()))
    return Refused(RefusalReason.INVALID_CLOUDEVENT, f"event {index}: {first.detail}", problems=problems)


def _outcome(element: Element, event: JsonObject, context: Context) -> Outcome:
    time, subject = event.get("time"), event.get("subject")
    try:
        our_events.known_type(event["type"])
        said = our_events.Envelope(
            event=our_events.identity(str(event["source"]), str(event["id"])),
            type=str(event["type"]),
            time=instants.parse(time) if isinstance(time, str) else None,
            data=_data(event, max_depth=context.source.limits.max_depth),
            subject=subject if isinstance(subject, str) else None,
        )
        return Accepted((our_events.change_of(our_events.read(said, context), context),))
    except Unusable as error:
        return Rejected(element, error.reason, error.detail)


def _data(event: JsonObject, *, max_depth: int) -> Json:
    """What the event is about: JSON, also where it is wrapped in base64. Raises: Unusable."""
    stated = event.get("datacontenttype")
    media_type = str(stated).partition(";")[0].strip().lower().encode() if stated is not None else b"application/json"
    if "data" not in event and "data_base64" not in event:
        return None
    if not _is_json(media_type):
        refuse(RejectReason.INVALID_FIELDS, f"data of the type {media_type.decode()[:60]!r} cannot be read")
    if "data" in event:
        return event["data"]
    return _wrapped(envelope.decoded(event["data_base64"]), max_depth=max_depth)


def _wrapped(body: bytes, *, max_depth: int) -> Json:
    """Raises: Unusable."""
    try:
        (element,) = one_object(body)
    except Refused as refused:
        refuse(RejectReason.INVALID_FIELDS, f"data_base64 is no JSON object: {refused.detail}")
    value = parse_object(element, max_depth=max_depth)
    if isinstance(value, Rejected):
        refuse(value.reason, value.detail)
    return value


def answer(receipt: Receipt, delivery: Delivery, source: Source) -> Answer:
    """The receipt; not to be kept by any cache where the address was the credential (RFC 6750, 2.3)."""
    told = json_receipt(receipt, delivery, source)
    if bearer_of(delivery) is not None:
        return told
    return Answer(told.status, told.media_type, told.body, ((b"cache-control", b"private"),))


def handshake(delivery: Delivery, source: Source) -> Answer:
    """Consent to deliveries from an origin that the source names; a callback address is never called.

    Raises: Refused for any other origin.
    """
    origin = (delivery.header(b"webhook-request-origin") or b"").strip()
    allowed = source.options.get("allowed_origins", ())
    origins = {name.lower().encode() for name in allowed} if isinstance(allowed, tuple) else set()
    if not origin or (origin.lower() not in origins and b"*" not in origins):
        raise Refused(RefusalReason.ORIGIN_NOT_ALLOWED, "this source expects nothing from that origin")
    headers = [(b"allow", b"POST"), (b"webhook-allowed-origin", origin)]
    rate = delivery.header(b"webhook-request-rate")
    if rate is not None:
        headers.append((b"webhook-allowed-rate", str(_rate(rate.strip(), source)).encode()))
    return Answer(200, b"text/plain", b"", tuple(headers))


def _rate(requested: bytes, source: Source) -> int:
    """Requests a minute: what was asked for, at most what the source's limit lets through."""
    most = max(1, int(source.limits.requests_per_second * SECONDS_A_MINUTE))
    if not requested.isdigit() or len(requested) > len(str(most)):
        return most
    return min(most, int(requested)) or most


PROVIDER = Provider(
    name="cloudevents",
    authenticate=authenticate,
    parse=parse,
    translate=translate,
    answer=answer,
    challenge='Bearer realm="webhooks"',
    handshake=handshake,
    setup=SETUP,
)
