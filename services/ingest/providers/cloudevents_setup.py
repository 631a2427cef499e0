"""How a sender of CloudEvents is set up."""

from __future__ import annotations

from services.ingest.domain.delivery import Delivery
from services.ingest.domain.setup import BEARER, Guide, Setup, bearer, request
from shared.domain.instants import Micros
from shared.domain.sources import Source


def guide(source: Source) -> Guide:
    """For people."""
    in_query = source.options.get("access_token_query", True) is True
    asks = (("or, where no header can be set, the address", "{url}?access_token={secret}"),) if in_query else ()
    return Guide(
        title="CloudEvents",
        place="the sender's subscription, for example an Event Grid event subscription with the CloudEvents schema",
        paste=(
            ("Endpoint", "{url}"),
            BEARER,
            *asks,
            (
                "options.allowed_origins of the source, for a sender that asks first",
                "its origin, such as eventgrid.azure.net",
            ),
        ),
        subscribe=(
            "types that end in one of ours: deal.won, deal.stage_changed, call.logged, com.example.crm.deal.won",
        ),
        mind=(
            "source and id are the identity: a repetition must keep both",
            "set time, or occurred_at in the data: an event without a time waits in quarantine",
            "one event of a batch that breaks the specification refuses the batch",
        ),
    )


def sample(source: Source, now: Micros) -> Delivery:  # noqa: ARG001 - a token has no age
    """An empty batch."""
    return request(b"[]", {"content-type": "application/cloudevents-batch+json", **bearer(source)})


SETUP = Setup(guide=guide, sample=sample)
