"""How Close is set up."""

from __future__ import annotations

import hashlib
import hmac
import json

from services.ingest.domain.delivery import Delivery
from services.ingest.domain.setup import Guide, Setup, json_request, unix_seconds
from shared.domain.instants import Micros
from shared.domain.sources import Source


def guide(_: Source) -> Guide:
    """For people."""
    return Guide(
        title="Close",
        place="POST /api/v1/webhook/ of its API",
        paste=(
            ("url", "{url}"),
            ("secrets of the source: signature_key, told only in the answer to the creation", "the key, in hex"),
        ),
        subscribe=(
            "opportunity: created, updated, deleted",
            "lead: created, updated, deleted, merged",
            "activity.call: created, updated, deleted, completed",
            "activity.email: sent, deleted; activity.meeting: created, updated, deleted, completed, canceled",
            "task.lead: created, updated, deleted, completed",
        ),
        mind=(
            "three days of failures pause the subscription and clear its queue: the event log has 30 days",
            "whether a repetition is signed anew is not known: widen options.tolerance if stale signatures are counted",
        ),
    )


def sample(source: Source, now: Micros) -> Delivery:
    """A note, which no KPI reads."""
    body = {"event": {"object_type": "activity.note", "action": "created"}, "subscription_id": "pacer-test"}
    stamp = unix_seconds(now)
    signed = stamp.encode() + json.dumps(body).encode()
    signature = hmac.digest(bytes.fromhex(source.secrets[0]), signed, hashlib.sha256).hex()
    return json_request(body, {"close-sig-timestamp": stamp, "close-sig-hash": signature})


SETUP = Setup(guide=guide, sample=sample)
