"""What quarantine keeps of an element: all of it, and no secret."""

from __future__ import annotations

from collections.abc import Iterable

from services.ingest.domain.delivery import Context, Delivery, Rejected
from shared.contracts.messages import Quarantined
from shared.contracts.quarantine import as_text
from shared.domain.quarantine import identity

KEPT_HEADERS = (b"content-type", b"user-agent")
"""All that quarantine keeps of the headers; credentials travel in others."""
HIDDEN = b"***"
SHORTEST_SECRET = 6
"""What is shorter would be found in innocent words."""


def quarantined(reject: Rejected, delivery: Delivery, context: Context) -> Quarantined:
    """The entry of an element. The source's own secrets are blanked wherever a sender has put them."""
    secrets = [secret.encode() for secret in context.source.secrets if len(secret) >= SHORTEST_SECRET]
    raw = _blanked(reject.element.raw, secrets)
    body, encoding = as_text(raw)
    return Quarantined(
        id=identity("qe", context.source.id.encode(), raw),
        tenant=context.source.tenant,
        source=context.source.id,
        reason=reject.reason,
        detail=_blanked(reject.detail.encode(errors="replace"), secrets).decode(errors="replace"),
        received_at=context.received_at,
        body=body,
        encoding=encoding,
        index=reject.element.index,
        delivery=context.delivery,
        headers={
            name.decode(): _blanked(delivery.headers[name], secrets).decode("latin-1")
            for name in KEPT_HEADERS
            if name in delivery.headers
        },
    )


def _blanked(text: bytes, secrets: Iterable[bytes]) -> bytes:
    for secret in secrets:
        text = text.replace(secret, HIDDEN)
    return text
