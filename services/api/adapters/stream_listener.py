"""Takes what the log says to the stream."""

from __future__ import annotations

from collections.abc import Callable

from services.api.adapters.http.answers import encode
from services.api.domain.feed import EventKind, Happening
from services.api.live_readings import LiveReadings
from services.api.stream import Hub
from shared.contracts.episodes import episode_view
from shared.contracts.heartbeats import NOBODY
from shared.contracts.messages import RepUpdated
from shared.domain.episodes import Episode
from shared.domain.instants import Micros


class StreamListener:
    """Listens to the log for the hub."""

    def __init__(self, hub: Hub, live: LiveReadings, board_url: str, *, heartbeat: Callable[[Micros], None]) -> None:
        """``heartbeat`` is told when one was sent that arrives."""
        self._hub = hub
        self._heartbeat = heartbeat
        self._live = live
        self._board_url = board_url.rstrip("/")

    def updated(self, update: RepUpdated) -> None:
        """The readings that moved follow."""
        if update.tenant == NOBODY:
            self._heartbeat(update.received_at)
        else:
            self._live.changed(update.tenant, update.rep)

    def moved(self, episode: Episode) -> None:
        """An alert goes out as it stands."""
        rep = episode.subject.rep
        event = Happening(
            kind=EventKind.ALERT,
            tenant=episode.tenant,
            data=encode(episode_view(episode, self._board_url)),
            rep=rep,
            team=None if rep is not None else episode.subject.team,
            kpi=episode.kpi,
        )
        self._hub.publish(event)

    def missed(self) -> None:
        """Everybody reads the whole state."""
        self._hub.missed()
