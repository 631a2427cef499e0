"""Which bodies we read as JSON."""

from __future__ import annotations

from services.ingest.domain.delivery import Delivery
from services.ingest.domain.refusals import RefusalReason, Refused


def require_json(delivery: Delivery) -> None:
    """JSON, or nothing said of the type: some senders say nothing. Raises: Refused for anything else, or compressed."""
    content_type = (delivery.header(b"content-type") or b"").partition(b";")[0].strip().lower()
    if content_type not in {b"", b"application/json"} and not content_type.endswith(b"+json"):
        raise Refused(RefusalReason.UNSUPPORTED_MEDIA_TYPE, "send application/json")
    if (delivery.header(b"content-encoding") or b"identity").strip().lower() != b"identity":
        raise Refused(RefusalReason.UNSUPPORTED_MEDIA_TYPE, "send the body uncompressed")
