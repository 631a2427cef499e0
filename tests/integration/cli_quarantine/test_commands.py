"""The commands on the embedded broker and a real Redis, with no ingest running."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from click.testing import Result
from confluent_kafka import Producer
from redis import Redis
from typer.testing import CliRunner

from cli.main import app
from shared.adapters.kafka_topics import ensure_topics
from shared.contracts import keys
from shared.contracts.messages import Quarantined, encode_quarantined
from shared.contracts.quarantine import decode_asked, encode_retried
from shared.contracts.topics import CRM_QUARANTINE, CRM_RETRIES, TOPICS
from shared.domain.quarantine import Retried, RetryOutcome
from tests.support.kafka_reader import read_all
from tests.support.real_redis import RealRedis

pytestmark = pytest.mark.redis
Pacer = Callable[..., Result]


def put(bootstrap: str, *entries: Quarantined | Retried) -> None:
    producer = Producer({"bootstrap.servers": bootstrap})
    for entry in entries:
        value = encode_quarantined(entry) if isinstance(entry, Quarantined) else encode_retried(entry)
        producer.produce(CRM_QUARANTINE, value, key=entry.source)
    producer.flush()


def entry(entry_id: str, reason: str = "missing_id", body: str = '{"id": ""}') -> Quarantined:
    return Quarantined(
        id=entry_id, tenant="acme", source="crm", reason=reason, detail="id is required", received_at=10**15, body=body
    )


@pytest.fixture
def broker() -> Iterator[str]:
    owner = Producer({"test.mock.num.brokers": 1})
    found = next(iter(owner.list_topics(timeout=10).brokers.values()))
    bootstrap = f"{found.host}:{found.port}"
    asyncio.run(ensure_topics(bootstrap, TOPICS, partitions=4, retention=timedelta(days=1)))
    yield bootstrap
    owner.flush(0)


@pytest.fixture
def pacer(broker: str, redis_server: RealRedis) -> Pacer:
    where = ["--kafka", broker, "--redis", redis_server.url]
    return lambda *arguments: CliRunner().invoke(app, ["quarantine", *arguments, *where])


def test_an_empty_quarantine_is_said_to_be(pacer: Pacer) -> None:
    done = pacer("list")
    assert (done.exit_code, done.output) == (0, "nothing waits in quarantine\n")


def test_entries_are_listed_with_owners_and_amounts_that_wait(
    pacer: Pacer, broker: str, redis_server: RealRedis
) -> None:
    put(broker, entry("qe_1"), entry("qe_2", "unknown_type"))
    with Redis.from_url(redis_server.url) as redis:
        redis.hset(keys.LAYOUT, mapping={"events_partitions": 1, "facts_partitions": 1})
        tag = keys.scoreboard_tag(0, keys.FIRST_STATE)
        redis.hset(keys.unmapped_key(tag), "acme/?crm/77", 3)
        redis.hset(keys.unconverted_key(tag), "acme/ana/2026-11-23/f1", "JPY")
    done = pacer("list")
    assert done.exit_code == 0
    assert "2 in quarantine: missing_id 1, unknown_type 1" in done.output
    assert [line.split() for line in done.output.splitlines() if "facts" in line and "acme" in line] == [
        ["acme", "crm", "77", "3", "facts"],
        ["acme", "JPY", "1", "facts"],
    ]
    assert [
        found["id"] for found in json.loads(pacer("list", "--json", "--reason", "unknown_type").output)["entries"]
    ] == ["qe_2"]


def test_one_is_shown_whole_and_byte_for_byte(pacer: Pacer, broker: str) -> None:
    put(broker, entry("qe_1", body='{"id": "",\n "n": 1}'))
    assert pacer("show", "qe_1").output.endswith('\n\n{"id": "",\n "n": 1}\n')
    assert pacer("show", "qe_1", "--raw").output == '{"id": "",\n "n": 1}'
    assert json.loads(pacer("show", "qe_1", "--json").output)["reason"] == "missing_id"


def test_an_unknown_id_is_one_line_and_exit_1(pacer: Pacer) -> None:
    for command in ("show", "retry"):
        done = pacer(command, "qe_9")
        assert (done.exit_code, "there is no entry qe_9" in done.output) == (1, True)


def test_without_an_ingest_the_request_is_stored_and_the_command_says_so(pacer: Pacer, broker: str) -> None:
    put(broker, entry("qe_1"), entry("qe_2"))
    done = pacer("retry", "--all", "--wait", "1")
    assert (done.exit_code, "2 not answered yet: does ingest run?" in done.output) == (1, True), done.output
    (message,) = read_all(broker, CRM_RETRIES, until=bool)
    asked = decode_asked(message.value())
    assert ({one.id for one in asked.entries}, asked.by.startswith("cli:")) == ({"qe_1", "qe_2"}, True)


def test_what_was_accepted_is_left_alone(pacer: Pacer, broker: str) -> None:
    accepted = Retried(
        resolves="qe_1", tenant="acme", source="crm", outcome=RetryOutcome.ACCEPTED, at=1, by="ops", retry="rt_1"
    )
    put(broker, entry("qe_1"), accepted)
    done = pacer("retry", "qe_1")
    assert (done.exit_code, done.output) == (
        0,
        "qe_1 was dealt with before: nothing to do\nnothing is to be tried again\n",
    )
    assert "accepted" in pacer("list", "--all").output
