"""What evaluator and dispatcher of a process may act on: stored alerts that are whole, numbers that are current.

Until a tenant's alerts are restored nothing of hers is judged or sent; while numbers are on their way back up, after
the state in Redis went back, none is judged.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import structlog

from services.alerts.domain.clock_steps import ClockSteps
from services.alerts.domain.tide import Tide
from services.alerts.floor import Floor
from services.alerts.metrics import AlertsMetrics, SetBack
from services.alerts.ports import Marks
from services.alerts.restoring import Restoring
from shared.domain.clock import Clock
from shared.domain.instants import SECOND_US
from shared.errors import TransientError

log = structlog.get_logger()


class StateWentBack(TransientError):
    """Redis holds an older state of the alerts than this process has seen."""

    reason = "state_went_back"


class Pulses:
    """Numbers that rise with every claim and every turn of the lease, by tenant: a lower one is an older state."""

    def __init__(self) -> None:
        self._greatest: dict[str, int] = {}
        self._times_back: dict[str, int] = {}

    def greatest(self, tenant: str) -> int:
        """What is asked for from now on has to answer with more than this."""
        return self._greatest.get(tenant, 0)

    def times_back(self, tenant: str) -> int:
        """How often the tenant's state has gone back under this process."""
        return self._times_back.get(tenant, 0)

    def felt(self, tenant: str, pulse: int, *, after: int) -> None:
        """Notes a pulse; ``after``: what ``greatest`` said before it was asked for. Raises: StateWentBack."""
        if pulse > after:
            self._greatest[tenant] = max(pulse, self.greatest(tenant))
            return
        self._greatest[tenant] = pulse
        self._times_back[tenant] = self.times_back(tenant) + 1
        raise StateWentBack(f"pulse {pulse} of {tenant} after {after}: Redis holds an older state")


class Trust:
    """One a process."""

    def __init__(
        self,
        pulses: Pulses,
        marks: Marks,
        restoring: Restoring,
        *,
        clock: Clock,
        metrics: AlertsMetrics,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._monotonic = monotonic
        self._steps = ClockSteps(clock.now(), int(monotonic() * SECOND_US))
        self._pulses = pulses
        self._marks = marks
        self._restoring = restoring
        self._clock = clock
        self._metrics = metrics
        self._restored: dict[str, int] = {}
        self._tide = Tide(clock.now())

    def steps(self) -> ClockSteps:
        """What the host's clock did; asked at every turn, as lengths across a step are not to be believed."""
        before = self._steps
        self._steps = before.after(self._clock.now(), int(self._monotonic() * SECOND_US))
        if self._steps.stepped_at != before.stepped_at:
            self._metrics.clock_stepped()
            log.warning("clock_stepped", before=before.wall, now=self._steps.wall)
        return self._steps

    def is_restored(self, tenant: str) -> bool:
        """Whether the stored alerts are all that there are."""
        return self._restored.get(tenant) == self._pulses.times_back(tenant)

    async def restore(self, floor: Floor) -> None:
        """Puts back what is missing, if anything may be. Raises: TransientError."""
        tenant = floor.tenant.id
        if self.is_restored(tenant):
            return
        times_back, now = self._pulses.times_back(tenant), self._clock.now()
        if times_back:
            self._metrics.set_back(SetBack.ALERTS)
            log.warning("alerts_went_back", tenant=tenant)
        if await self._restoring.restore(floor, now) or times_back:
            self._tide = Tide(now, self._tide.marks, begun=True)  # if there is no mark, then none any more
        self._restored[tenant] = times_back
        floor.sweep_at = 0

    async def is_current(self) -> bool:
        """Whether numbers that were read before may be judged. Raises: TransientError."""
        before = self._tide
        found = await self._marks.read()
        self._tide = before.after(found, self._clock.now())
        if self._tide.needed > before.needed:
            self._metrics.set_back(SetBack.NUMBERS)
            log.warning("numbers_went_back", needed=self._tide.needed)
        return self._tide.is_current
