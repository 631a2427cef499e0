"""HTTP as it is on the wire: any bytes to a port of the loopback, and what comes back."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from msgspec import Struct

from tests.support.crm_sender import NATIVE_TOKEN, event

PATH = "/v1/webhooks/native"
BODY = json.dumps(event()).encode()
WAIT_SECONDS = 10.0


class Reply(Struct, frozen=True):
    """An answer, or nothing (code 0) where the connection ended without one."""

    code: int
    head: bytes = b""
    body: bytes = b""

    @property
    def reason(self) -> str:
        """Of a problem document, which has to be one."""
        assert b"content-type: application/problem+json" in self.head, self.head
        document: dict[str, Any] = json.loads(self.body)
        assert document["status"] == self.code
        return str(document["reason"])

    @property
    def told(self) -> tuple[int, str]:
        return self.code, self.reason


def head(
    *lines: str, method: str = "POST", path: str = PATH, version: str = "HTTP/1.1", length: int | None = None
) -> bytes:
    """A request's head, authorised."""
    fixed = [f"{method} {path} {version}", "Host: ingest", f"Authorization: Bearer {NATIVE_TOKEN}"]
    sized = [] if length is None else [f"Content-Length: {length}"]
    return "\r\n".join([*fixed, *sized, *lines, "", ""]).encode("latin-1")


def request(*lines: str, body: bytes = BODY, **others: Any) -> bytes:
    """A whole request."""
    return head(*lines, length=len(body), **others) + body


def chunked(*chunks: bytes, end: bytes = b"0\r\n\r\n") -> bytes:
    """A request whose body comes in chunks."""
    sizes = b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks)
    return head("Transfer-Encoding: chunked") + sizes + end


class Wire:
    """One connection."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=WAIT_SECONDS)
        self._unread = b""

    def send(self, data: bytes) -> bool:
        """False when the other side has ended it."""
        try:
            self.socket.sendall(data)
        except OSError:
            return False
        return True

    def reply(self) -> Reply:
        """The next answer. Raises: TimeoutError when none comes and the connection stays."""
        while b"\r\n\r\n" not in self._unread:
            if not self._read():
                return Reply(0)
        top, _, rest = self._unread.partition(b"\r\n\r\n")
        lines = top.lower().split(b"\r\n")
        length = next((int(line[15:]) for line in lines if line.startswith(b"content-length:")), 0)
        while len(rest) < length and self._read():
            rest = self._unread.partition(b"\r\n\r\n")[2]
        self._unread = rest[length:]
        return Reply(int(top.split(b" ", 2)[1]), top, rest[:length])

    def ended(self, within_seconds: float = WAIT_SECONDS) -> bool:
        """Whether the other side ends it, within a time."""
        self.socket.settimeout(within_seconds)
        try:
            return not self._read()
        except TimeoutError:
            return False

    def _read(self) -> bool:
        try:
            found = self.socket.recv(65_536)
        except TimeoutError:
            raise
        except OSError:
            return False
        self._unread += found
        return bool(found)


@contextmanager
def wire(port: int) -> Iterator[Wire]:
    """A connection that ends with the block."""
    connection = Wire(port)
    try:
        yield connection
    finally:
        connection.socket.close()


def exchange(port: int, data: bytes) -> Reply:
    """What one connection's first answer is."""
    with wire(port) as connection:
        connection.send(data)
        return connection.reply()


def dribble(connection: Wire, data: bytes, *, every_seconds: float, for_seconds: float) -> None:
    """A byte at a time, until the other side has enough or time is up."""
    ends = time.monotonic() + for_seconds
    for byte in data:
        if time.monotonic() > ends or not connection.send(bytes([byte])):
            return
        time.sleep(every_seconds)
