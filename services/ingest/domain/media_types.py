"""Which bodies we read as JSON, and which as XML."""

from __future__ import annotations

from services.ingest.domain.delivery import Delivery
from services.ingest.domain.refusals import RefusalReason, Refused


def require_json(delivery: Delivery) -> None:
    """JSON, or nothing said of the type: some senders say nothing. Raises: Refused for anything else, or compressed."""
    media_type = content_type(delivery)
    if media_type and not is_json(media_type):
        raise Refused(RefusalReason.UNSUPPORTED_MEDIA_TYPE, "send application/json")
    require_plain(delivery)


def require_xml(delivery: Delivery) -> None:
    """XML as SOAP 1.1 has it, or nothing said of the type. Raises: Refused for anything else, or compressed."""
    if content_type(delivery) not in {b"", b"text/xml", b"application/xml"}:
        raise Refused(RefusalReason.UNSUPPORTED_MEDIA_TYPE, "send text/xml")
    require_plain(delivery)


def is_json(media_type: bytes) -> bool:
    """Whether bodies of this media type, in lower case and without parameters, are JSON."""
    return media_type == b"application/json" or media_type.endswith(b"+json")


def content_type(delivery: Delivery) -> bytes:
    """The media type in lower case and without parameters; empty where nothing is said."""
    return (delivery.header(b"content-type") or b"").partition(b";")[0].strip().lower()


def require_plain(delivery: Delivery) -> None:
    """Raises: Refused for a compressed body."""
    if (delivery.header(b"content-encoding") or b"identity").strip().lower() != b"identity":
        raise Refused(RefusalReason.UNSUPPORTED_MEDIA_TYPE, "send the body uncompressed")
