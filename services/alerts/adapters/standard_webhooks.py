"""Signs what we send as Standard Webhooks 1.0.0 asks: HMAC-SHA256 over id, timestamp and body, version v1."""

from __future__ import annotations

import base64
import binascii
import hmac

from shared.domain.instants import SECOND_US, Micros

SECRET_PREFIX = "whsec_"  # noqa: S105 - the prefix is public, what follows it is not


def signed_headers(secret: str, *, message_id: str, body: bytes, now: Micros) -> dict[str, str]:
    """The three headers of one attempt; without a secret the signature is left out. Raises: ValueError."""
    timestamp = str(now // SECOND_US)
    headers = {"webhook-id": message_id, "webhook-timestamp": timestamp}
    if secret:
        headers["webhook-signature"] = signature(secret, message_id=message_id, timestamp=timestamp, body=body)
    return headers


def signature(secret: str, *, message_id: str, timestamp: str, body: bytes) -> str:
    """``v1,`` and the base64 signature. Raises: ValueError for a secret that is no base64."""
    signed = b".".join((message_id.encode(), timestamp.encode(), body))
    return "v1," + base64.b64encode(hmac.digest(_key(secret), signed, "sha256")).decode()


def _key(secret: str) -> bytes:
    """As the reference libraries read it: the prefix and the padding may be missing."""
    encoded = secret.removeprefix(SECRET_PREFIX).rstrip("=")
    try:
        key = base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
    except binascii.Error as error:
        raise ValueError("after whsec_ a webhook's secret is base64") from error
    if not key:
        raise ValueError("after whsec_ a webhook's secret is not empty")
    return key
