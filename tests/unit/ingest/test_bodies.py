"""Bodies come in time, within their source's limit, and all of them within a bound of memory."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from services.ingest.adapters import bodies
from services.ingest.adapters.bodies import Bodies, SenderGone
from services.ingest.domain.refusals import RefusalReason, Refused

LIMIT = 1000


class Sender:
    """Gives the parts of a body one by one, when the test says so."""

    def __init__(self) -> None:
        self._messages: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    async def receive(self) -> dict[str, Any]:
        return await self._messages.get()

    def part(self, size: int, *, more: bool = True) -> None:
        self._messages.put_nowait({"type": "http.request", "body": b"x" * size, "more_body": more})

    def hang_up(self) -> None:
        self._messages.put_nowait({"type": "http.disconnect"})


async def read(kept: Bodies, sender: Sender, declared: bytes | None = None) -> bytes:
    headers = {} if declared is None else {b"content-length": declared}
    return await kept.read(sender.receive, headers, limit=LIMIT)


async def settled() -> None:
    """Lets whoever can go on go on."""
    for _ in range(5):
        await asyncio.sleep(0)


async def refused(reading: Any) -> RefusalReason:
    with pytest.raises(Refused) as caught:
        await reading
    return caught.value.why


async def test_what_was_read_counts_until_it_is_released() -> None:
    kept, sender = Bodies(LIMIT), Sender()
    sender.part(300)
    sender.part(200, more=False)
    body = await read(kept, sender)
    assert (len(body), kept.held) == (500, 500)
    kept.release(body)
    assert kept.held == 0


@pytest.mark.parametrize("declared", [b"1001", b"9" * 5000])
async def test_what_says_that_it_is_too_large_is_not_read(declared: bytes) -> None:
    assert await refused(read(Bodies(LIMIT), Sender(), declared)) is RefusalReason.BODY_TOO_LARGE


async def test_what_is_too_large_is_given_back() -> None:
    kept, sender = Bodies(LIMIT), Sender()
    sender.part(600)
    sender.part(600)
    assert await refused(read(kept, sender)) is RefusalReason.BODY_TOO_LARGE
    assert kept.held == 0


async def test_who_hangs_up_gives_back_what_came() -> None:
    kept, sender = Bodies(LIMIT), Sender()
    sender.part(600)
    sender.hang_up()
    with pytest.raises(SenderGone):
        await read(kept, sender)
    assert kept.held == 0


async def test_the_one_that_has_been_read_for_longest_makes_room() -> None:
    kept, first, second, third = Bodies(LIMIT), Sender(), Sender(), Sender()
    slow = [asyncio.create_task(read(kept, sender)) for sender in (first, second)]
    for sender in (first, second):
        sender.part(400)
        await settled()
    third.part(300, more=False)
    body = await read(kept, third)
    assert await refused(slow[0]) is RefusalReason.OVERLOADED
    assert kept.held == 700
    second.part(100, more=False)
    assert len(await slow[1]) == 500
    kept.release(body)


async def test_a_part_that_comes_with_the_end_of_its_place_is_not_counted() -> None:
    kept, first, second = Bodies(LIMIT), Sender(), Sender()
    slow = asyncio.create_task(read(kept, first))
    first.part(900)
    await settled()
    first.part(50, more=False)  # both happen before the first can go on
    second.part(800, more=False)
    body = await read(kept, second)
    assert await refused(slow) is RefusalReason.OVERLOADED
    kept.release(body)
    assert kept.held == 0


async def test_where_all_bytes_are_worked_off_the_next_is_told_to_wait() -> None:
    kept, first, second = Bodies(LIMIT), Sender(), Sender()
    first.part(800, more=False)
    second.part(201, more=False)
    await read(kept, first)
    assert await refused(read(kept, second)) is RefusalReason.OVERLOADED
    assert kept.held == 800


async def test_a_body_alone_fits_even_where_the_bound_is_smaller() -> None:
    kept, sender = Bodies(10), Sender()
    sender.part(300)
    sender.part(300, more=False)
    assert len(await read(kept, sender)) == 600


async def test_a_slow_body_is_cut_before_a_fast_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "SLOW_SECONDS", 0.05)
    monkeypatch.setattr(bodies, "SLOWEST", 10)
    kept, slow, fast = Bodies(LIMIT), Sender(), Sender()
    reading = asyncio.create_task(read(kept, fast))
    fast.part(500)
    assert await refused(read_slowly(kept, slow)) is RefusalReason.BODY_TIMEOUT
    fast.part(1, more=False)
    assert len(await reading) == 501


async def read_slowly(kept: Bodies, sender: Sender) -> bytes:
    sender.part(1)
    return await read(kept, sender)
