"""How a sender of Standard Webhooks is set up."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json

from services.ingest.domain.delivery import Delivery
from services.ingest.domain.setup import Guide, Setup, json_request, unix_seconds
from shared.domain.instants import Micros
from shared.domain.sources import Source

TEST_TYPE = "pacer.test"
"""Known, and without a meaning."""
_ID = "msg_pacer_test"


def guide(_: Source) -> Guide:
    """For people."""
    return Guide(
        title="Standard Webhooks",
        place="the sender's webhook settings, Add endpoint",
        paste=(
            ("Endpoint URL", "{url}"),
            ("secrets of the source: the endpoint's signing secret", "whsec_... or whpk_..."),
        ),
        subscribe=("types that end in one of ours: deal.won, deal.stage_changed, call.logged",),
        mind=(
            "copy the secret whole, with its prefix",
            "a sender that names its headers svix-id needs options.accept_svix_headers",
            "a payload without a timestamp, and without occurred_at in its data, waits in quarantine",
        ),
    )


def sample(source: Source, now: Micros) -> Delivery | None:
    """A test, signed as v1; None where the secret is a public key, with which nobody signs."""
    secret = source.secrets[0]
    if not secret.startswith("whsec_"):
        return None
    body, stamp = {"type": TEST_TYPE, "data": {}}, unix_seconds(now)
    signed = f"{_ID}.{stamp}.{json.dumps(body)}".encode()
    digest = hmac.digest(base64.b64decode(secret.removeprefix("whsec_")), signed, hashlib.sha256)
    signature = f"v1,{base64.b64encode(digest).decode()}"
    return json_request(body, {"webhook-id": _ID, "webhook-timestamp": stamp, "webhook-signature": signature})


SETUP = Setup(guide=guide, sample=sample)
