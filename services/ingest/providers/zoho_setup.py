"""How Zoho CRM is set up."""

from __future__ import annotations

from services.ingest.domain.delivery import Delivery
from services.ingest.domain.setup import Guide, Setup, json_request
from shared.domain.instants import Micros
from shared.domain.sources import Source

_MILLISECOND_US = 1000


def guide(source: Source) -> Guide:
    """For people."""
    return Guide(
        title="Zoho CRM",
        place="POST /crm/v8/actions/watch of its API",
        paste=(
            ("notify_url", "{url}"),
            ("token (at most 50 characters)", "{secret}"),
            ("channel_id", _channel(source) or "any number; options.channel_ids may name it"),
            ("return_affected_field_values", "true"),
            ("notify_on_related_action", "false"),
            ("channel_expiry", "at most a week ahead"),
        ),
        subscribe=("events: Deals.all, Calls.all, Events.all, Tasks.all, Leads.all",),
        mind=(
            "a channel expires, by default after an hour: renew it before it does, at least once a week",
            "without return_affected_field_values nothing but ids is sent",
            "nothing is promised about repetitions: compare with Zoho's Modified_Time now and then",
        ),
    )


def _channel(source: Source) -> str:
    channels = source.options.get("channel_ids")
    return channels[0] if isinstance(channels, tuple) and channels else ""


def sample(source: Source, now: Micros) -> Delivery:
    """A contact, which no KPI reads."""
    body = {
        "server_time": now // _MILLISECOND_US,
        "module": "Contacts",
        "operation": "update",
        "ids": ["0"],
        "channel_id": _channel(source),
        "token": source.secrets[0],
    }
    return json_request(body)


SETUP = Setup(guide=guide, sample=sample)
