"""An HTTP client on bare sockets that costs less than any server it measures; a process of its own.

Run: python -m tests.benchmarks.load_client PLAN, a ``Plan`` as JSON. At a rate, times count from when a request should
have started (no coordinated omission). Prints JSON: requests answered, of them accepted (202, or the 200 of an outbound
message), seconds, failures by status, and the answers' times in ms at p50 and p99.
"""

from __future__ import annotations

import asyncio
import re
import sys
import time
from collections import Counter, deque
from collections.abc import Callable
from typing import cast

import msgspec
import uvloop

from tests.benchmarks.report import percentile
from tests.benchmarks.webhook_requests import Plan, requests

LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
ACCEPTED = (b"HTTP/1.1 202", b"HTTP/1.1 200")
LAST_ANSWERS_SECONDS = 5.0
"""How long the end waits for what was sent or due."""


class Load:
    """What is still to send and what came back."""

    def __init__(self, request: Callable[[], bytes], *, rate: float) -> None:
        self.request = request
        self.rate = rate
        self.times: list[float] = []
        self.failures: Counter[str] = Counter()
        self.due: deque[float] = deque()
        self.idle: list[Connection] = []
        self.ending = False

    def next_start(self) -> float | None:
        """When the next request should have started; None: none is due."""
        if self.rate == 0:
            return None if self.ending else time.perf_counter()
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
        if not head.startswith(ACCEPTED):
            self._load.failures[head.split(b" ", 2)[1].decode()] += 1
        self._answer = b""
        self.go_on()


async def measure(plan: Plan) -> dict[str, object]:
    """Runs a plan to its end. What was sent, or due at a rate, is still answered; the time until then counts."""
    load = Load(requests(plan), rate=plan.rate)
    loop = asyncio.get_running_loop()
    made = [
        await loop.create_connection(lambda: Connection(load), "127.0.0.1", plan.port) for _ in range(plan.connections)
    ]
    began = time.perf_counter()
    await _keep_going(load, began, plan)
    load.ending = True
    ends = time.perf_counter() + LAST_ANSWERS_SECONDS
    while (load.due or len(load.idle) < plan.connections) and time.perf_counter() < ends:  # noqa: ASYNC110 - two counts
        await asyncio.sleep(0.001)
    took = time.perf_counter() - began
    unanswered = len(load.due) + plan.connections - len(load.idle)
    if unanswered:
        load.failures["unanswered"] = unanswered
    for transport, _ in made:
        transport.abort()
    answered = sum(load.failures.values()) - unanswered
    return {
        "requests": len(load.times),
        "accepted": len(load.times) - answered,
        "seconds": took,
        "failures": dict(load.failures),
        "p50_ms": percentile(load.times, 0.5) * 1000,
        "p99_ms": percentile(load.times, 0.99) * 1000,
    }


async def _keep_going(load: Load, began: float, plan: Plan) -> None:
    planned = 0
    while (elapsed := time.perf_counter() - began) < plan.seconds:
        for _ in range(int(elapsed * plan.rate) - planned):
            load.due.append(began + planned / plan.rate)
            planned += 1
        for waiting in [load.idle.pop() for _ in range(min(len(load.idle), len(load.due)))]:
            waiting.go_on()
        await asyncio.sleep(0.001 if plan.rate else 0.05)


if __name__ == "__main__":
    print(msgspec.json.encode(uvloop.run(measure(msgspec.json.decode(sys.argv[1], type=Plan)))).decode())
