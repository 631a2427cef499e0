"""Where a delivery's processor time goes, by provider: authentication, parsing, translation, producing.

In process, without HTTP, on the real log: producing includes encoding and librdkafka's own thread. The figure behind
the shares is the whole of a delivery.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Any, NamedTuple

from confluent_kafka import KafkaException

from services.ingest.adapters.event_log import KafkaEventLog, open_event_log
from services.ingest.domain.delivery import Accepted, Context, Delivery, Outcome
from services.ingest.ports import LogUnavailable
from services.ingest.providers.registry import PROVIDERS
from shared.domain.sources import Source
from shared.settings import KafkaSettings
from tests.benchmarks.crm_requests import JSON, delivery_of, requests_of
from tests.benchmarks.report import Row
from tests.benchmarks.stand import PARTITIONS, READY_SECONDS, Stand
from tests.benchmarks.webhook_requests import batch_body
from tests.fuzz.senders import AUTHENTICATED, Request, source_of

DELIVERIES = 400
BATCH = 100
BATCHES = 40
AT_ONCE = 32
STEPS = ("authenticate", "parse", "translate", "produce")


class Work(NamedTuple):
    """Deliveries of one source that are measured together."""

    name: str
    source: Source
    deliveries: list[Delivery]


def run(stand: Stand, *, quick: bool) -> list[Row]:
    """The least of several rounds a step: what others do on the machine only adds."""
    return asyncio.run(_measure(stand.bootstrap, rounds=3 if quick else 9))


async def _measure(bootstrap: str, *, rounds: int) -> list[Row]:
    settings = KafkaSettings(bootstrap_servers=bootstrap, partitions=PARTITIONS)
    works = [*(_singles(provider) for provider in PROVIDERS), _batches()]
    async with open_event_log(settings, retention=timedelta(days=1)) as log:
        await _until_it_takes(log)
        return [_row(work, [await _round(log, work) for _ in range(rounds)]) for work in works]


def _singles(provider: str) -> Work:
    following = requests_of(provider)
    return Work(provider, source_of(provider), [delivery_of(following()) for _ in range(DELIVERIES)])


def _batches() -> Work:
    source, sign, now = source_of("hubspot"), AUTHENTICATED["hubspot"], time.time_ns() // 1000
    starts = range(now, now + BATCH * BATCHES, BATCH)
    bodies = [batch_body(range(first, first + BATCH), now // 1000) for first in starts]
    deliveries = [delivery_of(sign(source, Request(JSON, body), now)) for body in bodies]
    return Work(f"hubspot, batches of {BATCH}", source, deliveries)


async def _until_it_takes(log: KafkaEventLog) -> None:
    async with asyncio.timeout(READY_SECONDS):
        while True:
            with suppress(KafkaException, LogUnavailable):
                await log.state()
                return
            await asyncio.sleep(0.1)


async def _round(log: KafkaEventLog, work: Work) -> list[float]:
    """Seconds of processor time a step, of all deliveries together."""
    provider, source, deliveries = PROVIDERS[work.source.provider], work.source, work.deliveries
    now = time.time_ns() // 1000
    context = Context(source, "dl_0123456789abcdef01234567", now)
    taken = [_timed(lambda one: provider.authenticate(one, source, now), deliveries)[0]]
    seconds, parsed = _timed(lambda one: provider.parse(one, source), deliveries)
    taken.append(seconds)
    seconds, outcomes = _timed(lambda elements: provider.translate(elements, context), parsed)
    taken.append(seconds)
    began = time.process_time()
    await _kept(log, deliveries, outcomes, context)
    return [*taken, time.process_time() - began]


def _timed(step: Callable[[Any], Any], each: Sequence[Any]) -> tuple[float, list[Any]]:
    began = time.process_time()
    results = [step(one) for one in each]
    return time.process_time() - began, results


async def _kept(
    log: KafkaEventLog, deliveries: list[Delivery], outcomes: list[list[Outcome]], context: Context
) -> None:
    """So many at once, as from so many connections."""
    left = iter(zip(deliveries, outcomes, strict=True))

    async def connection() -> None:
        for delivery, of_it in left:
            changes = [change for one in of_it if isinstance(one, Accepted) for change in one.changes]
            await log.keep(changes, [], delivery=delivery, context=context)

    async with asyncio.TaskGroup() as tasks:
        for _ in range(AT_ONCE):
            tasks.create_task(connection())


def _row(work: Work, rounds: list[list[float]]) -> Row:
    least = [min(each) for each in zip(*rounds, strict=True)]
    whole = sum(least)
    shares = ", ".join(f"{step} {part / whole * 100:.0f}" for step, part in zip(STEPS, least, strict=True))
    return Row(what=f"{work.name}: {shares} % of", value=whole / len(work.deliveries) * 1e6, unit="us")
