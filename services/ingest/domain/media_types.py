"""Which bodies we read as JSON, and which as XML."""

from __future__ import annotations

from services.ingest.domain.delivery import Delivery
from services.ingest.domain.refusals import RefusalReason, Refused


def require_json(delivery: Delivery) -> None:
    """JSON, or nothing said of the type: some senders say nothing. Raises: Refused for anything else, or compressed."""
    content_type = _content_type(delivery)
    if content_type not in {b"", b"application/json"} and not content_type.endswith(b"+json"):
        raise Refused(RefusalReason.UNSUPPORTED_MEDIA_TYPE, "send application/json")
    _require_plain(delivery)


def require_xml(delivery: Delivery) -> None:
    """XML as SOAP 1.1 has it, or nothing said of the type. Raises: Refused for anything else, or compressed."""
    if _content_type(delivery) not in {b"", b"text/xml", b"application/xml"}:
        raise Refused(RefusalReason.UNSUPPORTED_MEDIA_TYPE, "send text/xml")
    _require_plain(delivery)


def _content_type(delivery: Delivery) -> bytes:
    return (delivery.header(b"content-type") or b"").partition(b";")[0].strip().lower()


def _require_plain(delivery: Delivery) -> None:
    if (delivery.header(b"content-encoding") or b"identity").strip().lower() != b"identity":
        raise Refused(RefusalReason.UNSUPPORTED_MEDIA_TYPE, "send the body uncompressed")
