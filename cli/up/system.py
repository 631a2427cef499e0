"""The running system: its parts in the right order, watched, and taken down in the reverse one."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Sequence
from datetime import timedelta

import httpx

from cli.up.backends import Part
from cli.up.child import Child
from cli.up.data_directory import RunningDeployment, write_deployment
from cli.up.drain import drained
from cli.up.kept_part import PART_READY_SECONDS, KeptPart
from cli.up.log_watch import Repeats, complaint
from cli.up.plan import (
    Backends,
    ServiceName,
    ServicePlan,
    UpOptions,
    scratch_directory,
    service_command,
    service_environment,
)
from cli.up.report import Report
from cli.up.restarts import EXIT_TOO_MUCH_POISON, Action
from cli.up.service import Service, ServiceState
from shared.adapters.kafka_topics import ensure_topics
from shared.contracts.topics import DEFAULT_PARTITIONS, TOPICS
from shared.errors import ConfigurationError

TICK_SECONDS = 0.1
STOP_SECONDS = 10.0
DRAIN = timedelta(seconds=15)


class StartFailed(ConfigurationError):
    """A part or a service cannot run; the message says which and shows the end of its log."""

    reason = "start_failed"


class System:
    """Kafka, Redis and the services of the plan.

    run() starts all and watches until it is cancelled; close() ends all in order, in whatever state they are.
    """

    def __init__(
        self,
        options: UpOptions,
        plans: Sequence[ServicePlan],
        parts: tuple[Part, Part],
        *,
        retention: timedelta,
        report: Report,
        command: Callable[[ServicePlan], list[str]] = service_command,
    ) -> None:
        self.kafka, self.redis = parts
        logs = options.data / "logs"
        self.services = [Service(p, Child(command(p), log=logs / f"{p.label}.log")) for p in plans]
        self.announced = asyncio.Event()
        self._options = options
        self._retention = retention
        self._report = report
        self._repeats = Repeats()
        self._parts: list[KeptPart] = []
        self._began = time.monotonic()

    async def run(self) -> None:
        """Starts everything, says when it is ready, keeps it running. Raises: StartFailed, KafkaAway."""
        for part in (self.redis, self.kafka):
            await self._bring_up(part)
            self._parts.append(KeptPart(part, self._report, time.monotonic()))
        await self._start_services()
        async with httpx.AsyncClient() as http:
            while True:
                await self._tick(http)
                await asyncio.sleep(TICK_SECONDS)

    async def close(self) -> None:
        """Ingest first, then the aggregator once it has applied what was accepted, then the rest."""
        aggregators = self._of(ServiceName.AGGREGATOR)
        await self._stop(self._of(ServiceName.INGEST))
        if self.announced.is_set() and any(s.child.running for s in aggregators) and self.kafka.running:
            self._report.note("draining: the aggregator applies what was accepted")
            if not await drained(self._backends(), within=DRAIN):
                self._report.problem("not everything was applied in time; with a durable Kafka it is at the next start")
        await self._stop(aggregators)
        await self._stop(self.services)
        for part in (self.kafka, self.redis):
            await asyncio.to_thread(part.stop, STOP_SECONDS)

    def kill(self) -> None:
        """Ends every process at once."""
        for service in self.services:
            service.child.kill()
        self.kafka.kill()
        self.redis.kill()

    def _of(self, name: ServiceName) -> list[Service]:
        return [service for service in self.services if service.plan.service is name]

    def _backends(self) -> Backends:
        return Backends(self.kafka.address, self.redis.address, self.kafka.log_identity)

    async def _bring_up(self, part: Part) -> None:
        self._report.note(f"waiting for {part.name}")
        part.launch()
        deadline = time.monotonic() + PART_READY_SECONDS
        while not part.ready():
            if not part.running or time.monotonic() > deadline:
                part.kill()
                raise StartFailed(f"{part.name} did not start:\n{part.last_words()}")
            await asyncio.sleep(TICK_SECONDS)

    async def _start_services(self) -> None:
        """Topics, environment and deployment file follow from where the backends answer now."""
        backends = self._backends()
        await ensure_topics(backends.kafka, TOPICS, partitions=DEFAULT_PARTITIONS, retention=self._retention)
        self._write_deployment(backends)
        scratch_directory(self._options).mkdir(exist_ok=True)
        for service in self.services:
            service.child.environment = service_environment(
                service.plan, os.environ, backends=backends, options=self._options
            )
            service.start(time.monotonic())

    def _write_deployment(self, backends: Backends) -> None:
        write_deployment(
            self._options.data,
            RunningDeployment(
                pid=os.getpid(),
                config=str(self._options.config.resolve()),
                kafka=backends.kafka,
                redis=backends.redis,
                ports={service.plan.label: service.plan.port for service in self.services},
                log_identity=backends.log_identity,
            ),
        )

    async def _tick(self, http: httpx.AsyncClient) -> None:
        for kept in self._parts:
            if await kept.keep(time.monotonic()) and kept.part.log_identity is not None:
                await self._follow_a_new_log()
        for service in self.services:
            self._keep_service(service)
            self._pass_on_complaints(service)
        changed = await asyncio.gather(*(service.probe(http, time.monotonic()) for service in self.services))
        if self.announced.is_set():
            for service in (s for s, did in zip(self.services, changed, strict=True) if did):
                self._report.note(f"{service.plan.label} is {service.state}")
        elif all(service.state is ServiceState.READY for service in self.services):
            self._announce()

    def _announce(self) -> None:
        self.announced.set()
        self._report.table([service.row() for service in self.services])
        urls = {service.plan.label: service.plan.url for service in self.services}
        took = time.monotonic() - self._began
        webhooks = f"{urls['ingest']}/v1/webhooks/SOURCE"
        self._report.ready(f"after {took:.1f} s: board {urls['api']}/ , webhooks {webhooks} ; Ctrl-C ends it")

    def _keep_service(self, service: Service) -> None:
        now = time.monotonic()
        action = service.action(now)
        if action is Action.GIVE_UP:
            raise StartFailed(f"{service.plan.label} refuses to start:\n{service.child.last_words()}")
        if action is Action.RECORD_EXIT:
            code = service.child.exit_code
            service.record_exit(now)
            wait = service.restarts.due - now
            self._report.problem(f"{service.plan.label} ended ({_how(code)}); starts again in {wait:g} s")
            if code == EXIT_TOO_MUCH_POISON:
                self._report.problem(said_at_the_end(service.child.last_words()))
        elif action is Action.START:
            service.start(now)
            self._report.note(f"{service.plan.label} started again, pid {service.child.pid}")

    def _pass_on_complaints(self, service: Service) -> None:
        for line in service.tail.new_lines():
            found = complaint(line)
            if found and self._repeats.is_news(service.plan.label, found, now=time.monotonic()):
                self._report.problem(f"{service.plan.label} {found}")

    async def _follow_a_new_log(self) -> None:
        """The embedded broker forgot its log and has another address: every service starts again with both."""
        self._report.problem("the embedded broker lost its log: what was accepted and not yet applied is gone")
        await self._stop(self.services)
        await self._start_services()

    async def _stop(self, services: Sequence[Service]) -> None:
        for service in services:
            service.child.terminate()
        orderly = await asyncio.gather(*(asyncio.to_thread(s.child.stop, STOP_SECONDS) for s in services))
        for service in (s for s, ended in zip(services, orderly, strict=True) if not ended):
            self._report.problem(f"{service.plan.label} did not end in {STOP_SECONDS:g} s and was killed")


def said_at_the_end(words: str) -> str:
    """The line in which a service says why it ends; all of its last words if there is none."""
    return next((line for line in reversed(words.splitlines()) if " ends: " in line), words)


def _how(code: int | None) -> str:
    return f"signal {-code}" if code is not None and code < 0 else f"exit code {code}"
