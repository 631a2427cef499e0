"""Puts a rebuild together, keeps its lease, and cleans up after it; the only module that knows all of it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import timedelta
from typing import Any

from msgspec import Struct
from prometheus_client import CollectorRegistry
from redis.asyncio import Redis

from cli.deployment import DeploymentPlace
from cli.rebuild.building import Building
from cli.rebuild.event_log import EventLog, open_log
from cli.rebuild.handing_over import HandingOver
from cli.rebuild.journal import Begun, Journal, new_state_name
from cli.rebuild.key_space import remove_states
from cli.rebuild.positions import HANDED_EPOCH, Positions
from cli.rebuild.preparing import Ground, refuse_configuration, refuse_loss, stored_layout, survey
from cli.rebuild.quarantining import RebuildQuarantine
from cli.rebuild.rebuilding import Ending, Parts, Rebuilding, Rebuilt, Told
from cli.rebuild.refusals import RebuildRunning
from services.aggregator.adapters.configured_catalogue import ConfiguredCatalogue
from services.aggregator.adapters.kafka_publishers import KafkaQuarantineSink, RenewableProducer
from services.aggregator.adapters.redis_ledger_store import RedisLedgerStore
from services.aggregator.adapters.redis_poison_tallies import RedisPoisonTallies
from services.aggregator.adapters.redis_scoreboard_store import RedisScoreboardStore
from services.aggregator.domain.poison import PoisonLimit
from services.aggregator.ledger import Ledger
from services.aggregator.metrics import AggregatorMetrics
from services.aggregator.poison import PoisonKeeper
from services.aggregator.scoreboard import Scoreboard
from services.aggregator.settings import AggregatorSettings
from shared.adapters.live_state import StateLayout
from shared.adapters.redis_client import open_redis
from shared.adapters.system_clock import SystemClock
from shared.configuration import LiveConfiguration
from shared.contracts.topics import CRM_EVENTS, KPI_FACTS
from shared.domain.instants import Micros
from shared.errors import TransientError
from shared.settings import load_settings

GRACE = timedelta(seconds=10)
"""Readers know the live state within half a second and take a few for an answer; then nobody reads the old one."""


class Wanted(Struct, frozen=True, kw_only=True):
    """What was asked for."""

    dry_run: bool = False
    accept_loss: bool = False
    new_configuration: bool = False
    discard: bool = False
    grace: timedelta = GRACE


class NobodyToTell:
    """UpdatesSink: readers are told nothing of the past."""

    def changed(self, partition: int, reps: object, received_at: Micros) -> None:
        """Nobody reads the state that is made."""

    def heartbeat(self, sent_at: Micros) -> None:
        """Heartbeats of the past say nothing."""


async def rebuild(place: DeploymentPlace, wanted: Wanted, told: Told) -> Rebuilt | None:
    """Rebuilds; None if there was only something to clean up. Raises: PacerError, alone or in a group."""
    async with open_redis(place.redis) as redis, open_log(place.kafka) as log, _leased(redis, told) as journal:
        ground = await survey(redis, log, place)
        begun = await journal.begun()
        if begun is not None and begun.state == ground.live.name:
            told.note("the rebuild before this one had switched already: the old state is removed")
            await _clean_up(redis, journal, but=ground.live.name)
            return None
        if wanted.discard:
            await _clean_up(redis, journal, but=ground.live.name)
            told.note("nothing is left of a rebuild that did not end")
            return None
        if not wanted.accept_loss:
            refuse_loss(ground)
        return await _rebuild(redis, log, journal, ground, place=place, wanted=wanted, told=told)


async def _rebuild(
    redis: Redis,
    log: EventLog,
    journal: Journal,
    ground: Ground,
    *,
    place: DeploymentPlace,
    wanted: Wanted,
    told: Told,
) -> Rebuilt:
    clock, configuration = SystemClock(), LiveConfiguration(place.config, os.environ, secrets_needed=False)
    if not wanted.new_configuration:
        refuse_configuration(await stored_layout(redis), configuration.version)
    catalogue = ConfiguredCatalogue(redis, AggregatorMetrics(CollectorRegistry()), clock)
    await catalogue.accept(configuration.deployment, configuration.version)
    begun = await _begin(redis, journal, ground, told=told, clock=clock)
    async with AsyncExitStack() as stack:
        producer = RenewableProducer(place.kafka)
        stack.push_async_callback(producer.close)
        sink = KafkaQuarantineSink(producer, AggregatorMetrics(CollectorRegistry()), clock)
        known = await Positions(redis, ground.live).ledgers() if ground.is_same_log else {}
        quarantine = RebuildQuarantine(sink, {number: at for number, at in known.items() if at is not None})
        building = _building(redis, log, ground.layout_of(begun.state), catalogue, quarantine=quarantine, told=told)
        await building.look()
        parts = Parts(
            redis=redis,
            log=log,
            journal=journal,
            building=building,
            catalogue=catalogue,
            configuration=configuration,
            clock=clock,
            told=told,
        )
        await stack.enter_async_context(_beside(catalogue.follow(configuration)))
        done = await Rebuilding(parts, ground, begun, loses=wanted.accept_loss).run(dry_run=wanted.dry_run)
    if quarantine.met:
        told.note("unusable, as in quarantine: " + ", ".join(f"{n:,} {why}" for why, n in quarantine.met.items()))
    stays = begun.state if done.ending is Ending.SWITCHED else ground.live.name
    if done.ending is Ending.SWITCHED:
        told.note(f"the new state is live; the old one is removed in {wanted.grace.total_seconds():g} s")
        await asyncio.sleep(wanted.grace.total_seconds())
    await _clean_up(redis, journal, but=stays)
    return done


async def _begin(redis: Redis, journal: Journal, ground: Ground, *, told: Told, clock: SystemClock) -> Begun:
    """Goes on with the state that was begun if what it was made from is still there; else begins another."""
    begun = await journal.begun()
    starts = {number: start for number, (start, _) in ground.bounds.items()}
    if begun is not None and (begun.log, begun.servers, begun.starts) == (ground.log, ground.servers, starts):
        told.note("going on where the rebuild before this one was")
    else:
        if begun is not None:
            told.note("the rebuild before this one cannot be gone on with: the log or Redis is another; beginning anew")
        await remove_states(redis, but=frozenset({ground.live.name}))
        begun = Begun(
            state=new_state_name(),
            replaces=ground.live.name,
            log=ground.log,
            starts=starts,
            servers=ground.servers,
            begun_at=clock.now(),
        )
        await journal.write(begun)
    positions = Positions(redis, ground.layout_of(begun.state))
    await positions.begin_ledgers(starts)
    await positions.begin_scoreboards()
    return begun


def _building(
    redis: Redis,
    log: EventLog,
    layout: StateLayout,
    catalogue: ConfiguredCatalogue,
    *,
    quarantine: RebuildQuarantine,
    told: Told,
) -> Building:
    """The use cases that the workers have, on the new state's keys."""
    positions, state = Positions(redis, layout), layout.name
    tallies, limit = RedisPoisonTallies(redis, state=state), load_settings(AggregatorSettings).poison
    tolerated = PoisonLimit(limit.share, limit.at_least)
    scoreboard = Scoreboard(
        RedisScoreboardStore(redis, log_epoch=HANDED_EPOCH, state=state),
        NobodyToTell(),
        poison=PoisonKeeper(KPI_FACTS, quarantine, tallies, tolerated),
        catalogue=catalogue,
    )
    handing = HandingOver(scoreboard, positions.handed, partitions=layout.facts, state=state)
    ledger = Ledger(
        RedisLedgerStore(redis, log_epoch=layout.epoch, state=state),
        handing,
        poison=PoisonKeeper(CRM_EVENTS, quarantine, tallies, tolerated),
        catalogue=catalogue,
    )
    return Building(log, ledger, handing, positions, epoch=layout.epoch, worked=told.worked)


async def _clean_up(redis: Redis, journal: Journal, *, but: str) -> None:
    """Removes whatever is not the live state, also what rebuilds and workers before have left."""
    await remove_states(redis, but=frozenset({but}))
    await journal.forget()


@asynccontextmanager
async def _leased(redis: Redis, told: Told) -> AsyncIterator[Journal]:
    """The only rebuild for as long as the block. Raises: RebuildRunning; TakenOver in a group."""
    journal = Journal(redis)
    if not await journal.take():
        told.note("another rebuild runs, or was killed a moment ago: looking which")
        if not await journal.take_over():
            raise RebuildRunning("another rebuild of this deployment is running: wait for it, or end it")
    try:
        async with _beside(journal.keep()):
            yield journal
    finally:
        with suppress(TransientError):
            await journal.let_go()


@asynccontextmanager
async def _beside(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """A task for as long as the block; if it fails, the block does too."""
    async with asyncio.TaskGroup() as group:
        task = group.create_task(work)
        try:
            yield
        finally:
            task.cancel()
