"""What an edit moves in one tenant: reads what is stored, folds it twice, compares readings and alerts."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from msgspec import Struct
from redis.asyncio import Redis
from rich.console import Console

from cli.diff.alerts_change import AlertChange, alert_changes, keys_of
from cli.diff.comparing import Change, Comparison
from cli.diff.folded import Folding, Pair
from cli.diff.stored_facts import StoredFacts
from cli.progress import phase
from services.alerts.adapters.redis_sources import RedisSources
from services.alerts.floor import Floor
from shared.adapters.episode_reader import EpisodeReader
from shared.domain.alerting import Alerting
from shared.domain.facts import utc_day
from shared.domain.instants import DAY_US, Micros
from shared.domain.reading import Moment
from shared.domain.silence import is_out
from shared.domain.tenant import Tenant


class TenantDiff(Struct, frozen=True, kw_only=True):
    """One tenant's part of the answer. ``moved_records``: of how many some fact is elsewhere."""

    tenant: str
    changes: list[Change]
    alerts: list[AlertChange]
    moved_records: int
    measurable: bool

    @property
    def is_empty(self) -> bool:
        """Whether nothing moves."""
        return not self.changes and not self.alerts


class Configured(Struct, frozen=True):
    """A tenant under one configuration."""

    tenant: Tenant
    alerting: Alerting


async def diff_tenant(redis: Redis, old: Configured, new: Configured, now: Micros, console: Console) -> TenantDiff:
    """Raises: NothingStored, TransientError, RedisError."""
    facts = await StoredFacts.open(redis)
    with phase(console, f"{new.tenant.id}: records", 1, "records") as shown:
        moved = await facts.moved(old.tenant, new.tenant, lambda seen, total: shown.at(int(seen == total), seen))
    reps = list(dict.fromkeys((*old.tenant.organisation.reps, *new.tenant.organisation.reps)))
    folding = Folding(old.tenant, new.tenant)
    kept_from = _kept_from(old.tenant, new.tenant, now)
    pairs: dict[str, Pair] = {}
    with phase(console, f"{new.tenant.id}: facts", len(reps), "reps") as shown:
        for rep in reps:
            pairs[rep] = await facts.pair(folding, new.tenant.id, rep, moved.shifts.get(rep), kept_from)
            shown.at(len(pairs), len(pairs))
    moment = Moment(now, await _is_measurable(redis, new.tenant, now))
    since = None if facts.first_page is None else max(date.fromisoformat(facts.first_page), _retained(old, new, now))
    comparison = Comparison(old.tenant, new.tenant, pairs, moment, since=since)
    return TenantDiff(
        tenant=new.tenant.id,
        changes=[*comparison.reps(), *comparison.teams()],
        alerts=await _alerts(redis, old, new, pairs=pairs, moment=moment),
        moved_records=moved.records,
        measurable=moment.measurable,
    )


def _retained(old: Configured, new: Configured, now: Micros) -> date:
    """The first day that the longer retention keeps: a stray fact of long ago must not cost decades of targets."""
    longest = max(old.tenant.retention_days, new.tenant.retention_days)
    return date.fromisoformat(utc_day(now - longest * DAY_US))


def _kept_from(old: Tenant, new: Tenant, now: Micros) -> str:
    """The first UTC day that a shorter retention keeps; empty where it is not shorter."""
    return utc_day(now - new.retention_days * DAY_US) if new.retention_days < old.retention_days else ""


async def _is_measurable(redis: Redis, tenant: Tenant, now: Micros) -> bool:
    last = await RedisSources(redis).last_received(tenant.id)
    return not any(is_out(source, last.get(name), tenant.calendar, now) for name, source in tenant.sources.items())


async def _alerts(
    redis: Redis, old: Configured, new: Configured, *, pairs: Mapping[str, Pair], moment: Moment
) -> list[AlertChange]:
    reader = EpisodeReader(redis)
    floors = [Floor(each.tenant, each.alerting) for each in (old, new)]
    watched = {key for floor in floors for key in keys_of(floor, moment.now)}
    return await alert_changes(
        (floors[0], {rep: pair.old for rep, pair in pairs.items()}),
        (floors[1], {rep: pair.new for rep, pair in pairs.items()}),
        latest=await reader.latest(new.tenant.id, sorted(watched)),
        is_open=await reader.open(new.tenant.id),
        moment=moment,
    )
