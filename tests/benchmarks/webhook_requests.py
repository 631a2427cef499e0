"""The requests that the load client sends, whole, as bytes: single native events, HubSpot's signed batches, or what a
provider's sender sends.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from collections.abc import Callable, Iterable

from msgspec import Struct

EVENT = (
    '{"id":"bench-%s-%012d","type":"call.logged","rep":"%s","occurred_at":"%s","record":"bench-%s-%012d",'
    '"fields":{"direction":"outbound","duration_seconds":"120","account":"a-7"}}'
)
CHANGE = (
    '{"eventId":%d,"subscriptionId":3849713,"portalId":247279312,"appId":51879189,"occurredAt":%d,'
    '"subscriptionType":"deal.propertyChange","attemptNumber":0,"objectId":%d,"changeSource":"CRM_UI",'
    '"sourceId":"userId:98499705","propertyName":"amount","propertyValue":"1200.50"}'
)


class Plan(Struct, frozen=True, kw_only=True):
    """What a load client does: ``connections`` at once for ``seconds``.

    ``rate`` 0 keeps every connection busy, else so many requests a second start. ``batch`` 0 sends single native events
    of ``rep``, else HubSpot's batches of so many, signed for ``public_url``. ``provider`` sends its own deliveries
    instead, to the source that tests.fuzz.senders calls its.
    """

    port: int
    connections: int
    seconds: float
    secret: str
    rate: float = 0
    rep: str = "nobody"
    batch: int = 0
    public_url: str = ""
    provider: str = ""


def requests(plan: Plan) -> Callable[[], bytes]:
    """Makes the next request at each call, unlike any before."""
    if plan.provider:
        return _of_provider(plan.provider)
    return _Batches(plan).next if plan.batch else _Singles(plan).next


def _of_provider(provider: str) -> Callable[[], bytes]:
    from tests.benchmarks.crm_requests import requests_of
    from tests.fuzz.live import wired
    from tests.fuzz.senders import source_of

    following, source_id = requests_of(provider), source_of(provider).id
    return lambda: wired(source_id, following())


class _Singles:
    def __init__(self, plan: Plan) -> None:
        self._head = _head(plan, "native") + f"Authorization: Bearer {plan.secret}\r\n"
        self._rep = plan.rep
        self._run = f"{time.time_ns():x}"
        self._number = 0

    def next(self) -> bytes:
        self._number += 1
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        body = EVENT % (self._run, self._number, self._rep, now, self._run, self._number)
        return f"{self._head}Content-Length: {len(body)}\r\n\r\n{body}".encode()


class _Batches:
    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._head = _head(plan, "hubspot").encode()
        self._number = time.time_ns() // 1000

    def next(self) -> bytes:
        now_ms, first = time.time_ns() // 1_000_000, self._number
        self._number += self._plan.batch
        body, stamp = batch_body(range(first, self._number), now_ms), str(now_ms).encode()
        signed = b"POST" + self._plan.public_url.encode() + body + stamp
        signature = base64.b64encode(hmac.digest(self._plan.secret.encode(), signed, hashlib.sha256))
        return b"%sX-HubSpot-Request-Timestamp: %s\r\nX-HubSpot-Signature-v3: %s\r\nContent-Length: %d\r\n\r\n%s" % (
            self._head,
            stamp,
            signature,
            len(body),
            body,
        )


def batch_body(numbers: Iterable[int], now_ms: int) -> bytes:
    """HubSpot's changes of the amounts of these deals, now."""
    return f"[{','.join(CHANGE % (number, now_ms, number) for number in numbers)}]".encode()


def _head(plan: Plan, source: str) -> str:
    return f"POST /v1/webhooks/{source} HTTP/1.1\r\nHost: 127.0.0.1:{plan.port}\r\nContent-Type: application/json\r\n"
