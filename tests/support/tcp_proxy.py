"""A TCP proxy on the loopback whose network can be made to stall, to be cut, or to die without a word.

Bytes pass unchanged. It runs an event loop in a thread of its own, so that a test that blocks does not stop it.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Coroutine
from enum import StrEnum
from typing import Any

READ_BYTES = 65_536


class Network(StrEnum):
    """What happens to bytes."""

    OPEN = "open"
    STALLED = "stalled"
    """Connections are taken and stay open, nothing moves; what was held back arrives once it is open again."""
    HALF_OPEN = "half_open"
    """What is connected now is dead for good and is not told; new connections work."""
    CUT = "cut"
    """Every connection is reset, new ones are refused."""


class TcpProxy:
    """Listens on ``port`` and passes on to ``target_port``, both on the loopback."""

    def __init__(self, target_port: int) -> None:
        self._target_port = target_port
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="tcp-proxy", daemon=True)
        self._thread.start()
        self._links: set[_Link] = set()
        self._open: asyncio.Event
        self._server: asyncio.Server | None = None
        self.port = 0
        self._run(self._start())

    def set(self, network: Network) -> None:
        """Changes the network; returns when it is so."""
        self._run(self._set(network))

    def stop(self) -> None:
        """Ends everything."""
        self._run(self._set(Network.CUT))
        self._run(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()

    async def _end(self) -> None:
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _start(self) -> None:
        self._open = asyncio.Event()
        self._open.set()
        await self._listen()

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _set(self, network: Network) -> None:
        if network is Network.CUT:
            if self._server is not None:
                self._server.close()
                self._server = None
            for link in tuple(self._links):
                link.reset()
            self._open.set()
            await asyncio.sleep(0)
            return
        if self._server is None:
            await self._listen()
        if network is Network.HALF_OPEN:
            for link in tuple(self._links):
                link.dead = True
        (self._open.clear if network is Network.STALLED else self._open.set)()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            upstream = await asyncio.open_connection("127.0.0.1", self._target_port)
        except OSError:
            writer.close()
            return
        link = _Link(self._open, (reader, writer), upstream)
        self._links.add(link)
        try:
            await link.run()
        finally:
            self._links.discard(link)


class _Link:
    """One connection and its way on."""

    def __init__(
        self,
        is_open: asyncio.Event,
        near: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        far: tuple[asyncio.StreamReader, asyncio.StreamWriter],
    ) -> None:
        self.dead = False
        self._open = is_open
        self._near, self._far = near, far

    async def run(self) -> None:
        """Until either end closes."""
        ways = [
            asyncio.create_task(self._carry(self._near[0], self._far[1])),
            asyncio.create_task(self._carry(self._far[0], self._near[1])),
        ]
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        for way in ways:
            way.cancel()
        await asyncio.gather(*ways, return_exceptions=True)
        for _, writer in (self._near, self._far):
            writer.close()

    def reset(self) -> None:
        """Both ends see a reset, as from a firewall that was restarted."""
        for _, writer in (self._near, self._far):
            raw = writer.get_extra_info("socket")
            if raw is not None:
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
            writer.transport.abort()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(READ_BYTES):
                await self._open.wait()
                if not self.dead:
                    writer.write(data)
                    await writer.drain()
            if self.dead:
                await asyncio.Event().wait()
        except OSError:
            return
