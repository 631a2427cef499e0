"""How Pipedrive is set up."""

from __future__ import annotations

import base64

from services.ingest.domain.delivery import Delivery
from services.ingest.domain.setup import Guide, Setup, json_request
from shared.domain.instants import Micros
from shared.domain.sources import Source


def _user(source: Source) -> str:
    username = source.options.get("username")
    return username if isinstance(username, str) else "pacer"


def guide(source: Source) -> Guide:
    """For people."""
    return Guide(
        title="Pipedrive",
        place="Settings, Tools and apps, Webhooks (or POST /v1/webhooks of its API)",
        paste=(
            ("Endpoint URL", "{url}"),
            ("HTTP Auth username", _user(source)),
            ("HTTP Auth password", "{secret}"),
            ("Webhook version", "2.0"),
        ),
        subscribe=(
            "event action *, event object deal",
            "event action *, event object activity",
            "event action *, event object lead",
        ),
        mind=(
            "register it as a top-level admin: only what the webhook's user sees is sent",
            "ten failed first attempts ban the address for 30 minutes, whose events are lost: spool is on by default",
            "three days without a success delete the webhook",
        ),
    )


def sample(source: Source, now: Micros) -> Delivery:  # noqa: ARG001 - a password has no age
    """A note, which no KPI reads."""
    credentials = base64.b64encode(f"{_user(source)}:{source.secrets[0]}".encode()).decode()
    body = {
        "data": {},
        "previous": None,
        "meta": {"action": "create", "entity": "note", "entity_id": "0", "id": "pacer-test"},
    }
    return json_request(body, {"authorization": f"Basic {credentials}"})


SETUP = Setup(guide=guide, sample=sample)
