"""How a poller of Zendesk Sell is set up."""

from __future__ import annotations

from services.ingest.domain.setup import BEARER, Guide, Setup, empty_batch
from shared.domain.sources import Source


def guide(_: Source) -> Guide:
    """For people."""
    return Guide(
        title="Zendesk Sell",
        place="a poller of yours that reads the Firehose (docs/zendesk-sell.md): Sell sends no webhooks",
        paste=(BEARER, ("HTTP header Content-Type", "application/json")),
        subscribe=("streams deals, calls, appointments, tasks, leads, lead_conversions",),
        mind=(
            "keep a page's position only after a 2xx; after 72 hours it is gone (410)",
            "list won_stages and lost_stages: Sell's deals have no status",
        ),
    )


SETUP = Setup(guide=guide, sample=empty_batch)
