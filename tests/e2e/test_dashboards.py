"""Every panel's and every rule's query, run on a real Prometheus that scrapes the running stack."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from tests.support.eventually import eventually
from tests.support.sales_story import CONFIGURATION, Story, utc_now
from tests.support.stack import Stack, free_ports
from tests.support.webhook_receiver import SECRET

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
VARIABLES = {
    "$tenant": "shop",
    "$kpi": "calls",
    "$period": "day",
    "$team": ".+",
    "$__rate_interval": "10s",
}
TARGETS = [{"kpi": "calls", "period": "day", "for": "all", "value": 40}]
ALERTS = {
    "receivers": [
        {"id": "ops", "type": "webhook", "url": "http://127.0.0.1:9/nobody-listens", "secret": {"env": "OPS_SECRET"}}
    ],
    "routes": [{"receivers": ["ops"]}],
    "rules": [{"id": "behind", "kpi": "calls", "period": "day", "for_each": "rep", "when": {"pace_below": 0.8}}],
}


@pytest.fixture
async def prometheus(tmp_path: Path) -> AsyncIterator[str]:
    """A Prometheus that scrapes a stack through which a story went; its address."""
    if shutil.which("prometheus") is None:
        assert os.environ.get("CI") != "true", "CI needs prometheus (Debian package of that name)"
        pytest.skip("prometheus is not installed")
    around_the_clock = dict.fromkeys(("mon", "tue", "wed", "thu", "fri", "sat", "sun"), "00:00-24:00")
    configuration = CONFIGURATION | {
        "tenant": CONFIGURATION["tenant"] | {"calendar": {"working_hours": around_the_clock}},
        "targets": {"targets": TARGETS},
        "alerts": ALERTS,
    }
    async with Stack(tmp_path, configuration, OPS_SECRET=SECRET) as stack:
        story = Story(seed=3, now=utc_now(), records=30)
        assert (await stack.native(story.native)).status_code == 202
        assert (await stack.hubspot(story.hubspot[:100])).status_code == 202
        (port,) = free_ports(1)
        config = tmp_path / "prometheus.yml"
        config.write_text(yaml.safe_dump(scraping(stack)))
        process = subprocess.Popen(  # noqa: ASYNC220 - starting a child takes a moment only
            ["prometheus", f"--config.file={config}", f"--storage.tsdb.path={tmp_path / 'tsdb'}",
             f"--web.listen-address=127.0.0.1:{port}", "--log.level=error"],
        )  # fmt: skip
        try:
            url = f"http://127.0.0.1:{port}"
            await eventually(lambda: scraped_twice(url), within_seconds=60, every_seconds=0.5)
            yield url
        finally:
            process.terminate()
            await asyncio.to_thread(process.wait, 20)


def scraping(stack: Stack) -> dict[str, Any]:
    jobs = [{"targets": [f"127.0.0.1:{port}"], "labels": {"service": name}} for name, port in stack.ports.items()]
    return {"global": {"scrape_interval": "2s"}, "scrape_configs": [{"job_name": "pacer", "static_configs": jobs}]}


async def scraped_twice(url: str) -> bool:
    """Rates need two samples of the slowest target, and the KPIs' series have to be there."""
    found = await asked(url, 'min(count_over_time(up{job="pacer"}[1m])) >= 3 and count(pacer_kpi_expected) > 0')
    return bool(found)


async def asked(url: str, query: str) -> list[Any]:
    async with httpx.AsyncClient() as http:
        answer = await http.get(f"{url}/api/v1/query", params={"query": query})
    body = answer.json()
    assert body["status"] == "success", f"{query}: {body.get('error')}"
    result: list[Any] = body["data"]["result"]
    return result


def panel_queries() -> Iterator[tuple[str, str]]:
    for path in sorted((ROOT / "deploy/grafana/dashboards").glob("*.json")):
        board = json.loads(path.read_text())
        for panel in board["panels"]:
            for target in panel["targets"]:
                yield f"{path.stem}: {panel['title']}", with_variables(target["expr"])


def with_variables(query: str) -> str:
    for name, value in VARIABLES.items():
        query = query.replace(name, value)
    assert "$" not in query, query
    return query


def rule_metrics() -> set[str]:
    rules = yaml.safe_load((ROOT / "deploy/prometheus/rules.yml").read_text())
    expressions = " ".join(rule["expr"] for group in rules["groups"] for rule in group["rules"])
    return set(re.findall(r"\b(?:[a-z]+_)+(?:total|bucket|messages|valid|up)\b", expressions)) | {"up"}


async def test_every_panel_and_every_rule_finds_its_series(prometheus: str) -> None:
    silent = [title for title, query in panel_queries() if not await asked(prometheus, query)]
    assert not silent
    assert not [metric for metric in rule_metrics() if not await asked(prometheus, metric)]
