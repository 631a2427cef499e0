"""What an answer to a sample says of a source, and what a running ingest answers."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import format_datetime

import httpx
import msgspec
import pytest
from prometheus_client import CollectorRegistry

from cli.sources.probing import Outcome, judge, probe
from services.ingest.providers.registry import PROVIDERS
from services.ingest.wiring import Ingest, build_ingest
from shared.domain.instants import SECOND_US, from_datetime
from shared.domain.sources import Source
from tests.fuzz.senders import source_of
from tests.support.cloud_senders import PUBLIC_KEY, SECRET, standard_source
from tests.support.fake_log import FakeKept, FakeLog
from tests.support.ingest_app import configure
from tests.support.manual_clock import ManualClock

BASE = "http://ingest"
NOW = from_datetime(datetime(2026, 11, 23, 9, 30, tzinfo=UTC))


async def verdicts(
    running: Source, asked: Source, *, ahead: int = 0, log: FakeLog | None = None
) -> list[tuple[Outcome, str]]:
    """Of an ingest that runs one source, asked with what is configured here, by a clock so many seconds ahead."""
    clock, ours = ManualClock(), ManualClock()
    ours.set(clock.now() + ahead * SECOND_US)
    ingest: Ingest = build_ingest(log or FakeLog(), FakeKept(), clock, registry=CollectorRegistry())
    configure(ingest, running)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(ingest.app)) as http:
        found = await probe(http, asked, PROVIDERS[asked.provider], base=BASE, clock=ours)
    return [(verdict.outcome, verdict.text) for verdict in found]


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_a_source_that_is_set_up_rightly_is_said_to_be(provider: str) -> None:
    source = source_of(provider)
    ((outcome, text),) = await verdicts(source, source)
    assert outcome is Outcome.RIGHT
    assert text.startswith("ok (20")


async def test_each_secret_is_tested_by_itself() -> None:
    asked = standard_source(secrets=(SECRET, PUBLIC_KEY, "whsec_" + "QUJD" * 8))
    first, second, third = await verdicts(standard_source(secrets=(SECRET,)), asked)
    assert first == (Outcome.RIGHT, "secret 1 of 3: ok (202)")
    assert second[0] is Outcome.UNTESTED
    assert third[0] is Outcome.WRONG
    assert "401 bad_signature: the process has another secret" in third[1]


async def test_a_source_that_the_process_does_not_know() -> None:
    ((outcome, text),) = await verdicts(source_of("native"), source_of("native", id="other"))
    assert (outcome, "404 unknown_source" in text) == (Outcome.WRONG, True)


@pytest.mark.parametrize(("ahead", "reason"), [(900, "future_timestamp"), (-900, "stale_timestamp")])
async def test_clocks_that_differ(ahead: int, reason: str) -> None:
    ((outcome, text),) = await verdicts(source_of("close"), source_of("close"), ahead=ahead)
    assert (outcome, f"401 {reason}: the clocks differ" in text) == (Outcome.WRONG, True)


async def test_an_empty_batch_says_nothing_of_kafka_and_stores_nothing() -> None:
    log = FakeLog()
    log.away = True
    source = source_of("hubspot")
    ((outcome, _),) = await verdicts(source, source, log=log)
    assert (outcome, log.changes) == (Outcome.RIGHT, [])


async def test_nobody_there() -> None:
    async with httpx.AsyncClient() as http:
        (found,) = await probe(
            http, source_of("native"), PROVIDERS["native"], base="http://127.0.0.1:1", clock=ManualClock()
        )
    assert (found.outcome, found.text.startswith("unreachable: ConnectError")) == (Outcome.WRONG, True)


async def test_through_the_public_address_only_where_there_is_one() -> None:
    source = msgspec.structs.replace(source_of("native"), public_url="")
    async with httpx.AsyncClient() as http:
        (found,) = await probe(http, source, PROVIDERS["native"], base=None, clock=ManualClock())
    assert (found.outcome, "public_url" in found.text) == (Outcome.WRONG, True)


async def test_the_secret_in_an_address_is_not_told() -> None:
    source = source_of("salesforce_outbound_message")
    async with httpx.AsyncClient() as http:
        (found,) = await probe(http, source, PROVIDERS[source.provider], base="http://127.0.0.1:1", clock=ManualClock())
    assert source.secrets[0] not in found.text


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (httpx.Response(301, headers={"location": "https://elsewhere"}), "redirects"),
        (httpx.Response(200, text="It works!"), "something else answers"),
        (httpx.Response(404, text="nothing here"), "not from ingest"),
        (httpx.Response(503, json={"reason": "kafka_unavailable"}), "Kafka is away"),
        (httpx.Response(429, json={"reason": "rate_limited"}), "over its limit"),
        (httpx.Response(418, json={"reason": "a_new_one"}), "418 a_new_one"),
        (httpx.Response(202, json={"accepted": 1, "quarantined": 0}), "not harmless"),
        (httpx.Response(202, json={"accepted": 0, "quarantined": 1}), "not harmless"),
    ],
)
def test_other_answers_are_wrong(answer: httpx.Response, said: str) -> None:
    verdict = judge(answer, now=NOW)
    assert (verdict.outcome, said in verdict.text) == (Outcome.WRONG, True), verdict.text


def test_a_dated_answer_says_by_how_much_the_clocks_differ() -> None:
    dated = {"date": format_datetime(datetime(2026, 11, 23, 9, 20, tzinfo=UTC), usegmt=True)}
    verdict = judge(httpx.Response(401, json={"reason": "future_timestamp"}, headers=dated), now=NOW)
    assert verdict.text.endswith("is ahead, by 600 s")
