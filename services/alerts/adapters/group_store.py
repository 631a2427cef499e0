"""Notification groups in Redis: the outbox. A group holds the notification on its way, so order is kept within it."""

from __future__ import annotations

from collections.abc import Awaitable, Iterable
from pathlib import Path
from typing import Any

import msgspec
from msgspec.structs import replace
from redis.asyncio import Redis
from redis.exceptions import RedisError

from services.alerts.domain.notifications import Group
from services.alerts.domain.routing import GroupRoute
from services.alerts.ports import Claimed
from services.alerts.trust import Pulses
from shared.adapters.episode_reader import EpisodesAway
from shared.contracts import episodes as contract
from shared.domain.instants import Micros

ANY_TOUCH = "*"
_HERE = Path(__file__).parent
_decode = msgspec.json.Decoder(Group).decode


class RedisGroupStore:
    """See the port."""

    def __init__(self, redis: Redis, pulses: Pulses) -> None:
        self._redis = redis
        self._pulses = pulses
        self._claim = redis.register_script((_HERE / "group_claim.lua").read_text(encoding="utf-8"))
        self._settle = redis.register_script((_HERE / "group_settle.lua").read_text(encoding="utf-8"))

    async def due(self, tenant: str, now: Micros, limit: int) -> list[str]:
        """See the port."""
        key = contract.due_key(contract.alerts_tag(tenant))
        found: list[Any] = await _asked(self._redis.zrange(key, "-inf", now, byscore=True, offset=0, num=limit))
        return [each.decode() for each in found]

    async def claim(self, tenant: str, key: str, *, now: Micros, until: Micros) -> Claimed | None:
        """See the port. Raises: StateWentBack too."""
        before = self._pulses.greatest(tenant)
        touched = [*_keys(tenant, key), contract.pulse_key(contract.alerts_tag(tenant))]
        pulse, *found = await _asked(self._claim(keys=touched, args=[key, now, until]))
        self._pulses.felt(tenant, int(pulse), after=before)
        if not found:
            return None
        packed, touch, members = found
        return Claimed(_decode(packed), tuple(sorted(each.decode() for each in members)), touch.decode())

    async def settle(
        self,
        tenant: str,
        group: Group,
        *,
        due_at: Micros | None,
        drop: Iterable[str] = (),
        seen: str | None = None,
    ) -> bool:
        """See the port."""
        packed = msgspec.json.encode(replace(group, version=group.version + 1))
        due = "" if due_at is None else due_at
        arguments: list[str | int | bytes] = [
            group.route.key,
            group.version,
            ANY_TOUCH if seen is None else seen,
            packed,
            due,
            *drop,
        ]
        return bool(await _asked(self._settle(keys=_keys(tenant, group.route.key), args=arguments)))

    async def known(self, tenant: str, key: str, route: GroupRoute | None) -> Group | None:
        """See the port."""
        groups = contract.groups_key(contract.alerts_tag(tenant))
        if route is not None:
            await _asked(self._redis.hsetnx(groups, key, msgspec.json.encode(Group(route=route))))
        packed = await _asked(self._redis.hget(groups, key))
        return None if packed is None else _decode(packed)

    async def remove(self, tenant: str, group: Group, *, seen: str) -> bool:
        """See the port."""
        arguments: list[str | int | bytes] = [group.route.key, group.version, seen, "", ""]
        return bool(await _asked(self._settle(keys=_keys(tenant, group.route.key), args=arguments)))


def _keys(tenant: str, group: str) -> list[str]:
    tag = contract.alerts_tag(tenant)
    return [
        contract.groups_key(tag),
        contract.due_key(tag),
        contract.members_key(tag, group),
        contract.touches_key(tag),
    ]


async def _asked(call: Awaitable[Any]) -> Any:  # noqa: ANN401 - redis-py's own types leave open what an answer is
    """Raises: EpisodesAway."""
    try:
        return await call
    except (RedisError, OSError) as error:
        raise EpisodesAway(str(error)) from error
