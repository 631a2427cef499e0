"""HubSpot's three signatures, and how long its workflows wait."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping

from services.ingest.domain.credentials import any_equal, check_age, tolerance_of
from services.ingest.domain.delivery import Delivery
from services.ingest.domain.refusals import RefusalReason, Refused
from shared.domain.instants import Micros
from shared.domain.sources import Source

MILLISECOND_US = 1000
_V3 = b"x-hubspot-signature-v3"
_VERSION = b"x-hubspot-signature-version"
_SIGNED_AT = re.compile(rb"\d{13}")
_DECODED_IN_URI = re.compile(rb"%(3A|2F|3F|40|21|24|27|28|29|2A|2C|3B)", re.IGNORECASE)
"""HubSpot decodes exactly these before it signs."""


def authenticate(delivery: Delivery, source: Source, now: Micros) -> Micros | None:
    """Version 3 decides wherever it is present; 1 and 2, which cannot expire, only where the source allows them."""
    signature = delivery.header(_V3)
    if signature is not None:
        return _check_v3(delivery, source, signature, now=now)
    signature = delivery.header(b"x-hubspot-signature")
    if signature is None:
        raise Refused(RefusalReason.MISSING_CREDENTIALS, "the X-HubSpot-Signature-v3 header is missing")
    version = (delivery.header(_VERSION) or b"v1").lower()
    if version == b"v1" and source.options.get("allow_legacy_v1") is True:
        _check_digest(signature, source, delivery.body)
        return None
    if version == b"v2" and source.options.get("allow_workflow_v2") is True:
        _check_digest(signature, source, delivery.method.encode() + _uri(delivery, source) + delivery.body)
        return None
    raise Refused(RefusalReason.VERSION_NOT_ALLOWED, "this source does not accept HubSpot's older signatures")


def retry_after(headers: Mapping[bytes, bytes], seconds: int) -> int:
    """A workflow, which is who signs by version 2 alone, reads the Retry-After of a 429 as milliseconds."""
    is_workflow = headers.get(_VERSION, b"").lower() == b"v2" and _V3 not in headers
    return seconds * 1000 if is_workflow else seconds


def _check_v3(delivery: Delivery, source: Source, signature: bytes, *, now: Micros) -> Micros:
    stamp = delivery.header(b"x-hubspot-request-timestamp") or b""
    if _SIGNED_AT.fullmatch(stamp) is None:
        raise Refused(RefusalReason.INVALID_TIMESTAMP, "X-HubSpot-Request-Timestamp is 13 digits of milliseconds")
    uri = _DECODED_IN_URI.sub(lambda match: bytes.fromhex(match[1].decode()), _uri(delivery, source))
    signed = delivery.method.encode() + uri + delivery.body + stamp
    expected = (base64.b64encode(hmac.digest(secret.encode(), signed, hashlib.sha256)) for secret in source.secrets)
    if not any_equal(signature, expected):
        raise Refused(RefusalReason.BAD_SIGNATURE, "the signature does not match this body, address and secret")
    signed_at = int(stamp) * MILLISECOND_US
    check_age(signed_at, now, tolerance=tolerance_of(source))
    return signed_at


def _check_digest(signature: bytes, source: Source, signed: bytes) -> None:
    expected = (hashlib.sha256(secret.encode() + signed).hexdigest().encode() for secret in source.secrets)
    if not any_equal(signature, expected):
        raise Refused(RefusalReason.BAD_SIGNATURE, "the signature does not match this body, address and secret")


def _uri(delivery: Delivery, source: Source) -> bytes:
    """The configured public address; what the request says of scheme and host depends on proxies.

    The query's bytes are those that came: HubSpot signs them in their order and as they stand.
    """
    address = source.public_url.encode()
    return address + b"?" + delivery.query.encode("latin-1") if delivery.query else address
