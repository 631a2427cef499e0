"""One child process: its output in a file, out of reach of the terminal's Ctrl-C, gone when its parent is gone."""

from __future__ import annotations

import ctypes
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

LOOK_SECONDS = 0.02
PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


class Child:
    """A command that may be started, stopped, killed and started again.

    Start it from the main thread: the kernel ends the child when the thread that started it ends. On systems other
    than Linux a child outlives a parent that was killed with SIGKILL.
    """

    def __init__(self, command: Sequence[str], *, log: Path, environment: Mapping[str, str] | None = None) -> None:
        self.command = list(command)
        self.environment = dict(os.environ if environment is None else environment)
        self.log = log
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Starts the command; its output is appended to the log. Raises: OSError where it cannot run."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=self.environment,
                start_new_session=True,  # Ctrl-C reaches the supervisor alone, which ends its children in order
                preexec_fn=_ends_with(os.getpid()),  # noqa: PLW1509 - two system calls, no lock that a thread may hold
            )

    @property
    def pid(self) -> int | None:
        """Process id of the last start."""
        return self._process.pid if self._process else None

    @property
    def exit_code(self) -> int | None:
        """None before the start and while it runs; negative is the signal that ended it."""
        return self._process.poll() if self._process else None

    @property
    def running(self) -> bool:
        """True between start and end."""
        return self._process is not None and self._process.poll() is None

    def terminate(self) -> None:
        """Asks for an orderly end and does not wait for it."""
        if self._process and self.running:
            self._process.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """Kill -9, and waits until the kernel has taken it away."""
        if self._process:
            self._process.kill()
            self._process.wait()

    def stop(self, within_seconds: float) -> bool:
        """Terminates, then kills what is still there; True when the end was orderly."""
        self.terminate()
        if self._process is None or _ended_within(self._process, within_seconds):
            return True
        self.kill()
        return False

    def last_words(self, lines: int = 12) -> str:
        """The end of the log, for the message about a child that failed."""
        if not self.log.exists():
            return ""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])


def _ended_within(process: subprocess.Popen[bytes], seconds: float) -> bool:
    """As ``wait`` with a limit, which sleeps by a call that fails under libfaketime."""
    deadline = time.monotonic() + seconds
    while process.poll() is None:
        if time.monotonic() >= deadline:
            return False
        select.select([], [], [], LOOK_SECONDS)
    return True


def _ends_with(parent: int) -> Callable[[], None] | None:
    libc = _libc
    if libc is None:
        return None

    def tie() -> None:
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # the parent went before the kernel knew about the tie
            os._exit(1)

    return tie
