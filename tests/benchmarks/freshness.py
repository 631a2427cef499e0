"""How long after the webhook a number is readable in the API, at 500 events a second, and what that takes.

The load is one rep's calls, the probe's another's. At the end both must have exactly the calls that were answered 202.
"""

from __future__ import annotations

import time
import uuid
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import httpx
import yaml

from tests.benchmarks.processor_time import Meter
from tests.benchmarks.report import Row, percentile
from tests.benchmarks.stand import Stand, resident_megabytes
from tests.benchmarks.webhook_requests import Plan

RATE = 500
KEPT_SHARE = 0.98
"""Of the rate; with less the machine was too busy for the figures to say anything."""
CONNECTIONS = 32
WARM_UP_SECONDS = 5.0
WANTED_MEDIAN_MS, WANTED_P99_MS = 150.0, 500.0
POLL_SECONDS = 0.005
DEADLINE_SECONDS = 20.0
SERVICES = ("ingest", "aggregator", "alerts", "api")


class Probe:
    """Sends one event after the other and waits until the API has each."""

    def __init__(self, stand: Stand, ports: dict[str, int], http: httpx.Client, *, rep: str) -> None:
        self._http = http
        self._rep = rep
        self._readings = f"http://127.0.0.1:{ports['api']}/v1/reps/%s/kpis"
        self._webhook = f"http://127.0.0.1:{ports['ingest']}/v1/webhooks/native"
        self._headers = {"Authorization": f"Bearer {stand.secret('native')}"}
        self.times: list[float] = []

    def run(self, *, samples: int, until: Future[Any]) -> None:
        """So many samples, from just before the POST to the first answer that has it, while the load goes on."""
        value = self.calls(self._rep)
        while len(self.times) < samples and not until.done():
            started_at = time.perf_counter()
            self._http.post(self._webhook, json=_call(self._rep), headers=self._headers).raise_for_status()
            value += 1
            self.wait_for(self._rep, value)
            self.times.append(time.perf_counter() - started_at)

    def wait_for(self, rep: str, value: float) -> None:
        """Returns when the rep has so many calls. Raises: RuntimeError when she has other than that in the end."""
        deadline = time.monotonic() + DEADLINE_SECONDS
        while (found := self.calls(rep)) != value:
            if time.monotonic() > deadline:
                raise RuntimeError(f"{rep} has {found} calls instead of {value} after {DEADLINE_SECONDS} s")
            time.sleep(POLL_SECONDS)

    def calls(self, rep: str) -> float:
        """Her calls of today as the API has them."""
        answer = self._http.get(self._readings % rep, params={"kpi": "calls", "period": "day"})
        answer.raise_for_status()
        return float(answer.json()["readings"][0]["value"])


def run(stand: Stand, *, quick: bool) -> list[Row]:
    """All four services, warmed up; then memory and processor time at rest and under load, and the samples."""
    reps = [rep["id"] for rep in yaml.safe_load((stand.config / "people.yaml").read_text())["reps"]]
    ports = {name: stand.service(name) for name in SERVICES}
    time.sleep(2)  # at rest: nothing has happened yet
    resting = _memory(stand)
    samples, seconds = (60, 15.0) if quick else (320, 75.0)
    with ThreadPoolExecutor(1) as pool, httpx.Client(trust_env=False, timeout=5) as http:
        probe = Probe(stand, ports, http, rep=reps[0])
        warm = pool.submit(_load, stand, ports["ingest"], WARM_UP_SECONDS, reps[1]).result()
        meter, began = Meter(stand.pid(name) for name in SERVICES), time.monotonic()
        load = pool.submit(_load, stand, ports["ingest"], seconds, reps[1])
        time.sleep(1)  # the client starts
        probe.run(samples=samples, until=load)
        busy, said = _memory(stand), load.result()
        used = {name: meter.used(stand.pid(name)) / (time.monotonic() - began) for name in SERVICES}
        probe.wait_for(reps[1], warm["accepted"] + said["accepted"])
        probe.wait_for(reps[0], len(probe.times))
    return [*_freshness(probe.times), *_kept(said, seconds), *_resources(busy, resting, used)]


def _freshness(times: list[float]) -> list[Row]:
    median, p99 = percentile(times, 0.5) * 1000, percentile(times, 0.99) * 1000
    return [
        Row(
            what=f"webhook to readable at {RATE} events/s, median of {len(times)}",
            value=median,
            unit="ms",
            wanted=f"< {WANTED_MEDIAN_MS:.0f} ms",
            met=median < WANTED_MEDIAN_MS,
        ),
        Row(what="the same, p99", value=p99, unit="ms", wanted=f"< {WANTED_P99_MS:.0f} ms", met=p99 < WANTED_P99_MS),
    ]


def _kept(said: dict[str, Any], seconds: float) -> list[Row]:
    """Whether the load was what it is said to be; the exact counts were waited for."""
    rate = said["accepted"] / max(seconds, said["seconds"])
    failures = sum(said["failures"].values())
    return [
        Row(
            what="the load's events answered 202, all counted exactly",
            value=rate,
            unit="events/s",
            wanted=f">= {RATE * KEPT_SHARE:.0f}",
            met=rate >= RATE * KEPT_SHARE,
        ),
        Row(what="the load's other answers", value=failures, unit="", wanted="0", met=failures == 0),
    ]


def _resources(busy: dict[str, float], resting: dict[str, float], used: dict[str, float]) -> list[Row]:
    memory = [
        Row(what=f"{name}, memory under load (baseline: at rest)", value=busy[name], unit="MiB", baseline=resting[name])
        for name in SERVICES
    ]
    return [*memory, *(Row(what=f"{name}, of one processor", value=100 * used[name], unit="%") for name in SERVICES)]


def _load(stand: Stand, port: int, seconds: float, rep: str) -> dict[str, Any]:
    secret = stand.secret("native")
    return stand.load(Plan(port=port, connections=CONNECTIONS, seconds=seconds, secret=secret, rate=RATE, rep=rep))


def _call(rep: str) -> dict[str, object]:
    return {
        "id": f"probe-{uuid.uuid4().hex}",
        "type": "call.logged",
        "rep": rep,
        "occurred_at": datetime.now(UTC).isoformat(),
        "fields": {"direction": "outbound", "duration_seconds": 120},
    }


def _memory(stand: Stand) -> dict[str, float]:
    return {name: resident_megabytes(stand.pid(name)) for name in SERVICES}
