"""The parent of a service's processes: starts them, starts again what dies or hangs, and ends them all in order.

It does nothing else and has no threads, so that a fork of it is a whole process.
"""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

import structlog

from shared.observability.whole_health import NEVER, silent_for, state_file
from shared.observability.workers import Worker, end_with_parent, listen, refuse_taken
from shared.settings import EXIT_SETTINGS

LOOK_SECONDS = 0.5
STOP_SECONDS = 9.0
"""Less than whoever supervises this process gives it."""
HANGING_SECONDS = 30.0
"""A loop that does not turn for so long does not come back."""
STEADY_SECONDS = 10.0
FIRST_WAIT, LONGEST_WAIT = 0.25, 5.0
EXIT_NOT_LISTENING, EXIT_BUG = 1, 70
_ENDS = (signal.SIGTERM, signal.SIGINT)
_HEARD = {*_ENDS, signal.SIGCHLD}
Work = Callable[[Worker], object]
"""A worker's whole life; returns at an orderly end. Raises: SystemExit with its code."""
log = structlog.get_logger()


def wait_before_restart(waited: float, *, ran_seconds: float) -> float:
    """0 for one that ran steadily, else longer each time; ``waited`` is the wait before its last start."""
    if ran_seconds >= STEADY_SECONDS:
        return 0.0
    return min(LONGEST_WAIT, max(FIRST_WAIT, 2 * waited)) if waited else FIRST_WAIT


class _Place:
    """One worker's: its process, or when the next is due. Times are monotonic seconds."""

    def __init__(self, index: int) -> None:
        self.index = index
        self.worker: Worker | None = None
        self.pid: int | None = None
        self.started = 0.0
        self.waited = 0.0
        self.due = 0.0
        self.starts = 0


class Supervisor:
    """Keeps ``count`` workers on one port until a signal ends it."""

    def __init__(self, count: int, address: tuple[str, int], work: Work, directory: Path) -> None:
        self._places = [_Place(index) for index in range(count)]
        self._address = address
        self._work = work
        self._directory = directory
        self._refused: int | None = None

    def listen(self) -> None:
        """All sockets before the first process: nobody has the port alone. Raises: OSError."""
        refuse_taken(*self._address)
        for place in self._places:
            place.worker = self._worker(place.index)

    def run(self) -> int:
        """The exit code: 0 after an orderly end, 2 when a worker refuses to start. ``listen`` came before."""
        signal.pthread_sigmask(signal.SIG_BLOCK, _HEARD)
        ending = False
        while not ending and self._refused is None:
            self._keep(time.monotonic())
            heard = signal.sigtimedwait(_HEARD, LOOK_SECONDS)
            ending = heard is not None and heard.si_signo in _ENDS
            self._reap(time.monotonic())
        orderly = self._stop()
        return self._refused or (0 if orderly else EXIT_BUG)

    def _worker(self, index: int) -> Worker:
        return Worker(index, len(self._places), self._directory, listen(*self._address))

    def _keep(self, now: float) -> None:
        for place in self._places:
            if place.pid is None and now >= place.due:
                self._start(place, now)
            elif place.pid is not None and self._hangs(place, now):
                log.error("worker_hangs", worker=place.index, pid=place.pid)
                os.kill(place.pid, signal.SIGKILL)

    def _hangs(self, place: _Place, now: float) -> bool:
        """A worker that has not spoken yet may have much to read at its start."""
        ran_seconds = now - place.started
        return ran_seconds > HANGING_SECONDS and HANGING_SECONDS < silent_for(self._directory, place.index) < NEVER

    def _start(self, place: _Place, now: float) -> None:
        worker = place.worker = place.worker or self._worker(place.index)
        parent = os.getpid()
        sys.stdout.flush()
        pid = os.fork()
        if pid == 0:
            self._live(worker, parent)
        place.pid, place.started = pid, now
        if place.starts:
            log.info("worker_started_again", worker=place.index, pid=pid)
        place.starts += 1

    def _live(self, worker: Worker, parent: int) -> NoReturn:
        """In the child; never returns into the parent's code."""
        code = EXIT_BUG
        try:
            end_with_parent(parent)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _HEARD)
            for place in self._places:
                if place.worker is not None and place.worker is not worker:
                    place.worker.socket.close()
            self._work(worker)
            code = 0
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else EXIT_BUG
        except BaseException:  # noqa: BLE001 - whatever it is, it ends this process and shows in its log
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)

    def _reap(self, now: float) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            place = next((each for each in self._places if each.pid == pid), None)
            if place is not None:
                self._record_end(place, os.waitstatus_to_exitcode(status), now)

    def _record_end(self, place: _Place, code: int, now: float) -> None:
        place.pid = None
        state_file(self._directory, place.index).unlink(missing_ok=True)
        if code == EXIT_SETTINGS and place.starts == 1:
            self._refused = code
            return
        place.waited = wait_before_restart(place.waited, ran_seconds=now - place.started)
        place.due = now + place.waited
        if place.waited and place.worker is not None:  # who cannot run must not hold connections
            place.worker.socket.close()
            place.worker = None
        log.error("worker_ended", worker=place.index, code=code, starts_again_in=place.waited)

    def _stop(self) -> bool:
        """Accepts no more, lets all finish; True when nobody had to be killed."""
        for place in self._places:
            if place.worker is not None:
                place.worker.socket.close()
        self._signal(signal.SIGTERM)
        deadline = time.monotonic() + STOP_SECONDS
        while self._running and time.monotonic() < deadline:
            signal.sigtimedwait(_HEARD, 0.1)
            self._reap_at_end()
        orderly = not self._running
        self._signal(signal.SIGKILL)
        while self._running:
            signal.sigtimedwait(_HEARD, 0.1)
            self._reap_at_end()
        return orderly

    def _reap_at_end(self) -> None:
        for place in self._places:
            if place.pid is not None and os.waitpid(place.pid, os.WNOHANG)[0]:
                place.pid = None

    @property
    def _running(self) -> list[int]:
        return [place.pid for place in self._places if place.pid is not None]

    def _signal(self, number: signal.Signals) -> None:
        for pid in self._running:
            with suppress(ProcessLookupError):
                os.kill(pid, number)


def supervise(count: int, address: tuple[str, int], work: Work) -> int:
    """Runs until a signal ends it; the exit code. What the workers share is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="pacer-workers-") as directory:
        supervisor = Supervisor(count, address, work, Path(directory))
        try:
            supervisor.listen()
        except OSError as error:
            sys.stderr.write(f"{address[0]}:{address[1]} cannot be listened on: {error.strerror or error}\n")
            return EXIT_NOT_LISTENING
        return supervisor.run()
