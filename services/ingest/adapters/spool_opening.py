"""Opens the spool as the settings have it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog

from services.ingest.adapters.spool_cipher import Keyring, keys_of
from services.ingest.adapters.spool_directory import SpoolDirectory
from services.ingest.ports import SpoolFailed
from services.ingest.settings import SpoolSettings
from services.ingest.spool_metrics import SpoolMetrics
from shared.domain.clock import Clock
from shared.errors import ConfigurationError

log = structlog.get_logger()


class NoSpoolKey(ConfigurationError):
    """The key that the settings speak of is none."""

    reason = "no_spool_key"


@asynccontextmanager
async def open_spool(settings: SpoolSettings, clock: Clock, metrics: SpoolMetrics) -> AsyncIterator[SpoolDirectory]:
    """The spool, with what earlier processes left in it. Raises: NoSpoolKey."""
    spool = SpoolDirectory(
        settings.dir, Keyring(_keys(settings)), max_bytes=settings.max_bytes, clock=clock, metrics=metrics
    )
    try:
        await spool.adopt()
    except SpoolFailed as error:  # whose source needs it gets a 503 with this reason, and the disk is tried again
        log.warning("spool_not_opened", detail=str(error))
    metrics.holds(spool.held)
    try:
        yield spool
    finally:
        await spool.close()


def _keys(settings: SpoolSettings) -> tuple[bytes, ...]:
    text, place = settings.key.get_secret_value(), "PACER_SPOOL__KEY"
    if settings.key_file is not None:
        if text:
            raise NoSpoolKey("PACER_SPOOL__KEY and PACER_SPOOL__KEY_FILE are both set. Keep one of them")
        place = "PACER_SPOOL__KEY_FILE"
        try:
            text = settings.key_file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            raise NoSpoolKey(f"{place}: the file {settings.key_file} cannot be read") from None
        if not text.strip():
            raise NoSpoolKey(f"{place}: the file {settings.key_file} is empty")
    try:
        return keys_of(text)
    except ValueError as error:
        raise NoSpoolKey(f"{place}: {error}") from None
