"""Signs what we send as Standard Webhooks 1.0.0 asks: HMAC-SHA256 over id, timestamp and body, version v1."""

from __future__ import annotations

import base64
import binascii
import hmac

from shared.domain.instants import SECOND_US, Micros

SECRET_PREFIX = "whsec_"  # noqa: S105 - the prefix is public, what follows it is not
MIN_KEY_BYTES, MAX_KEY_BYTES = 24, 64


def signed_headers(secret: str, *, message_id: str, body: bytes, now: Micros) -> dict[str, str]:
    """The three headers of one attempt; without a secret the signature is left out. Raises: ValueError."""
    timestamp = str(now // SECOND_US)
    headers = {"webhook-id": message_id, "webhook-timestamp": timestamp}
    if secret:
        headers["webhook-signature"] = signature(secret, message_id=message_id, timestamp=timestamp, body=body)
    return headers


def signature(secret: str, *, message_id: str, timestamp: str, body: bytes) -> str:
    """``v1,`` and the base64 signature. Raises: ValueError for a secret that is no ``whsec_`` key."""
    signed = b".".join((message_id.encode(), timestamp.encode(), body))
    return "v1," + base64.b64encode(hmac.digest(_key(secret), signed, "sha256")).decode()


def _key(secret: str) -> bytes:
    if not secret.startswith(SECRET_PREFIX):
        raise ValueError("a webhook's secret begins with whsec_")
    try:
        key = base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
    except binascii.Error as error:
        raise ValueError("after whsec_ a webhook's secret is base64") from error
    if not MIN_KEY_BYTES <= len(key) <= MAX_KEY_BYTES:
        raise ValueError(f"a webhook's key has {MIN_KEY_BYTES} to {MAX_KEY_BYTES} bytes")
    return key
