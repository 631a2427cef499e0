"""Stores changes of episodes in Redis, each fenced by the version that it builds on; the API's actions use it too."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct
from redis.asyncio import Redis
from redis.exceptions import RedisError

from shared.adapters.episode_reader import EpisodesAway
from shared.contracts import episodes as contract
from shared.domain.episodes import Episode
from shared.domain.instants import Micros

_SCRIPT = Path(__file__).with_name("episode_commit.lua").read_text(encoding="utf-8")


class Touch(Struct, frozen=True):
    """A notification group that has to look at an episode at ``due_at``.

    ``created``: the group as JSON, for one that may not exist yet; without it a group that is gone stays gone.
    """

    group: str
    due_at: Micros
    created: bytes = b""


def touches_of(episode: Episode, now: Micros) -> tuple[Touch, ...]:
    """Lets the groups that carry an episode look at it now: what an action of a person needs."""
    return tuple(Touch(group, now) for group in episode.groups)


class EpisodeWriter:
    """The write side of the alerts."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._script = redis.register_script(_SCRIPT)

    async def commit(
        self, episode: Episode, *, prior: Episode | None, forget: bool = False, touches: Sequence[Touch] = ()
    ) -> bool:
        """Stores a change with all that follows from it, or nothing: False when somebody else was first.

        prior: what the change builds on, the same episode before or the newest one of the same dedup key.
        forget: the episode need not be kept, though its change is published. Raises: EpisodesAway.
        """
        tag = contract.alerts_tag(episode.tenant)
        continues = prior is not None and prior.id == episode.id
        fate = "forgotten" if forget else "open" if episode.is_open else "kept"
        arguments: list[str | int | bytes] = [
            episode.id,
            prior.version if prior is not None and continues else 0,
            episode.dedup_key,
            "" if prior is None or continues else prior.id,
            contract.encode_episode(episode),
            fate,
            episode.changed_at,
        ]
        for touch in touches:
            arguments += [touch.group, touch.due_at, touch.created]
        keys = [*_keys(tag), *(contract.members_key(tag, touch.group) for touch in touches)]
        try:
            return bool(await self._script(keys=keys, args=arguments))
        except (RedisError, OSError) as error:
            raise EpisodesAway(str(error)) from error


def _keys(tag: str) -> list[str]:
    return [
        contract.episodes_key(tag),
        contract.latest_key(tag),
        contract.open_key(tag),
        contract.recent_key(tag),
        contract.unpublished_key(tag),
        contract.groups_key(tag),
        contract.due_key(tag),
        contract.touches_key(tag),
        contract.counter_key(tag),
    ]
