"""Following begins at a position that is known, on topics that nobody made before."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta

import msgspec
import pytest
from aiokafka import AIOKafkaProducer
from confluent_kafka import Producer

from services.api.adapters.log_followers import ChangeFollower
from shared.contracts.messages import RepUpdated
from shared.contracts.topics import KPI_UPDATES
from shared.domain.episodes import Episode
from shared.settings import KafkaSettings
from tests.support.eventually import eventually


class Heard:
    """Keeps whose updates were heard."""

    def __init__(self) -> None:
        self.reps: set[str] = set()
        self.gaps = 0

    def updated(self, update: RepUpdated) -> None:
        self.reps.add(update.rep)

    def moved(self, episode: Episode) -> None:
        raise AssertionError(f"nobody said {episode}")

    def missed(self) -> None:
        self.gaps += 1


@pytest.fixture
def new_broker() -> Iterator[str]:
    owner = Producer({"test.mock.num.brokers": 1})
    broker = next(iter(owner.list_topics(timeout=10).brokers.values()))
    yield f"{broker.host}:{broker.port}"
    del owner


@asynccontextmanager
async def following(bootstrap: str, heard: Heard) -> AsyncIterator[None]:
    settings = KafkaSettings(bootstrap_servers=bootstrap)
    follower = ChangeFollower(settings, heard, retention=timedelta(days=1))
    task = asyncio.create_task(follower.run())
    await eventually(lambda: follower.following, within_seconds=20, every_seconds=0.001)
    yield
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def say(bootstrap: str) -> set[str]:
    """An update to each partition; whose they were."""
    async with AIOKafkaProducer(bootstrap_servers=bootstrap) as producer:
        said = set()
        for partition in await producer.partitions_for(KPI_UPDATES):
            update = RepUpdated(tenant="acme", rep=f"rep-{partition}", version=1, at=0)
            await producer.send_and_wait(KPI_UPDATES, msgspec.json.encode(update), partition=partition)
            said.add(update.rep)
    return said


async def test_what_is_said_as_soon_as_it_follows_is_heard_on_every_partition(new_broker: str) -> None:
    heard = Heard()
    async with following(new_broker, heard):
        said = await say(new_broker)
        await eventually(lambda: heard.reps, equals=said)


async def test_who_begins_to_follow_may_have_missed_something(new_broker: str) -> None:
    heard = Heard()
    async with following(new_broker, heard):
        assert heard.gaps == 1
