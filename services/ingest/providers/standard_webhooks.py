"""Standard Webhooks 1.0: signed ``{id}.{timestamp}.{body}``, symmetric (v1) or by ed25519 (v1a).

Our own check, for the libraries raise on headers that anybody can send, read timestamps with ``float`` and overlook
junk in base64. The id stays the same in every attempt, the timestamp does not: the id is the identity.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Iterable, Iterator

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from services.ingest.domain import our_events
from services.ingest.domain.credentials import any_equal, check_age, tolerance_of
from services.ingest.domain.delivery import (
    Accepted,
    Context,
    Delivery,
    Element,
    Ignored,
    Outcome,
    RejectReason,
)
from services.ingest.domain.json_values import Json, JsonObject, compact
from services.ingest.domain.media_types import require_json
from services.ingest.domain.one_by_one import outcome_of
from services.ingest.domain.refusals import RefusalReason, Refused
from services.ingest.domain.said import refuse, unix_instant
from services.ingest.domain.strict_json import one_object
from services.ingest.providers.provider import Provider
from services.ingest.providers.standard_webhooks_setup import SETUP, TEST_TYPE
from shared.domain.instants import SECOND_US, Micros
from shared.domain.sources import Source

MAX_SIGNATURES = 16
"""In one header. A rotation has two or three; each ed25519 one costs whoever has no key a tenth of a millisecond."""
SYMMETRIC, ASYMMETRIC = b"v1", b"v1a"
_SIGNED_AT = re.compile(rb"\d{1,12}")
_NAMES = (b"id", b"timestamp", b"signature")
_ID, _PAYLOAD = "webhook-id", "payload"
"""An element is the payload with the id of its delivery: so it is kept, for the payload does not name itself."""


def authenticate(delivery: Delivery, source: Source, now: Micros) -> Micros:
    """Any signature by any of the source's keys. Too old or too new is only said of a valid one."""
    message_id, stamp, signatures = _signed_headers(delivery, source)
    if _SIGNED_AT.fullmatch(stamp) is None:
        raise Refused(RefusalReason.INVALID_TIMESTAMP, "webhook-timestamp is a whole number of seconds")
    signed = message_id + b"." + stamp + b"." + delivery.body
    if not _any_valid(signatures, signed, source):
        raise Refused(RefusalReason.BAD_SIGNATURE, "no signature matches this id, timestamp, body and secret")
    signed_at = int(stamp) * SECOND_US
    check_age(signed_at, now, tolerance=tolerance_of(source))
    return signed_at


def _signed_headers(delivery: Delivery, source: Source) -> tuple[bytes, bytes, bytes]:
    """Id, timestamp and signatures, all of one naming. Raises: Refused when one is missing or empty."""
    prefixes = [b"webhook-"]
    if source.options.get("accept_svix_headers") is True:
        prefixes.append(b"svix-")
    for prefix in prefixes:
        message_id, stamp, signatures = (delivery.header(prefix + name) for name in _NAMES)
        if message_id and stamp and signatures:
            return message_id, stamp, signatures
    raise Refused(
        RefusalReason.MISSING_CREDENTIALS, "the headers webhook-id, webhook-timestamp and webhook-signature are needed"
    )


def _any_valid(signatures: bytes, signed: bytes, source: Source) -> bool:
    given = signatures.split(b" ")
    if len(given) > MAX_SIGNATURES:
        return False
    versions = [one.partition(b",") for one in given]
    symmetric = [signature for version, _, signature in versions if version == SYMMETRIC]
    asymmetric = [signature for version, _, signature in versions if version == ASYMMETRIC]
    return _any_hmac(symmetric, signed, source) or _any_ed25519(asymmetric, signed, source)


def _any_hmac(signatures: Iterable[bytes], signed: bytes, source: Source) -> bool:
    """Compared as text: base64 has one right form, and what decoders overlook is not signed."""
    keys = _keys(source, "whsec_")
    expected = [base64.b64encode(hmac.digest(key, signed, hashlib.sha256)) for key in keys]
    return any([any_equal(signature, expected) for signature in signatures])  # noqa: C419 - all are compared


def _any_ed25519(signatures: list[bytes], signed: bytes, source: Source) -> bool:
    keys = [key for key in _keys(source, "whpk_") if len(key) == 32] if signatures else []
    usable = [decoded for decoded in map(_base64, signatures) if decoded is not None]
    return any(_verifies(key, signature, signed) for key in keys for signature in usable)


def _verifies(key: bytes, signature: bytes, signed: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, signed)
    except InvalidSignature:
        return False
    return True


def _keys(source: Source, prefix: str) -> Iterator[bytes]:
    """The keys of one kind; the configuration refuses a secret that is none, and so is none here."""
    for secret in source.secrets:
        key = _base64(secret.removeprefix(prefix).encode()) if secret.startswith(prefix) else None
        if key:
            yield key


def _base64(text: bytes) -> bytes | None:
    """The bytes, None where the text is no base64."""
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        return None


def parse(delivery: Delivery, source: Source) -> list[Element]:
    """One object. Raises: Refused."""
    require_json(delivery)
    (payload,) = one_object(delivery.body)
    message_id, _, _ = _signed_headers(delivery, source)
    name = message_id.decode("utf-8", "backslashreplace")
    raw = f'{{"{_ID}":{compact(name)},"{_PAYLOAD}":'.encode() + payload.raw + b"}"
    return [Element(0, raw, {_ID: name, _PAYLOAD: payload.value})]


def translate(elements: list[Element], context: Context) -> list[Outcome]:
    """What the payload says: ``type``, ``timestamp`` and ``data``, as the specification suggests."""
    return [outcome_of(element, context, _meaning, around=1) for element in elements]


def _meaning(value: JsonObject, context: Context) -> Outcome:
    if _is_test(value):
        return Ignored(TEST_TYPE)
    return Accepted((our_events.change_of(our_events.read(_envelope(value), context), context),))


def _is_test(value: JsonObject) -> bool:
    payload = value.get(_PAYLOAD)
    return isinstance(payload, dict) and payload.get("type") == TEST_TYPE


def _envelope(value: JsonObject) -> our_events.Envelope:
    """Raises: Unusable."""
    payload, name = value.get(_PAYLOAD), value.get(_ID)
    if not isinstance(payload, dict) or not isinstance(name, str):
        refuse(RejectReason.NOT_AN_OBJECT, "a payload is a JSON object")
    kind, verb = our_events.known_type(payload.get("type"))
    return our_events.Envelope(
        event=our_events.identity(name),
        type=f"{kind}.{verb}",
        time=_time(payload.get("timestamp")),
        data=payload.get("data"),
    )


def _time(value: Json) -> Micros | None:
    """When it happened, None where the payload does not say; the header's time is the attempt's."""
    return None if value is None or value == "" else unix_instant(value, "timestamp")


PROVIDER = Provider(
    name="standard_webhooks",
    authenticate=authenticate,
    parse=parse,
    translate=translate,
    challenge="Standard-Webhooks-Signature",
    setup=SETUP,
)
