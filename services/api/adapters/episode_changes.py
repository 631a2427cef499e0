"""Stores what people do about alerts, so that their notifications look at it at once."""

from __future__ import annotations

from shared.adapters.episode_writer import EpisodeWriter, touches_of
from shared.domain.episodes import Episode
from shared.domain.instants import Micros


class RedisEpisodeChanges:
    """The write side of the alerts, for people."""

    def __init__(self, writer: EpisodeWriter) -> None:
        self._writer = writer

    async def acted(self, episode: Episode, *, prior: Episode, now: Micros) -> bool:
        """False when somebody else was first. Raises: EpisodesAway."""
        return await self._writer.commit(episode, prior=prior, touches=touches_of(episode, now))
