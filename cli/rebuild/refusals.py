"""Why a rebuild is not begun, or does not go on. Each message says what to do.

PacerError
├── ConfigurationError   Refused: LogNotWhole, RebuildRunning, ConfigurationUnknown, NoLog
└── TransientError       StateWentBack, TakenOver: the same command goes on, or begins anew by itself
"""

from __future__ import annotations

from shared.errors import ConfigurationError, TransientError


class LogNotWhole(ConfigurationError):
    """The log no longer has everything that the state was derived from."""

    reason = "log_not_whole"


class RebuildRunning(ConfigurationError):
    """Somebody else rebuilds this deployment now."""

    reason = "rebuild_running"


class ConfigurationUnknown(ConfigurationError):
    """The configuration is not the one that the workers have."""

    reason = "configuration_unknown"


class NoLog(ConfigurationError):
    """There is no event log where the deployment's Kafka is, or it is not the deployment's."""

    reason = "no_log"


class StateWentBack(TransientError):
    """Redis lost a part of the new state: what is left of it is worth nothing."""

    reason = "state_went_back"


class TakenOver(TransientError):
    """Another process goes on with this rebuild."""

    reason = "taken_over"
