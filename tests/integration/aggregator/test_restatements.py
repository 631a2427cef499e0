"""Late events on a real broker and a real Redis, under kills and with two workers: what is told of closed days adds up.

All calls of the floor are a week old. Whatever a worker told, or left marked when it died, must make a chain from
nothing to the number that the reading shows, for every rep.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from decimal import Decimal

import pytest
import redis

from cli.up.free_ports import free_ports
from shared.contracts import keys
from shared.contracts.restatements import decode_restatement
from shared.domain.restatements import Restatement
from tests.support.aggregator_floor import REPS, START, Floor
from tests.support.eventually import eventually
from tests.support.processes import Processes, Running

pytestmark = [pytest.mark.kafka, pytest.mark.redis, pytest.mark.slow]
LONG = 90.0
PARTITIONS = 8
DAY = time.strftime("%Y-%m-%d", time.gmtime(START / 1e6))


@pytest.fixture
def client(floor: Floor) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(floor.redis_server.url) as found:
        yield found


@pytest.fixture
def start(floor: Floor, processes: Processes) -> Callable[[], Running]:
    """Starts a worker."""
    return lambda: floor.worker(processes, free_ports(1)[0])


def told(client: redis.Redis, rep: str, kpi: str) -> list[Restatement]:
    """What was told of a rep's day, the first one first."""
    tag = keys.scoreboard_tag(keys.scoreboard_partition("acme", rep, PARTITIONS), keys.FIRST_STATE)
    kept = client.lrange(keys.restatements_key(tag, "acme", rep), 0, -1)
    found = [decode_restatement(rep, packed) for packed in reversed(kept)]
    return [each for each in found if (each.kpi, each.period) == (kpi, ("day", DAY))]


def marked(client: redis.Redis) -> int:
    """How many reps have marks that nobody has told of."""
    tags = [keys.scoreboard_tag(partition, keys.FIRST_STATE) for partition in range(PARTITIONS)]
    return sum(int(client.scard(keys.marked_key(tag))) for tag in tags)


def last_values(client: redis.Redis) -> dict[str, tuple[Decimal | None, Decimal | None]]:
    """What the last restatement says of each rep's calls and their seconds; every one goes on from the one before."""
    values = {}
    for rep in (f"rep{number}" for number in range(REPS)):
        chains = [told(client, rep, kpi) for kpi in ("calls", "talk")]
        for chain in chains:
            assert [each.before for each in chain] == [Decimal(0), *(each.after for each in chain[:-1])][: len(chain)]
            assert all(each.cause.event.startswith("e") and each.cause.at > START for each in chain)
        if all(chains):
            values[rep] = (chains[0][-1].after, chains[1][-1].after)
    return values


async def test_what_late_calls_do_is_told_through_kills_and_by_two_workers(
    floor: Floor, client: redis.Redis, start: Callable[[], Running]
) -> None:
    first = start()
    floor.log_calls(2_000)
    await eventually(lambda: floor.total() > 0, within_seconds=LONG, every_seconds=0.01)
    floor.log_calls(20_000)
    await eventually(lambda: marked(client) > 0, within_seconds=LONG, every_seconds=0.005)
    first.kill()
    assert marked(client) > 0, "it was killed too late to tell anything"
    second = start()
    floor.log_calls(10_000)
    start()
    await eventually(lambda: floor.total() > 22_000, within_seconds=LONG, every_seconds=0.05)
    second.kill()
    floor.log_calls(2_000)
    await eventually(floor.counted, equals=floor.expected, within_seconds=LONG)
    await eventually(lambda: marked(client), equals=0, within_seconds=LONG)
    assert last_values(client) == {rep: (Decimal(calls), talk) for rep, (calls, talk) in floor.expected.items()}
