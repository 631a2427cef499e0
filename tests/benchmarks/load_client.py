"""An HTTP client on bare sockets that costs less than any server it measures; a process of its own.

Run: python -m tests.benchmarks.load_client PORT CONNECTIONS SECONDS RATE TOKEN. RATE 0 keeps every connection busy;
otherwise requests start at that rate, and their times count from when they should have started (no coordinated
omission). Prints JSON: requests, seconds, failures by status, and the answers' times in ms at p50 and p99.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time
from collections import Counter, deque
from typing import cast

import uvloop

from tests.benchmarks.report import percentile

LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
BODY = (
    '{"id":"bench-%s-%012d","type":"call.logged","rep":"%s","occurred_at":"%s","record":"bench-%s-%012d",'
    '"fields":{"direction":"outbound","duration_seconds":"120","account":"a-7"}}'
)


class Load:
    """What is still to send and what came back."""

    def __init__(self, head: str, *, rep: str, rate: float) -> None:
        self.head = head
        self.rep = rep
        self.rate = rate
        self.run = f"{time.time_ns():x}"
        self.number = 0
        self.times: list[float] = []
        self.failures: Counter[str] = Counter()
        self.due: deque[float] = deque()
        self.idle: list[Connection] = []
        self.ending = False

    def request(self) -> bytes:
        """The next request, unlike any before."""
        self.number += 1
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        body = BODY % (self.run, self.number, self.rep, now, self.run, self.number)
        return f"{self.head}{len(body)}\r\n\r\n{body}".encode()

    def next_start(self) -> float | None:
        """When the next request should have started; None: none is due."""
        if self.ending:
            return None
        if self.rate == 0:
            return time.perf_counter()
        return self.due.popleft() if self.due else None


class Connection(asyncio.Protocol):
    """One request at a time."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._transport: asyncio.Transport | None = None
        self._started = 0.0
        self._answer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is none by class
        self.go_on()

    def go_on(self) -> None:
        """Send the next request, or wait for one."""
        started = self._load.next_start()
        if started is None or self._transport is None:
            self._load.idle.append(self)
            return
        self._started = started
        self._transport.write(self._load.request())

    def data_received(self, data: bytes) -> None:
        """Waits for the whole answer: head and body may come in two segments."""
        self._answer += data
        head, found, body = self._answer.partition(b"\r\n\r\n")
        length = LENGTH.search(head)
        if not found or len(body) < int(length[1] if length else 0):
            return
        self._load.times.append(time.perf_counter() - self._started)
        if not head.startswith(b"HTTP/1.1 202"):
            self._load.failures[head.split(b" ", 2)[1].decode()] += 1
        self._answer = b""
        self.go_on()


async def measure(port: int, connections: int, seconds: float, rate: float, token: str, rep: str) -> dict[str, object]:
    head = (
        f"POST /v1/webhooks/native HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer {token}\r\n"
        "Content-Type: application/json\r\nContent-Length: "
    )
    load = Load(head, rep=rep, rate=rate)
    loop = asyncio.get_running_loop()
    made = [await loop.create_connection(lambda: Connection(load), "127.0.0.1", port) for _ in range(connections)]
    began = time.perf_counter()
    planned = 0
    while (elapsed := time.perf_counter() - began) < seconds:
        for _ in range(int(elapsed * rate) - planned):
            load.due.append(began + planned / rate)
            planned += 1
        for waiting in [load.idle.pop() for _ in range(min(len(load.idle), len(load.due)))]:
            waiting.go_on()
        await asyncio.sleep(0.001 if rate else 0.05)
    took = time.perf_counter() - began
    times, failures = load.times[:], dict(load.failures)
    load.ending = True
    for transport, _ in made:
        transport.abort()
    return {
        "requests": len(times),
        "seconds": took,
        "failures": failures,
        "p50_ms": percentile(times, 0.5) * 1000,
        "p99_ms": percentile(times, 0.99) * 1000,
    }


if __name__ == "__main__":
    arguments = sys.argv[1:]
    found = uvloop.run(
        measure(
            int(arguments[0]), int(arguments[1]), float(arguments[2]), float(arguments[3]), arguments[4], arguments[5]
        )
    )
    print(json.dumps(found))
