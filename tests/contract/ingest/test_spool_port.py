"""The spool port: what holds for the one on a disk holds for the fake that other tests use."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from services.ingest.adapters.spool_cipher import Keyring
from services.ingest.adapters.spool_directory import SpoolDirectory
from services.ingest.domain.spooling import LogMessage, Spooled
from services.ingest.ports import EventTooLarge, Spool, SpoolFailed, SpoolFull
from services.ingest.spool_metrics import SpoolMetrics
from shared.contracts.topics import MAX_MESSAGE_BYTES
from tests.support.fake_spool import FakeSpool
from tests.support.manual_clock import ManualClock

KEY = bytes(range(32))
ROOM = 3000


def delivery(number: int, value: bytes = b'{"some": "json"}') -> Spooled:
    return Spooled(
        "pipedrive", number, (LogMessage("crm.events", f"k-{number}", value), LogMessage("t", "", b"\0\xff"))
    )


def on_disk(directory: Path, *keys: bytes, max_bytes: int = 10**8) -> SpoolDirectory:
    metrics = SpoolMetrics(CollectorRegistry())
    return SpoolDirectory(directory, Keyring(keys), max_bytes=max_bytes, clock=ManualClock(), metrics=metrics)


@pytest.fixture(params=["fake", "plain", "encrypted"])
async def spool(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Spool]:
    if request.param == "fake":
        yield FakeSpool()
        return
    real = on_disk(tmp_path, *([KEY] if request.param == "encrypted" else []))
    yield real
    await real.close()


@pytest.fixture(params=["fake", "disk"])
async def small(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Spool]:
    if request.param == "fake":
        yield FakeSpool(room=3)
        return
    real = on_disk(tmp_path, max_bytes=ROOM)
    yield real
    await real.close()


@pytest.fixture(params=["fake", "disk"])
async def broken(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Spool]:
    if request.param == "fake":
        fake = FakeSpool()
        fake.broken = True
        yield fake
        return
    (tmp_path / "file").write_text("no directory")
    real = on_disk(tmp_path / "file" / "spool")
    yield real
    await real.close()


async def drained(spool: Spool) -> list[Spooled]:
    found: list[Spooled] = []
    while spool.held.parts:
        found.extend(await spool.oldest() or ())
        await spool.release_oldest()
    return found


async def test_what_was_put_comes_out_unaltered_and_in_order(spool: Spool) -> None:
    given = [delivery(number) for number in range(7)]
    for one in given:
        await spool.put(one)
    assert await drained(spool) == given


async def test_what_is_put_at_the_same_time_is_all_there(spool: Spool) -> None:
    given = [delivery(number) for number in range(50)]
    await asyncio.gather(*map(spool.put, given))
    assert await drained(spool) == given


async def test_what_is_not_released_stays(spool: Spool) -> None:
    await spool.put(delivery(1))
    assert list(await spool.oldest() or ()) == list(await spool.oldest() or ()) == [delivery(1)]
    assert spool.held.deliveries == 1


async def test_what_is_put_while_a_part_is_drained_goes_to_another(spool: Spool) -> None:
    await spool.put(delivery(1))
    part = await spool.oldest()
    await spool.put(delivery(2))
    await spool.release_oldest()
    assert (list(part or ()), await drained(spool)) == ([delivery(1)], [delivery(2)])


async def test_it_says_what_it_holds(spool: Spool) -> None:
    assert (spool.held.parts, spool.held.deliveries, spool.held.oldest_at) == (0, 0, 0)
    await spool.put(delivery(5))
    held = spool.held
    assert (held.parts, held.deliveries, held.size > 0, held.oldest_at > 0) == (1, 1, True, True)
    await drained(spool)
    assert (spool.held.parts, spool.held.deliveries, spool.held.size) == (0, 0, 0)


async def test_an_empty_one_has_no_oldest_part(spool: Spool) -> None:
    assert await spool.oldest() is None


async def test_who_waits_is_told_when_something_is_there(spool: Spool) -> None:
    waiting = asyncio.ensure_future(spool.filled())
    await asyncio.sleep(0)
    assert not waiting.done()
    await spool.put(delivery(1))
    await asyncio.wait_for(waiting, 1)


async def test_nobody_is_told_of_what_was_drained(spool: Spool) -> None:
    await spool.put(delivery(1))
    await drained(spool)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(spool.filled(), 0.05)


async def test_what_no_log_takes_is_not_taken_either(spool: Spool) -> None:
    with pytest.raises(EventTooLarge):
        await spool.put(delivery(1, b"x" * (MAX_MESSAGE_BYTES + 1)))
    assert spool.held.parts == 0


async def test_what_is_set_aside_is_not_drained(spool: Spool) -> None:
    await spool.put(delivery(1))
    await spool.set_aside(delivery(2))
    assert await drained(spool) == [delivery(1)]


async def test_it_holds_as_much_as_it_may_and_takes_more_when_that_is_gone(small: Spool) -> None:
    given = [delivery(number, b"x" * 700) for number in range(4)]
    for one in given[:3]:
        await small.put(one)
    with pytest.raises(SpoolFull):
        await small.put(given[3])
    assert await drained(small) == given[:3]
    await small.put(given[3])
    assert await drained(small) == given[3:]


@pytest.mark.parametrize("work", [lambda spool: spool.put(delivery(1)), lambda spool: spool.set_aside(delivery(1))])
async def test_a_broken_disk_is_a_named_failure(broken: Spool, work: Callable[[Spool], Awaitable[None]]) -> None:
    with pytest.raises(SpoolFailed):
        await work(broken)
