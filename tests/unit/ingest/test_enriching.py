"""The enricher on a fake API and log: every answer there is, limits, repeats, edits in between."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from services.ingest.domain.enrichment import ApiAnswer, ApiRequest, Ask
from services.ingest.enriching import Enriching
from services.ingest.enrichment_metrics import EnrichmentMetrics
from services.ingest.ports import ApiAway, LogUnavailable
from services.ingest.providers.registry import PROVIDERS
from shared.domain.sources import Enrich, Source
from tests.support.fake_log import FakeLog
from tests.support.ingest_app import hubspot_source
from tests.support.manual_clock import ManualClock

TOKEN = "pat-na1-secret"
UPDATED = "2026-11-23T09:45:00.250Z"


def deal(record: str = "5", **properties: Any) -> bytes:
    found = {"amount": "1200.50", "deal_currency_code": "EUR", "dealstage": "signing", "hubspot_owner_id": "77"}
    return json.dumps({"id": record, "properties": found | properties, "updatedAt": UPDATED}).encode()


def ask(record: str = "5", *, at: int = 0, missing: tuple[str, ...] = ("owner", "amount")) -> Ask:
    return Ask(
        tenant="acme",
        source="hubspot",
        record_type="deal",
        record=record,
        event=f"9:deal:{record}:creation@1",
        missing=missing,
        received_at=at,
    )


class FakeApi:
    """Answers one after the other, the last one for good; None is no answer."""

    def __init__(self, *answers: ApiAnswer | None) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[ApiRequest, str]] = []

    async def get(self, request: ApiRequest, base_url: str) -> ApiAnswer:
        self.asked.append((request, base_url))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if answer is None:
            raise ApiAway("no answer, as the test wants it")
        return answer


class Desk:
    """An enricher whose pauses turn the clock instead of taking time."""

    def __init__(self, *answers: ApiAnswer | None, rate: float = 1000) -> None:
        self.clock = ManualClock()
        self.log = FakeLog()
        self.api = FakeApi(*answers)
        self.registry = CollectorRegistry()
        self.pauses: list[float] = []
        self.meanwhile: Callable[[], None] = lambda: None
        self.rate = rate
        metrics = EnrichmentMetrics(self.registry)
        self.enriching = Enriching(PROVIDERS, self.api, self.log, clock=self.clock, metrics=metrics, pause=self._pause)
        self.enriching.configure({"hubspot": self.source()})

    def source(self, **others: Any) -> Source:
        return hubspot_source(**{"enrich": Enrich(TOKEN, "https://api.example", self.rate)} | others)

    async def _pause(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.clock.advance(timedelta(seconds=seconds))
        self.meanwhile()

    def count(self, outcome: str) -> float | None:
        return self.registry.get_sample_value("ingest_enrichments_total", {"source": "hubspot", "outcome": outcome})

    def waits(self, reason: str) -> float | None:
        return self.registry.get_sample_value("ingest_enrichment_waits_total", {"source": "hubspot", "reason": reason})


OK = ApiAnswer(200, deal())


async def test_what_the_api_says_goes_on_the_log() -> None:
    desk = Desk(OK)
    await desk.enriching.handle([ask()])
    (change,) = desk.log.changes
    assert (change.owner, change.fields["amount"], change.fields["stage"]) == ("77", "1200.50", "signing")
    assert desk.count("enriched") == 1


async def test_the_token_goes_to_the_configured_address_in_a_header_alone() -> None:
    desk = Desk(OK)
    await desk.enriching.handle([ask()])
    ((request, base_url),) = desk.api.asked
    assert (base_url, request.headers) == ("https://api.example", {"Authorization": f"Bearer {TOKEN}"})
    assert TOKEN not in request.path + str(request.query)


async def test_twice_asked_is_the_same_event() -> None:
    desk = Desk(OK)
    await desk.enriching.handle([ask()])
    desk.clock.advance(timedelta(hours=1))
    await desk.enriching.handle([ask(at=desk.clock.now())])
    first, second = desk.log.changes
    assert (first.occurred_at, first.event, first.fields) == (second.occurred_at, second.event, second.fields)


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (ApiAnswer(404, b"{}"), "gone"),
        (ApiAnswer(400, b"{}"), "refused"),
        (ApiAnswer(200, b"<html>"), "unusable"),
        (ApiAnswer(200, b"[]"), "unusable"),
        (ApiAnswer(200, b'{"id": "6"}'), "unusable"),
        (ApiAnswer(200, b'{"id": "5", "updatedAt": "soon", "properties": {}}'), "unusable"),
        (ApiAnswer(200, deal(amount="a lot")), "unusable"),
        (ApiAnswer(200, b'{"id": "5", "properties": {"a": "\\ud800"}}'), "unusable"),
    ],
)
async def test_an_answer_of_no_use_ends_the_ask_and_is_counted(answer: ApiAnswer, outcome: str) -> None:
    desk = Desk(answer)
    await desk.enriching.handle([ask()])
    assert (desk.log.changes, desk.count(outcome), len(desk.api.asked)) == ([], 1, 1)


@pytest.mark.parametrize(
    ("answer", "reason", "pause"),
    [
        (ApiAnswer(429, b"", 11), "rate_limited", 11),
        (ApiAnswer(503, b"", 30), "api_away", 30),
        (ApiAnswer(500, b""), "api_fails", 1),
        (ApiAnswer(401, b""), "token_refused", 60),
        (ApiAnswer(403, b""), "token_refused", 60),
        (ApiAnswer(307, b""), "wrong_address", 60),
        (None, "api_away", 1),
    ],
)
async def test_what_may_change_is_asked_again_after_a_pause(
    answer: ApiAnswer | None, reason: str, pause: float
) -> None:
    desk = Desk(answer, OK)
    await desk.enriching.handle([ask()])
    assert (desk.waits(reason), desk.pauses, len(desk.log.changes)) == (1, [pause], 1)


async def test_an_api_that_fails_on_one_record_for_long_does_not_hold_up_the_others() -> None:
    desk = Desk(*[ApiAnswer(500, b"")] * 11, ApiAnswer(200, deal("6")))
    await desk.enriching.handle([ask("5"), ask("6")])
    assert (desk.count("given_up"), desk.count("enriched")) == (1, 1)


async def test_a_token_that_was_mended_is_used_at_once() -> None:
    desk = Desk(ApiAnswer(401, b""), OK)
    mended = desk.source(enrich=Enrich("new", "https://api.example", 1000))
    desk.meanwhile = lambda: desk.enriching.configure({"hubspot": mended})
    await desk.enriching.handle([ask()])
    assert desk.api.asked[-1][0].headers == {"Authorization": "Bearer new"}


async def test_a_source_that_may_be_asked_no_more_ends_the_ask() -> None:
    desk = Desk(ApiAnswer(401, b""))
    desk.meanwhile = lambda: desk.enriching.configure({"hubspot": desk.source(enrich=None)})
    await desk.enriching.handle([ask()])
    assert (desk.count("not_configured"), desk.enriching.sources) == (1, frozenset())


async def test_a_record_that_the_api_does_not_have_is_not_asked_for() -> None:
    desk = Desk(OK)
    unknown = Ask(
        tenant="acme", source="hubspot", record_type="ticket", record="5", event="e", missing=("a",), received_at=0
    )
    await desk.enriching.handle([unknown])
    assert (desk.api.asked, desk.count("unknown_type")) == ([], 1)


async def test_asks_for_one_record_are_one_request() -> None:
    desk = Desk(OK)
    await desk.enriching.handle([ask(at=n) for n in range(5)])
    assert (len(desk.api.asked), desk.count("coalesced"), desk.count("enriched")) == (1, 4, 1)


async def test_what_was_read_since_is_not_read_again() -> None:
    desk = Desk(OK)
    now = desk.clock.now()
    await desk.enriching.handle([ask(at=now)])
    await desk.enriching.handle([ask(at=now - 1_000_000)])
    assert (len(desk.api.asked), desk.count("coalesced")) == (1, 1)


async def test_a_record_is_read_a_moment_after_its_event() -> None:
    desk = Desk(OK)
    await desk.enriching.handle([ask(at=desk.clock.now())])
    assert desk.pauses == [2.0]


async def test_a_sources_own_limit_is_kept() -> None:
    desk = Desk(OK, rate=2)
    began = desk.clock.now()
    await desk.enriching.handle([ask(str(number)) for number in range(11)])
    seconds = (desk.clock.now() - began) / 1_000_000
    assert (len(desk.api.asked), 4 <= seconds <= 6) == (11, True)


async def test_while_the_log_is_away_nothing_is_dealt_with() -> None:
    desk = Desk(OK)
    desk.log.away = True
    with pytest.raises(LogUnavailable):
        await desk.enriching.handle([ask()])
    desk.log.away = False
    await desk.enriching.handle([ask()])
    assert (len(desk.log.changes), desk.count("enriched")) == (1, 1)


async def test_what_the_log_never_takes_ends_the_ask() -> None:
    desk = Desk(OK)
    desk.log.largest = 10
    await desk.enriching.handle([ask()])
    assert desk.count("unusable") == 1


async def test_a_bug_costs_one_record_its_enrichment(monkeypatch: pytest.MonkeyPatch) -> None:
    desk = Desk(OK)

    async def broken(*_: Any, **__: Any) -> None:
        raise KeyError("a bug")

    monkeypatch.setattr(desk.log, "keep", broken)
    await desk.enriching.handle([ask()])
    assert desk.count("unusable") == 1


async def test_it_says_since_when_the_oldest_waits() -> None:
    desk = Desk(None, OK)
    seen: list[float | None] = []
    name, labels = "ingest_enrichment_oldest_timestamp_seconds", {"source": "hubspot"}
    desk.meanwhile = lambda: seen.append(desk.registry.get_sample_value(name, labels))
    await desk.enriching.handle([ask(at=3_000_000)])
    assert (seen[-1], desk.registry.get_sample_value(name, labels)) == (3.0, 0.0)
