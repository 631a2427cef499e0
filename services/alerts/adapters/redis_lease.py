"""A lease in Redis: which process judges a tenant's rules."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

from redis.asyncio import Redis
from redis.exceptions import RedisError

from services.alerts.trust import Pulses
from shared.adapters.episode_reader import EpisodesAway
from shared.contracts.episodes import alerts_tag, lease_key, pulse_key

_HOLD = """
local pulse = redis.call('INCR', KEYS[2])
local owner = redis.call('GET', KEYS[1])
if owner and owner ~= ARGV[1] then return {0, pulse} end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return {1, pulse}
"""
_RELEASE = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0"


class RedisLease:
    """See the port; every process has a name of its own."""

    def __init__(self, redis: Redis, length: timedelta, pulses: Pulses) -> None:
        self._pulses = pulses
        self._owner = uuid4().hex
        self._milliseconds = length // timedelta(milliseconds=1)
        self._hold = redis.register_script(_HOLD)
        self._release = redis.register_script(_RELEASE)
        self._held: set[str] = set()

    async def hold(self, tenant: str) -> bool:
        """See the port. Raises: StateWentBack too."""
        tag, before = alerts_tag(tenant), self._pulses.greatest(tenant)
        try:
            held, pulse = await self._hold(
                keys=[lease_key(tag), pulse_key(tag)], args=[self._owner, self._milliseconds]
            )
        except (RedisError, OSError) as error:
            raise EpisodesAway(str(error)) from error
        self._pulses.felt(tenant, int(pulse), after=before)
        (self._held.add if held else self._held.discard)(tenant)
        return bool(held)

    async def release(self) -> None:
        """Lets others begin at once; what cannot be released runs out by itself."""
        for tenant in tuple(self._held):
            try:
                await self._release(keys=[lease_key(alerts_tag(tenant))], args=[self._owner])
            except (RedisError, OSError):
                return
