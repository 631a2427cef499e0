"""Structured logs: an event name plus fields, JSON for machines or a console line for people."""

from __future__ import annotations

import logging
import sys

import structlog

from shared.settings import LogSettings


def configure_logs(service: str, settings: LogSettings) -> None:
    """Sets up structlog and the standard library's logging for the process; ``service`` is in every line.

    Libraries log through the standard library: their warnings pass, their chatter does not.
    """
    level = logging.getLevelNamesMapping()[settings.level.upper()]
    processors: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    renderer = structlog.dev.ConsoleRenderer(colors=False) if settings.format == "console" else _json_renderer()
    structlog.configure(
        processors=[*processors, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stdout),
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(service=service)
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(processor=renderer, foreign_pre_chain=[_name_service(service), *processors])
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(max(level, logging.WARNING))


def _json_renderer() -> structlog.typing.Processor:
    return structlog.processors.JSONRenderer(sort_keys=True)


def _name_service(service: str) -> structlog.typing.Processor:
    def add(_: object, __: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
        event["service"] = service
        return event

    return add
