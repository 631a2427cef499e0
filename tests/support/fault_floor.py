"""A whole deployment as processes on a real Kafka and a real Redis, under load, with everything compared afterwards.

    async with floor.load.flowing():
        floor.kill("aggregator")
        floor.start("aggregator")
    await floor.check()          # readings, what was answered 2xx, alerts

Readings go over HTTP and are compared with the oracle's; alerts are counted where people get them.
"""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from fractions import Fraction
from pathlib import Path
from typing import Any

import httpx
import redis
import yaml

from cli.up.free_ports import free_ports
from tests.support.eventually import eventually
from tests.support.fault_load import Load
from tests.support.fault_story import configuration, rule_id
from tests.support.oracle import Oracle
from tests.support.processes import Processes, Running
from tests.support.sales_story import REPS, utc_now
from tests.support.stack import HUBSPOT_SECRET, TOKEN
from tests.support.webhook_receiver import SECRET, WebhookReceiver

READY_SECONDS, EQUAL_SECONDS, ALERTED_SECONDS = 60.0, 90.0, 90.0
WORKERS = ("aggregator", "aggregator-2")
SERVICES = ("ingest", *WORKERS, "api", "alerts")
SUBJECTS = (*(f"reps/{rep}" for rep in REPS), "teams/emea", "teams/sdr", "teams/ae")


