"""How HubSpot is set up."""

from __future__ import annotations

import base64
import hashlib
import hmac

from services.ingest.domain.delivery import Delivery
from services.ingest.domain.setup import Guide, Setup, json_request
from shared.domain.instants import Micros
from shared.domain.sources import Source

_MILLISECOND_US = 1000


def guide(_: Source) -> Guide:
    """For people."""
    return Guide(
        title="HubSpot",
        place="the app's settings, Webhooks",
        paste=(
            ("Target URL, exactly as public_url of the source", "{url}"),
            ("secrets of the source, from the app's Auth page", "the client secret"),
        ),
        subscribe=(
            "deal: creation, deletion, merge, restore",
            "deal, propertyChange: dealstage, amount, deal_currency_code, hubspot_owner_id, closed_lost_reason",
            "deals of pipelines whose stages are not listed, propertyChange: hs_is_closed_won, hs_is_closed_lost",
            "deal, associationChange: with companies (the primary one is the deal's account)",
            "calls (0-48), meetings (0-47), e-mails (0-49), tasks (0-27), leads (0-136): creation, deletion",
            "of all of them, propertyChange: hubspot_owner_id, hs_timestamp",
            "calls, propertyChange: hs_call_duration, hs_call_direction",
            "e-mails, propertyChange: hs_email_direction",
            "meetings, propertyChange: hs_meeting_start_time, hs_meeting_outcome",
            "tasks, propertyChange: hs_task_status, hs_task_completion_date",
        ),
        mind=(
            "a creation says nothing but the object's id: owner and duration come only with their property changes",
            "HubSpot signs the address: no proxy may change path or query, and public_url is what HubSpot posts to",
            "changes of the settings take up to five minutes",
            "of properties that HubSpot calls sensitive only those are kept that have a meaning of ours",
        ),
    )


def sample(source: Source, now: Micros) -> Delivery:
    """No events, signed as version 3."""
    stamp = str(now // _MILLISECOND_US)
    signed = f"POST{source.public_url}[]{stamp}".encode()
    digest = hmac.digest(source.secrets[0].encode(), signed, hashlib.sha256)
    signature = base64.b64encode(digest).decode()
    return json_request([], {"x-hubspot-request-timestamp": stamp, "x-hubspot-signature-v3": signature})


SETUP = Setup(guide=guide, sample=sample)
