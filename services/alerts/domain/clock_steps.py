"""The host's clock is set now and then. Lengths that were measured across a step are not believed. Pure."""

from __future__ import annotations

from msgspec import Struct

from shared.domain.instants import SECOND_US, Micros

TOLERANCE_US = 2 * SECOND_US
"""Slewing and a busy machine stay far below it between two looks."""


class ClockSteps(Struct, frozen=True):
    """Both clocks when last looked at. ``stepped_at``: what the wall clock was set to last, 0 if it never was."""

    wall: Micros
    monotonic: Micros
    stepped_at: Micros = 0

    def after(self, wall: Micros, monotonic: Micros) -> ClockSteps:
        """With what a look finds: the wall clock has stepped if it went otherwise than the monotonic one."""
        drift = (wall - self.wall) - (monotonic - self.monotonic)
        return ClockSteps(wall, monotonic, wall if abs(drift) > TOLERANCE_US else self.stepped_at)

    def heard(self, last_at: Micros | None) -> Micros | None:
        """When a source was last heard of, no longer ago than the step: silence before it has no known length."""
        return None if last_at is None else max(last_at, self.stepped_at)
