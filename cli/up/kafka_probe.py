"""Asks a Kafka broker for its metadata over a plain socket: the proof that it serves, with no client library."""

from __future__ import annotations

import socket
import struct

METADATA, VERSION, NO_TOPICS = 3, 1, 0
_REQUEST = struct.pack(">hhihi", METADATA, VERSION, 1, -1, NO_TOPICS)  # api, version, correlation, no client id


def answers_metadata(host: str, port: int, *, timeout_seconds: float = 2.0) -> bool:
    """True when the broker names at least one live broker (the answer begins with correlation id and their count)."""
    try:
        with socket.create_connection((host, port), timeout=timeout_seconds) as connection:
            connection.sendall(struct.pack(">i", len(_REQUEST)) + _REQUEST)
            size = struct.unpack(">i", _exactly(connection, 4))[0]
            brokers: int = struct.unpack(">ii", _exactly(connection, size)[:8])[1]
            return brokers > 0
    except (OSError, struct.error):
        return False


def _exactly(connection: socket.socket, count: int) -> bytes:
    received = b""
    while len(received) < count:
        part = connection.recv(count - len(received))
        if not part:
            raise ConnectionError("closed in the middle of an answer")
        received += part
    return received
