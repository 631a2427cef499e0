"""Fixtures of the aggregator's contract tests."""

from tests.support.transport_rig import rig

__all__ = ["rig"]
