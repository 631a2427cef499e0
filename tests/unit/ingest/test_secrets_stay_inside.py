"""Secrets, session ids and query strings are in no log, metric, quarantine entry or error body of any provider."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
import structlog
from prometheus_client import CollectorRegistry, generate_latest

from services.ingest.adapters.quarantine_entries import quarantined
from services.ingest.domain.delivery import Context, Delivery, Rejected
from services.ingest.providers.registry import PROVIDERS
from services.ingest.wiring import build_ingest
from shared.contracts.messages import encode_change, encode_quarantined
from shared.domain.changes import RecordChange
from tests.fuzz.seeds import seeds_of
from tests.fuzz.senders import AUTHENTICATED, Request, source_of
from tests.fuzz.trial import NOW, Answered, answered
from tests.support.fake_log import FakeKept, FakeLog
from tests.support.manual_clock import ManualClock
from tests.support.salesforce_messages import envelope, notification, opportunity

SESSION = "00D1I000003qqqE!AQcAQH0dMHZ-live-session"
QUERY = "sid=query-4242-string"


class Kept(FakeLog):
    """Keeps what goes onto the log as the bytes that go there; ``broken``: has a bug."""

    def __init__(self) -> None:
        super().__init__()
        self.stored: list[bytes] = []
        self.broken = False

    async def keep(
        self, changes: Sequence[RecordChange], rejects: Sequence[Rejected], *, delivery: Delivery, context: Context
    ) -> None:
        if self.broken:
            raise RuntimeError("a bug, as the test wants it")
        await super().keep(changes, rejects, delivery=delivery, context=context)
        self.stored += map(encode_change, changes)
        self.stored += [encode_quarantined(quarantined(reject, delivery, context)) for reject in rejects]


class Told:
    """An ingest that logs everything, and all that it told anybody."""

    def __init__(self, provider: str) -> None:
        self.source = source_of(provider)
        self.log, self._clock, self._registry = Kept(), ManualClock(), CollectorRegistry()
        self._clock.set(NOW)
        self._ingest = build_ingest(self.log, FakeKept(), self._clock, registry=self._registry)
        self._ingest.intake.configure({self.source.id: self.source})
        self.bodies: list[bytes] = []
        self.statuses: set[int] = set()
        self.credentials: set[str] = {*self.source.secrets, SESSION, QUERY, QUERY.partition("=")[2]}

    def send(self, request: Request) -> Answered:
        answer = asyncio.run(answered(self._ingest.app, self.source, request))
        self.bodies += [answer.body, repr(answer.headers).encode()]
        self.statuses.add(answer.status)
        return answer

    def signed(self, body: bytes, headers: dict[str, str]) -> Request:
        """As the sender signs it; what authenticates it is to be found nowhere either."""
        plain = Request(dict(headers), body, query=QUERY)
        request = AUTHENTICATED[self.source.provider](self.source, plain, NOW)
        new = {name: value for name, value in request.headers.items() if plain.headers.get(name) != value}
        self.credentials |= {value for name, value in new.items() if len(value) > 15 and not name.endswith("-id")}
        return request

    def everything(self, output: str) -> bytes:
        return b"\n".join([output.encode(), generate_latest(self._registry), *self.log.stored, *self.bodies])


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    """What the service's loggers write, at every level, rendered as in a process of its own."""
    lines = io.StringIO()
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.WriteLoggerFactory(file=lines),
        cache_logger_on_first_use=False,
    )
    yield lines
    structlog.reset_defaults()


def wrong(request: Request, secret: str) -> list[Request]:
    """Near misses: they hold most of the secret, or all of it in another place."""
    spoilt = {name: value[:-1] + ("x" if value[-1:] != "x" else "y") for name, value in request.headers.items()}
    kept = {"content-type": request.headers.get("content-type", "")}
    return [
        request._replace(headers=spoilt | kept, path_token=request.path_token[:-1], query=""),
        request._replace(headers=kept, path_token="", query=f"code={secret}&access_token={secret}&token={secret}"),
        request._replace(headers=dict.fromkeys(request.headers, "") | kept, body=b"{"),
    ]


def unusable(provider: str, secret: str) -> list[bytes]:
    """Deliveries that go into quarantine with the secret somewhere in them."""
    if provider == "salesforce_outbound_message":
        spoilt = opportunity(Amount=secret, Link__c=SESSION)
        return [envelope(notification(spoilt), notification({"Id": secret}, name="X__c"), session=SESSION)]
    odd = {"type": "x", "SessionId": "-", "note": secret, "nested": {"token": secret}}
    return [json.dumps(odd).encode(), json.dumps([odd, 5]).encode(), secret.encode(), b'{"a":"' + secret.encode()]


@pytest.mark.parametrize("provider", PROVIDERS)
def test_no_secret_is_told(provider: str, written: io.StringIO) -> None:
    told = Told(provider)
    secret = told.source.secrets[0]
    seeds = seeds_of(provider)
    for body, headers in [*seeds, *((body, seeds[0][1]) for body in unusable(provider, secret))]:
        request = told.signed(body, headers)
        for sent in (request, *wrong(request, secret)):
            told.send(sent)
    for switch in ("away", "broken"):
        setattr(told.log, switch, True)
        told.send(told.signed(*seeds[0]))
        setattr(told.log, switch, False)
    output = written.getvalue()
    assert "unexpected_error" in output and "delivery_refused" in output
    assert told.log.rejects or provider in {"cloudevents", "native"}
    everything = told.everything(output)
    for credential in told.credentials:
        assert credential.encode("latin-1", "replace") not in everything, credential


@pytest.mark.parametrize("show", [repr, str, lambda source: f"{source!r} {source}"])
@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_source_shows_no_secret(provider: str, show: Callable[[Any], str]) -> None:
    source = source_of(provider)
    assert source.secrets[0] not in show(source)
