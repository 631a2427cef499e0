"""Where the running ingest answers, and what its metrics say of each source."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from urllib.parse import urlsplit

import httpx
from prometheus_client.parser import text_string_to_metric_families

from cli.deployment import DeploymentUnclear
from cli.up.data_directory import read_deployment
from shared.domain.instants import SECOND_US, text

INGEST_LABEL = "ingest"
TAKEN = "accepted"
NO_STATE = "unknown: give --ingest URL or --data DIR"


def find_ingest(data: Path | None, url: str | None) -> str | None:
    """Its address without a slash at the end; None where nobody says. Raises: DeploymentUnclear, NothingRunning."""
    if url is not None:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.path.strip("/"):
            raise DeploymentUnclear("--ingest is an address without a path, such as http://127.0.0.1:8081")
        return url.rstrip("/")
    if data is None:
        return None
    return f"http://127.0.0.1:{read_deployment(data).ports[INGEST_LABEL]}"


async def states_of(http: httpx.AsyncClient, ingest: str) -> dict[str, str]:
    """What has become of each source's deliveries since the process began; nothing where its metrics are not read."""
    try:
        answer = await http.get(f"{ingest}/metrics")
    except httpx.TransportError:
        return {}
    return states(answer.text) if answer.status_code == httpx.codes.OK else {}


def states(exposition: str) -> dict[str, str]:
    """By source: events by what became of them, refusals by reason, and when the last event came."""
    events: dict[str, list[str]] = defaultdict(list)
    refused: dict[str, list[str]] = defaultdict(list)
    last: dict[str, str] = {}
    for family in text_string_to_metric_families(exposition):
        for name, labels, value, *_ in family.samples:
            source = labels.get("source", "")
            if not value or not source:
                continue
            if name == "ingest_events_total":
                events[source].append(f"{value:.0f} {labels['outcome']}")
            elif name == "ingest_deliveries_total" and labels["outcome"] != TAKEN:
                refused[source].append(f"{value:.0f} {labels['reason']}")
            elif name == "source_last_event_timestamp_seconds":
                last[source] = text(int(value) * SECOND_US)
    return {source: _state(source, events, refused, last) for source in {*events, *refused, *last}}


def _state(source: str, events: dict[str, list[str]], refused: dict[str, list[str]], last: dict[str, str]) -> str:
    parts = [f"events {', '.join(sorted(events[source]))}"] if events.get(source) else []
    parts += [f"refused deliveries {', '.join(sorted(refused[source]))}"] if refused.get(source) else []
    parts += [f"last event {last[source]}"] if source in last else []
    return "; ".join(parts)
