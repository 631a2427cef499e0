"""The sender against a scripted receiver behind httpx's own transport."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from random import Random

import httpx
import pytest

from cli.simulate import sender as module
from cli.simulate.sender import DeliveryRefused, Sender
from cli.simulate.wire import Element
from tests.support.simulated_floor import NOW, PUBLIC_URL, SECRET, SOURCES

ACCEPTED = {"accepted": 1, "quarantined": 0, "ignored": 0, "delivery": "d", "problems": []}
CALL = Element("native", NOW, {"id": "e1", "type": "call.logged"})
DEAL = Element("hubspot", NOW, {"eventId": 1, "attemptNumber": 0})


class StoppedClock:
    def now(self) -> int:
        return NOW


class Receiver:
    """Answers what it is told, then 202; keeps the requests."""

    def __init__(self, *answers: httpx.Response | Exception) -> None:
        self._answers = list(answers)
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = self._answers.pop(0) if self._answers else httpx.Response(202, json=ACCEPTED)
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FIRST_PAUSE", 0.001)


async def deliver(receiver: Callable[[httpx.Request], httpx.Response], element: Element) -> Sender:
    async with httpx.AsyncClient(transport=httpx.MockTransport(receiver)) as http:
        sender = Sender(http, "http://ingest", SOURCES, clock=StoppedClock(), random=Random(1))
        await sender.deliver([element])
        return sender


async def test_a_hubspot_delivery_carries_a_valid_signature() -> None:
    receiver = Receiver()
    await deliver(receiver, DEAL)
    request = receiver.requests[0]
    signed = f"POST{PUBLIC_URL}".encode() + request.content + request.headers["X-HubSpot-Request-Timestamp"].encode()
    expected = base64.b64encode(hmac.new(SECRET.encode(), signed, hashlib.sha256).digest()).decode()
    assert request.headers["X-HubSpot-Signature-v3"] == expected


async def test_a_native_delivery_carries_its_token() -> None:
    receiver = Receiver()
    await deliver(receiver, CALL)
    assert receiver.requests[0].headers["Authorization"] == "Bearer token"


@pytest.mark.parametrize(
    "trouble", [httpx.Response(503), httpx.Response(429), httpx.ConnectError("away"), httpx.ReadTimeout("slow")]
)
async def test_a_delivery_is_repeated_until_it_is_taken(trouble: httpx.Response | Exception) -> None:
    sender = await deliver(Receiver(trouble, trouble), CALL)
    assert (sender.tally.posted, sender.tally.accepted, sender.tally.retries) == (1, 1, 2)


async def test_hubspot_counts_its_attempts() -> None:
    receiver = Receiver(httpx.Response(503))
    await deliver(receiver, DEAL)
    assert [json.loads(request.content)[0]["attemptNumber"] for request in receiver.requests] == [0, 1]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 413, 415])
async def test_what_will_never_be_taken_is_not_repeated(status: int) -> None:
    with pytest.raises(DeliveryRefused, match=str(status)):
        await deliver(Receiver(httpx.Response(status)), CALL)


async def test_quarantined_events_are_counted_by_reason() -> None:
    problems = [{"index": 0, "reason": "invalid_time"}]
    answer = httpx.Response(202, json={**ACCEPTED, "accepted": 0, "quarantined": 1, "problems": problems})
    sender = await deliver(Receiver(answer), CALL)
    assert (sender.tally.quarantined, sender.tally.problems) == (1, {"invalid_time": 1})
