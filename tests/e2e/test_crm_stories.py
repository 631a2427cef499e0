"""One sale told by every CRM, shuffled and repeated, through the whole system: each comes to the same numbers."""

from __future__ import annotations

import asyncio
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.support.crm_stories import ANA, ANA_MS, ANA_SF, BEA, BEA_MS, BEA_SF, Sent, Story, stories
from tests.support.eventually import eventually
from tests.support.real_kafka import OwnKafka
from tests.support.stack import Stack

pytestmark = pytest.mark.slow
EXPECTED = {
    "ana": {"won": 0, "revenue": 0, "calls": 0, "made": 1},
    "bea": {"won": 1, "revenue": 250.25, "calls": 1, "made": 0},
}


SPOOLED = {"dataverse": {"spool": True}}
"""Dataverse tries once more and gives up; Pipedrive's source has a spool of its own accord."""
BEFORE_SECONDS, AWAY_SECONDS, PAUSE_SECONDS = 1.0, 8.0, 0.3


def kpi(name: str, fact: str, aggregate: str = "count", **others: Any) -> dict[str, Any]:
    common = {"id": name, "name": name, "type": "lagging", "unit": "count", "better": "higher", "periods": ["day"]}
    return common | {"aggregate": aggregate, "facts": [fact]} | others


# Pipedrive does not say who called whom, so that its calls are not inbound, and no more is known.
KPIS = [
    kpi("won", "deal.won"),
    kpi("revenue", "deal.won", "sum", unit="money", field="amount"),
    kpi("calls", "call.logged", where={"direction": {"not_in": ["inbound"]}, "duration_seconds": {"gte": 20}}),
    kpi("made", "deal.created"),
]


def people(sources: list[str]) -> dict[str, Any]:
    """An Ana and a Bea a source, so that no CRM's numbers hide behind another's."""
    reps = [
        {"id": f"{who}-{source}", "name": who, "teams": ["emea"], "identities": {source: ids}}
        for source in sources
        for who, ids in (("ana", [ANA, ANA_SF, ANA_MS]), ("bea", [BEA, BEA_SF, BEA_MS]))
    ]
    return {"teams": [{"id": "emea", "name": "EMEA"}], "reps": reps}


def configuration(told: dict[str, Story]) -> dict[str, Any]:
    return {
        "tenant": {"tenant": "acme", "time_zone": "UTC", "currency": "EUR"},
        "people": people([story.source["id"] for story in told.values()]),
        "kpis": {"kpis": KPIS},
        "sources": {"sources": [story.source | SPOOLED.get(provider, {}) for provider, story in told.items()]},
    }


def tell() -> tuple[dict[str, Story], dict[str, str]]:
    """Every CRM's story of the last hour, and the secrets by the name of their variable."""
    told = stories(datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=45))
    return told, {story.source["secrets"][0]["env"]: story.secret for story in told.values()}


@pytest.mark.parametrize("seed", [1, 2])
async def test_every_crm_comes_to_the_same_numbers(tmp_path: Path, seed: int) -> None:
    told, secrets = tell()
    async with Stack(tmp_path, configuration(told), **secrets) as stack:
        for one in shuffled([one for story in told.values() for one in story.sent], seed):
            assert await post(stack, one) in range(200, 300), one.path
        await all_numbers_are_right(stack, told)


@pytest.mark.kafka
async def test_a_broker_that_is_away_in_the_middle_costs_no_number(tmp_path: Path, own_kafka: OwnKafka) -> None:
    told, secrets = tell()
    codes: set[int] = set()
    async with Stack(tmp_path, configuration(told), "--kafka", own_kafka.bootstrap, **secrets) as stack:
        senders = [asyncio.create_task(send_on(stack, story, codes)) for story in told.values()]
        await asyncio.sleep(BEFORE_SECONDS)
        await asyncio.to_thread(own_kafka.kill)
        await asyncio.sleep(AWAY_SECONDS)
        assert not all(sender.done() for sender in senders)
        await asyncio.to_thread(own_kafka.start)
        async with asyncio.timeout(90):
            await asyncio.gather(*senders)
        assert codes == {200, 202, 503}
        await all_numbers_are_right(stack, told, within_seconds=120)


async def send_on(stack: Stack, story: Story, codes: set[int]) -> None:
    """As a CRM sends: one after the other, and the same again, signed anew, for as long as it hears 503."""
    for one in shuffled(story.sent, seed=3):
        while (code := await post(stack, one)) == 503:
            codes.add(code)
            await asyncio.sleep(1)
        codes.add(code)
        await asyncio.sleep(PAUSE_SECONDS)


async def post(stack: Stack, one: Sent) -> int:
    headers = one.signed(one.body, datetime.now(UTC))
    answer = await stack.http.post(stack.url("ingest", one.path), content=one.body, headers=headers)
    return answer.status_code


async def all_numbers_are_right(stack: Stack, told: dict[str, Story], *, within_seconds: float = 60) -> None:
    sources = [story.source["id"] for story in told.values()]

    async def numbers() -> dict[str, Any]:
        return {source: await read(stack, source) for source in sources}

    wanted = dict.fromkeys(sources, EXPECTED)
    await eventually(numbers, equals=wanted, within_seconds=within_seconds, every_seconds=0.5)


def shuffled(sent: list[Sent], seed: int) -> list[Sent]:
    """In no order, a third of them twice."""
    chance = random.Random(seed)
    again = [*sent, *chance.sample(sent, len(sent) // 3)]
    chance.shuffle(again)
    return again


async def read(stack: Stack, source: str) -> dict[str, Any]:
    at = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    read = {who: await stack.values(f"reps/{who}-{source}", "rolling:1d", at) for who in EXPECTED}
    return {who: {name: read[who][name] for name in EXPECTED[who]} for who in EXPECTED}
