"""Errors sorted by what to do about them; each cause is a class of its own with a stable reason code.

    PacerError
    ├── TransientError   try again with back-off (Kafka away, Redis loading)
    ├── PermanentError   quarantine: trying again cannot help (unknown field, bad amount)
    └── ConfigurationError   a person has to change something before the process may start

Anything else is a bug and ends the process.
"""

from typing import ClassVar


class PacerError(Exception):
    """Root of all expected errors; ``reason`` is log field, metric label and answer body in one."""

    reason: ClassVar[str] = "unexpected"


class TransientError(PacerError):
    """Retry with back-off; the same call may succeed later."""

    reason = "temporarily_unavailable"


class PermanentError(PacerError):
    """The same input fails for ever: keep it in quarantine with its reason."""

    reason = "unusable"


class ConfigurationError(PacerError):
    """Settings or configuration that a person must mend; the message says how."""

    reason = "configuration_invalid"
