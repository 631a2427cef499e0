"""One supervised service process: started, asked whether it is ready, started again when it dies."""

from __future__ import annotations

from enum import StrEnum

import httpx

from cli.up.child import Child
from cli.up.log_watch import LogTail
from cli.up.plan import ServicePlan
from cli.up.report import Row
from cli.up.restarts import Action, Restarts, after_exit, decide

PROBE_SECONDS = 4.0
"""/readyz gives each dependency three seconds."""
PROBE_EVERY_STARTING, PROBE_EVERY_READY = 0.2, 5.0


class ServiceState(StrEnum):
    """What the table shows."""

    STARTING = "starting"
    READY = "ready"
    NOT_READY = "not ready"
    WAITING = "waiting"


class Service:
    """A process of the plan. Times are monotonic seconds."""

    def __init__(self, plan: ServicePlan, child: Child) -> None:
        self.plan = plan
        self.child = child
        self.tail = LogTail(child.log)
        self.state = ServiceState.STARTING
        self.ever_ready = False
        self._was_ready = False
        self.restarts = Restarts()
        self._started = 0.0
        self._next_probe = 0.0

    def start(self, now: float) -> None:
        """Starts the process."""
        self.child.start()
        self.state, self._was_ready = ServiceState.STARTING, False
        self._started = self._next_probe = now

    def action(self, now: float) -> Action:
        """What has to be done about the process now."""
        waiting = self.state is ServiceState.WAITING
        return decide(self.child.exit_code, self.restarts, waiting=waiting, ever_ready=self.ever_ready, now=now)

    def record_exit(self, now: float) -> None:
        """Notes that it ended by itself; start() is due at ``restarts.due``."""
        self.restarts = after_exit(
            self.restarts,
            ran_seconds=now - self._started,
            now=now,
            was_ready=self._was_ready,
            exit_code=self.child.exit_code,
        )
        self.state = ServiceState.WAITING

    async def probe(self, http: httpx.AsyncClient, now: float) -> bool:
        """Asks /readyz when it is time to; True when the state changed."""
        if self.state is ServiceState.WAITING or now < self._next_probe:
            return False
        before = self.state
        if await self._answers_ready(http):
            self.state, self.ever_ready, self._was_ready = ServiceState.READY, True, True
        elif before is not ServiceState.STARTING:
            self.state = ServiceState.NOT_READY
        self._next_probe = now + (PROBE_EVERY_READY if self.state is ServiceState.READY else PROBE_EVERY_STARTING)
        return self.state is not before

    async def _answers_ready(self, http: httpx.AsyncClient) -> bool:
        try:
            return (await http.get(f"{self.plan.url}/readyz", timeout=PROBE_SECONDS)).status_code == httpx.codes.OK
        except httpx.HTTPError:
            return False

    def row(self) -> Row:
        """As the table shows it."""
        return Row(self.plan.label, self.state.value, self.plan.url, self.child.pid, str(self.child.log))
