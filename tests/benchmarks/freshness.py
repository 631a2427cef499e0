"""How long after the webhook a number is readable in the API, at 500 events a second, and what memory that takes."""

from __future__ import annotations

import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import httpx
import yaml

from tests.benchmarks.report import Row, percentile
from tests.benchmarks.stand import Stand, resident_megabytes

RATE = 500
CONNECTIONS = 32
WANTED_MEDIAN_MS, WANTED_P99_MS = 150.0, 500.0
POLL_SECONDS = 0.005
DEADLINE_SECONDS = 10.0
SERVICES = ("ingest", "aggregator", "alerts", "api")


def run(stand: Stand, *, quick: bool) -> list[Row]:
    """All four services; a probe's own events are timed among the load, one after the other."""
    reps = [rep["id"] for rep in yaml.safe_load((stand.config / "people.yaml").read_text())["reps"]]
    ports = {name: stand.service(name) for name in SERVICES}
    time.sleep(2)  # at rest: nothing has happened yet
    resting = _memory(stand)
    seconds = 10.0 if quick else 40.0
    with ThreadPoolExecutor(1) as pool:
        load = pool.submit(_load, stand, ports["ingest"], seconds + 3, reps[1])
        with httpx.Client(trust_env=False, timeout=5) as http:
            times = _probe(http, stand, ports, rep=reps[0], seconds=seconds)
        busy = _memory(stand)
        load.result()
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
        *(
            Row(
                what=f"{name}, memory under load (baseline: at rest)",
                value=busy[name],
                unit="MiB",
                baseline=resting[name],
            )
            for name in SERVICES
        ),
    ]


def _load(stand: Stand, port: int, seconds: float, rep: str) -> str:
    return stand.run("load_client", str(port), str(CONNECTIONS), str(seconds), str(RATE), stand.secret("native"), rep)


def _probe(http: httpx.Client, stand: Stand, ports: dict[str, int], *, rep: str, seconds: float) -> list[float]:
    """Times from just before the POST to the first answer that has the event, one event after the other."""
    headers = {"Authorization": f"Bearer {stand.secret('native')}"}
    address = f"http://127.0.0.1:{ports['ingest']}/v1/webhooks/native"
    times = []
    value = _calls(http, ports["api"], rep)
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        started_at = time.perf_counter()
        http.post(address, json=_call(rep), headers=headers).raise_for_status()
        value = _when_more(http, ports["api"], rep, than=value)
        times.append(time.perf_counter() - started_at)
    return times


def _when_more(http: httpx.Client, port: int, rep: str, *, than: float) -> float:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while (value := _calls(http, port, rep)) <= than:
        if time.monotonic() > deadline:
            raise RuntimeError(f"an event was not readable within {DEADLINE_SECONDS} s")
        time.sleep(POLL_SECONDS)
    return value


def _calls(http: httpx.Client, port: int, rep: str) -> float:
    answer = http.get(f"http://127.0.0.1:{port}/v1/reps/{rep}/kpis", params={"kpi": "calls", "period": "day"})
    answer.raise_for_status()
    return float(answer.json()["readings"][0]["value"])


def _call(rep: str) -> dict[str, object]:
    return {
        "id": f"probe-{uuid.uuid4().hex}",
        "type": "call.logged",
        "rep": rep,
        "occurred_at": datetime.now(UTC).isoformat(),
        "fields": {"direction": "outbound", "duration_seconds": 120},
    }


def _memory(stand: Stand) -> dict[str, float]:
    return {name: resident_megabytes(stand.children[name].pid or 0) for name in SERVICES}
