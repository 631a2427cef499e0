"""One process of a service that several processes serve, and the sockets that they share a port with."""

from __future__ import annotations

import ctypes
import errno
import os
import signal
import socket
import sys
from pathlib import Path

from msgspec import Struct

PR_SET_PDEATHSIG = 1
BACKLOG = 2048
_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


class Worker(Struct, frozen=True):
    """The ``index``-th of ``count``; ``directory`` is what they share, for as long as the service runs."""

    index: int
    count: int
    directory: Path
    socket: socket.socket

    @property
    def is_first(self) -> bool:
        """Whether what one of them does for all is this one's."""
        return self.index == 0


def refuse_taken(host: str, port: int) -> None:
    """Raises: OSError where somebody else listens: sockets that share a port would share it with a stranger too."""
    with socket.create_server((host, port), family=_family(host)):
        return


def listen(host: str, port: int) -> socket.socket:
    """A socket of its own on the shared port: the kernel gives each connection to one of them. Raises: OSError."""
    found = socket.socket(_family(host), socket.SOCK_STREAM)
    try:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        found.bind((host, port))
        found.listen(BACKLOG)
        found.setblocking(False)  # noqa: FBT003 - the standard library has no name for it
    except OSError:
        found.close()
        raise
    return found


def _family(host: str) -> socket.AddressFamily:
    try:
        return socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)[0][0]
    except socket.gaierror as error:
        raise OSError(errno.EADDRNOTAVAIL, f"{host} is no address: {error}") from None


def end_with_parent(parent: int) -> None:
    """From now on the kernel kills this process when its parent goes; without Linux it outlives a parent killed so."""
    if _libc is not None:
        _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # the parent went before the kernel knew about the tie
        os._exit(1)