class FaultFloor:
    """The deployment. ``start`` and ``kill`` take the names in SERVICES."""

    def __init__(
        self,
        directory: Path,
        *,
        kafka: str,
        redis_url: str,
        seed: int,
        environment: Mapping[str, str] | None = None,
        shortfall: bool = True,
    ) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.receiver = WebhookReceiver()
        self.configuration = configuration(self.receiver.url, shortfall=shortfall)
        self.config = directory / "config"
        self.config.mkdir()
        for name, content in self.configuration.items():
            (self.config / f"{name}.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
        self.fault_points = directory / "faults"
        self.fault_points.mkdir()
        self.ports = dict(zip(SERVICES, free_ports(len(SERVICES)), strict=True))
        self.load = Load(f"http://127.0.0.1:{self.ports['ingest']}/v1/webhooks", seed)
        self.running: dict[str, Running] = {}
        self._processes = Processes(directory)
        self._environment = {
            "PACER_CONFIG_DIR": str(self.config),
            "PACER_KAFKA__BOOTSTRAP_SERVERS": kafka,
            "PACER_REDIS__URL": redis_url,
            "PACER_JUDGING__TICK": "PT1S",
            "PACER_JUDGING__LEASE": "PT5S",
            "PACER_SENDING__CLAIM": "PT12S",
            "PACER_TEST_FAULT_POINTS": str(self.fault_points),
            "TEST_TOKEN": TOKEN,
            "TEST_HUBSPOT": HUBSPOT_SECRET,
            "OPS_SECRET": SECRET,
            "PYTHONUNBUFFERED": "1",
            "TMPDIR": str(directory),
            **(environment or {}),
        }

    async def open(self) -> None:
        """Starts all; alerts last and after the first round, so that rules on shortfalls begin on full numbers."""
        self.start(*SERVICES[:-1])
        await self.ready(*SERVICES[:-1])
        async with self.load.flowing():
            await asyncio.sleep(2)
        await self.readings_equal()
        self.start("alerts")
        await self.ready("alerts")

    def close(self) -> None:
        """Ends everything."""
        for running in self.running.values():
            if running.process.poll() is None:
                running.signal(signal.SIGCONT)
        self._processes.end_all()
        self.receiver.stop()

    def start(self, *names: str) -> None:
        """Starts services, or starts them again."""
        for name in names:
            module = f"services.{name.partition('-')[0]}"
            environment = {**self._environment, "PACER_HTTP__PORT": str(self.ports[name])}
            self.running[name] = self._processes.start(module, env=environment)

    def kill(self, *names: str) -> None:
        """Kill -9."""
        for name in names:
            self.running[name].kill()

    def restart_dead(self) -> list[str]:
        """What a supervisor does; the names of those who had ended."""
        dead = [name for name, running in self.running.items() if running.process.poll() is not None]
        for name in dead:
            words = [line for line in self.running[name].output.splitlines() if line and not line.startswith("{")]
            print(f"  {name} had ended: {' / '.join(words[-2:])}")
        self.start(*dead)
        return dead

    async def ready(self, *names: str) -> None:
        """Returns when /readyz says so."""
        async with httpx.AsyncClient(timeout=5) as http:
            for name in names:
                url = f"http://127.0.0.1:{self.ports[name]}/readyz"

                async def answers(url: str = url) -> bool:
                    return (await http.get(url)).status_code == 200

                try:
                    await eventually(answers, within_seconds=READY_SECONDS)
                except AssertionError as error:
                    raise AssertionError(f"{name}: {error}\n{self.running[name].output[-3000:]}") from error

    async def metric(self, name: str, metric: str) -> float:
        """The sum of a metric's series whose line begins so."""
        async with httpx.AsyncClient(timeout=5) as http:
            text = (await http.get(f"http://127.0.0.1:{self.ports[name]}/metrics")).text
        return sum(float(line.rpartition(" ")[2]) for line in text.splitlines() if line.startswith(metric))

    async def check(self, *, within_seconds: float = EQUAL_SECONDS) -> None:
        """After a fault: everything is as if it had not been."""
        await self.readings_equal(within_seconds=within_seconds)
        await self.alerts_told_once()
        assert not self.load.without_retry_after, "a refusal did not say when to come back"

    async def readings_equal(self, *, within_seconds: float = EQUAL_SECONDS) -> None:
        """Every reading of every rep and team, and what is parked. Raises: AssertionError with the differences."""
        oracle = Oracle(self.configuration, self.load.events, now=utc_now().isoformat())
        wanted: dict[tuple[str, str, str], Fraction | None] = {}
        began = time.monotonic()
        async with httpx.AsyncClient(timeout=20, base_url=f"http://127.0.0.1:{self.ports['api']}") as http:

            async def differing() -> list[str]:
                self.restart_dead()
                found = await _differences(http, self.load.events, oracle, wanted)
                parked = (await http.get("/v1/status")).raise_for_status().json()["unmapped_owners"]
                told = {f"{each['source']}/{each['owner']}": each["facts"] for each in parked}
                return found + ([] if told == oracle.unmapped() else [f"unmapped {told}, not {oracle.unmapped()}"])

            await eventually(differing, equals=[], within_seconds=within_seconds, every_seconds=0.5)
        print(f"  {len(wanted)} readings equal after {time.monotonic() - began:.1f} s, {len(self.load.told)} events")

    async def alerts_told_once(self) -> None:
        """Each rep was told of once for each round, by one notification, and of nothing else."""
        year = utc_now().year
        wanted = {
            (f"{rule_id(number)}/{rep}/year/{year}", "firing"): 1
            for number in range(1, self.load.rounds + 1)
            for rep in REPS
        }
        await eventually(lambda: self._told().keys() >= wanted.keys(), within_seconds=ALERTED_SECONDS)
        told = self._told()
        assert {key: len(ids) for key, ids in told.items()} == wanted, {
            key: ids for key, ids in told.items() if key not in wanted or len(ids) != 1
        }

    def _told(self) -> dict[tuple[str, str], set[tuple[str, str]]]:
        """What the receiver has accepted: by dedup key and state, the notifications and episodes."""
        told: dict[tuple[str, str], set[tuple[str, str]]] = {}
        for request in self.receiver.accepted:
            for alert in request.json["alerts"]:
                told.setdefault((alert["dedup_key"], alert["state"]), set()).add((request.id, alert["id"]))
        return told


async def _differences(
    http: httpx.AsyncClient,
    events: list[dict[str, Any]],
    oracle: Oracle,
    wanted: dict[tuple[str, str, str], Fraction | None],
) -> list[str]:
    found = []
    for who, kind, at in _questions(events):
        answer = await http.get(f"/v1/{who}/kpis", params={"period": kind, "at": at})
        for reading in answer.raise_for_status().json()["readings"]:
            kind_of, name = who.split("/")
            key = (who, reading["kpi"], reading["period"]["id"])
            if key not in wanted:
                wanted[key] = (oracle.rep if kind_of == "reps" else oracle.team)(name, *key[1:])
            if not _same(reading["value"], wanted[key]):
                found.append(f"{' '.join(key)}: {reading['value']}, not {wanted[key]}")
    return found


def _questions(events: list[dict[str, Any]]) -> Iterator[tuple[str, str, str]]:
    dates = sorted({datetime.fromisoformat(event["occurred_at"]).date() for event in events})
    asked = [("day", dates[-1]), ("day", dates[len(dates) // 2]), ("week", dates[len(dates) // 3])]
    asked += [("month", dates[0]), ("month", dates[-1]), ("year", dates[-1])]
    return ((who, kind, date.isoformat()) for who in SUBJECTS for kind, date in asked)


def _same(value: float | None, wanted: Fraction | None) -> bool:
    if value is None or wanted is None:
        return value is None and wanted is None
    return abs(Fraction(repr(value)) - wanted) <= Fraction(1, 2_000_000)


class Offsets:
    """How far the ledger's partitions have come, for saying how soon they move again after a fault."""

    def __init__(self, port: int) -> None:
        self._redis = redis.Redis(port=port)

    def read(self) -> list[int]:
        """The stored position of each partition of crm.events."""
        found = self._redis.mget([f"pacer:{{l{partition:02d}}}:offset" for partition in range(8)])
        return [int(each or 0) for each in found]

    async def all_moved(
        self, what: str, *, since: float, within_seconds: float = 90.0, meanwhile: Callable[[], object] = list
    ) -> None:
        """Prints how long it took until every partition had moved under load; ``meanwhile`` is done at each look."""
        before = self.read()

        def moved() -> bool:
            meanwhile()
            return all(now > then for now, then in zip(self.read(), before, strict=True))

        await eventually(moved, within_seconds=within_seconds, every_seconds=0.1)
        print(f"  {what}: every partition moves again {time.monotonic() - since:.1f} s after")
