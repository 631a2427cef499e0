"""Finds out what there is to rebuild from and to replace, and refuses what cannot be done."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct
from redis.asyncio import Redis
from redis.asyncio.cluster import RedisCluster
from redis.exceptions import RedisError

from cli.deployment import DeploymentPlace
from cli.rebuild.event_log import EventLog
from cli.rebuild.refusals import ConfigurationUnknown, LogNotWhole, NoLog
from services.aggregator.adapters.log_identity import BROKER, LOG_EPOCH, LOG_IDENTITY, fields_of
from services.aggregator.adapters.redis_scripts import as_transient
from services.aggregator.settings import AggregatorKafkaSettings
from shared.adapters.live_state import StateLayout
from shared.contracts import keys
from shared.contracts.topics import CRM_EVENTS, KPI_FACTS

Bounds = Mapping[int, tuple[int, int]]
"""The first offset of each partition and the one after its last."""


class Ground(Struct, frozen=True, kw_only=True):
    """What a rebuild starts from.

    live: the state to replace. log: the fields of LAYOUT that name the log as it is now. is_same_log: whether the live
    state is of this log, so that its positions mean something in it. servers: the runs of Redis that answer.
    """

    live: StateLayout
    log: dict[str, str]
    epoch: int
    is_same_log: bool
    bounds: Bounds
    servers: list[str]

    def layout_of(self, state: str) -> StateLayout:
        """The layout of a state that is made from this log."""
        return StateLayout(
            state, int(self.log["events_partitions"]), int(self.log["facts_partitions"]), epoch=self.epoch
        )


async def survey(redis: Redis, log: EventLog, place: DeploymentPlace) -> Ground:
    """Raises: NoLog, KafkaAway, RedisAway."""
    events, facts = await log.partitions(CRM_EVENTS), await log.partitions(KPI_FACTS)
    if not events or not facts:
        raise NoLog(
            f"Kafka at {place.kafka.bootstrap_servers} has no topic {CRM_EVENTS if not events else KPI_FACTS}: give "
            "the --kafka of the deployment, or start its services once, which create it"
        )
    settings = AggregatorKafkaSettings(bootstrap_servers=place.kafka.bootstrap_servers, log_identity=place.log_identity)
    fields, _ = await fields_of(settings, events_partitions=events, facts_partitions=facts)
    stored = await stored_layout(redis)
    if place.embedded and stored.get(LOG_IDENTITY, place.log_identity) != place.log_identity:
        raise NoLog("Redis holds the state of another start of the embedded broker: let an aggregator start first")
    live = StateLayout(
        keys.state_named(stored.get(keys.STATE_FIELD)),
        int(stored.get("events_partitions", 0)),
        int(stored.get("facts_partitions", 0)),
        int(stored.get(LOG_EPOCH, 0)),
    )
    return Ground(
        live=live,
        log=fields,
        epoch=live.epoch,
        is_same_log=all(stored.get(name) == value for name, value in fields.items()),
        bounds=await log.bounds(CRM_EVENTS, events),
        servers=await server_runs(redis),
    )


def refuse_loss(ground: Ground) -> None:
    """Raises: LogNotWhole if the log has not everything that the live state may know, with what would be lost."""
    cut = {number: start for number, (start, _) in ground.bounds.items() if start}
    remedy = "To make the state from what is left, and lose that, say --accept-loss; see before with --dry-run"
    if ground.log[BROKER] == "embedded" and (cut or ground.epoch):
        raise LogNotWhole(
            "the embedded broker no longer holds the whole log"
            + (f": it was started {ground.epoch + 1} times and forgets all at its end" if ground.epoch else "")
            + f". What only the messages that are gone have said would be lost. {remedy}; a durable log needs "
            "pacer up --kafka local, or a Kafka of your own"
        )
    if cut:
        raise LogNotWhole(
            f"retention has cut {sum(cut.values()):,} events from {len(cut)} of {len(ground.bounds)} partitions of "
            f"{CRM_EVENTS}. Records that only these events spoke of would be gone, with all their facts. {remedy}"
        )


def refuse_configuration(stored: Mapping[str, str], version: str) -> None:
    """Raises: ConfigurationUnknown if the workers run on another configuration than the one on disk."""
    if stored.get(keys.CONFIGURATION_FIELD, version) != version:
        raise ConfigurationUnknown(
            "the configuration on disk is not the one that the workers have: give the deployment's own --config; or, "
            "if it was edited while no worker ran, say --new-configuration"
        )


async def stored_layout(redis: Redis) -> dict[str, str]:
    """LAYOUT as Redis has it. Raises: RedisAway."""
    try:
        stored = await redis.hgetall(keys.LAYOUT)
    except (RedisError, OSError, TimeoutError) as error:
        raise as_transient(error) from error
    return {name.decode(): value.decode() for name, value in stored.items()}  # type: ignore[union-attr] # not decoded


async def server_runs(redis: Redis) -> list[str]:
    """Which runs of which servers hold what is written: another one may have lost some of it. Raises: RedisAway."""
    try:
        client: object = redis  # which may be a cluster's: they have the same commands, but not this one
        if isinstance(client, RedisCluster):
            found = await client.info("server", target_nodes=RedisCluster.PRIMARIES)
            return sorted(str(each["run_id"]) for each in found.values())
        return [str((await redis.info("server"))["run_id"])]
    except (RedisError, OSError, TimeoutError) as error:
        raise as_transient(error) from error
