"""Settings of the alerts service."""

from __future__ import annotations

from datetime import timedelta

from pydantic import Field

from shared.settings import Block, ServiceSettings

DEFAULT_PORT = 8083


class JudgingSettings(Block):
    """How often rules are judged without being asked."""

    tick: timedelta = Field(timedelta(seconds=5), description="how often what time alone can move is judged")
    lease: timedelta = Field(timedelta(seconds=15), description="after so long without a tick another process judges")


class SendingSettings(Block):
    """How notifications are sent. ``claim`` has to be longer than ``timeout``."""

    look: timedelta = Field(timedelta(seconds=1), description="how often groups are looked at without being woken")
    timeout: timedelta = Field(timedelta(seconds=10), description="limit of one request to a receiver")
    claim: timedelta = Field(timedelta(seconds=30), description="after so long another process may send it again")
    connections: int = Field(32, ge=1, description="most requests at once")
    proxy: str | None = Field(None, description="http://host:port to send through; none: directly")


class AlertsSettings(ServiceSettings):
    """What the alerts read from the environment."""

    board_url: str = Field("http://127.0.0.1:8080", description="where people open the board; in links of alerts")
    judging: JudgingSettings = JudgingSettings()
    sending: SendingSettings = SendingSettings()
