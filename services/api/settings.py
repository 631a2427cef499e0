"""Settings of the api service."""

from __future__ import annotations

from pydantic import Field

from shared.settings import Block, ServiceSettings

DEFAULT_PORT = 8080


class MetricsSettings(Block):
    """How much of the KPIs /metrics shows."""

    per_rep: bool = Field(default=True, description="whether pacer_kpi_* has a series a rep; false: teams only")
    max_series: int = Field(20_000, ge=0, description="most pacer_kpi_* series; over it the reps' series go")


class StreamSettings(Block):
    """Bounds of GET /v1/stream."""

    ring: int = Field(10_000, ge=1, description="events kept for Last-Event-ID")
    backlog: int = Field(5_000, ge=1, description="events waiting for one slow client before it is dropped")
    clients: int = Field(500, ge=1, description="most streams at once")


class QuarantineSettings(Block):
    """How much of the quarantine is listed."""

    entries: int = Field(50_000, ge=1, description="entries of the quarantine kept in memory, some 600 bytes each")


class ApiSettings(ServiceSettings):
    """What the api reads from the environment."""

    board_url: str = Field("http://127.0.0.1:8080", description="where people open the board; in links of alerts")
    metrics: MetricsSettings = MetricsSettings()
    stream: StreamSettings = StreamSettings()
    quarantine: QuarantineSettings = QuarantineSettings()
