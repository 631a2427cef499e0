"""What time alone ends; the rest of a guarded connection is tested over real sockets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from shared.observability.guarded_connection import DISCARD_SECONDS, STALLED_SECONDS, GuardedConnection
from shared.observability.serving import KEEP_ALIVE_SECONDS, server
from shared.settings import HttpSettings

HEAD = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n"


class Pipe:
    """A transport that notes what is done to it."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.written = b""

    def get_extra_info(self, _: str) -> None:
        return None

    def is_closing(self) -> bool:
        return bool({"close", "abort"} & set(self.done))

    def write(self, data: bytes) -> None:
        self.written += data

    def __getattr__(self, name: str) -> Any:
        return lambda: self.done.append(name)


class Peer:
    """The other side of a connection to an application that answers when it is told."""

    def __init__(self) -> None:
        self.answer = asyncio.Event()
        made = server(self, HttpSettings(), 1)
        made.config.load()
        parts: dict[str, Any] = {"config": made.config, "server_state": made.server_state, "app_state": {}}
        self.connection: GuardedConnection = made.config.http_protocol_class(**parts)  # type: ignore[assignment]
        self.pipe = Pipe()
        self.connection.connection_made(self.pipe)

    async def __call__(self, _scope: Any, _receive: Any, send: Any) -> None:
        await self.answer.wait()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body", "body": b""})

    async def look_after(self, seconds: float) -> list[str]:
        await asyncio.sleep(0.01)  # lets the application go on
        self.connection.look(asyncio.get_running_loop().time() + seconds)
        return self.pipe.done


@pytest.fixture
async def peer() -> AsyncIterator[Peer]:
    made = Peer()
    yield made
    made.connection.resume_writing()
    made.answer.set()  # an application that were only cancelled would wait to say so
    await asyncio.sleep(0.01)


async def test_a_peer_that_does_not_take_its_answer_is_gone(peer: Peer) -> None:
    peer.connection.data_received(HEAD + b" " * 100)
    peer.connection.pause_writing()
    assert await peer.look_after(STALLED_SECONDS - 1) == []
    assert await peer.look_after(STALLED_SECONDS + 1) == ["abort"]


async def test_a_peer_that_takes_it_after_all_stays(peer: Peer) -> None:
    peer.connection.data_received(HEAD + b" " * 100)
    peer.connection.pause_writing()
    peer.connection.resume_writing()
    assert await peer.look_after(STALLED_SECONDS + 1) == []


async def test_who_is_being_answered_stays_for_as_long_as_it_takes(peer: Peer) -> None:
    peer.connection.data_received(HEAD + b" " * 100)
    assert await peer.look_after(3600) == []


async def test_a_body_behind_its_answer_has_an_end(peer: Peer) -> None:
    peer.answer.set()
    peer.connection.data_received(HEAD + b" " * 10)
    assert await peer.look_after(DISCARD_SECONDS - 1) == []
    assert await peer.look_after(DISCARD_SECONDS + 1) == ["close"]


async def test_a_pause_counts_from_the_last_answer(peer: Peer) -> None:
    peer.connection.data_received(HEAD + b" " * 100)
    peer.answer.set()
    assert await peer.look_after(KEEP_ALIVE_SECONDS - 1) == []
    assert await peer.look_after(KEEP_ALIVE_SECONDS + 1) == ["close"]


async def test_who_is_not_read_from_is_not_blamed_for_saying_nothing(peer: Peer) -> None:
    peer.connection.data_received(HEAD[:20])
    peer.connection.flow.pause_reading()
    assert await peer.look_after(3600) == ["pause_reading"]
