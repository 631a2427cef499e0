"""A thin webhook, the CRM's API, and the log: by the service as a process, over its death and the API's."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from shared.contracts.messages import decode_change
from shared.contracts.topics import CRM_EVENTS
from shared.domain.changes import RecordChange
from tests.support.crm_sender import HUBSPOT_SECRET, HUBSPOT_URL, hubspot_event, v3_signature
from tests.support.eventually import eventually
from tests.support.fake_crm_api import CrmApiServer, Reply, crm_api
from tests.support.kafka_reader import read_all
from tests.support.processes import PROJECT, Processes, Running

__all__ = ["crm_api"]
TOKEN = "pat-na1-of-the-test"
CALL = "/crm/v3/objects/calls/"
SOURCES = """
sources:
  - id: {source}
    provider: hubspot
    public_url: {url}
    secrets: [{{env: ENRICHMENT_TEST_SECRET}}]
    enrich: {{token: {{file: {token}}}, base_url: "{api}", requests_per_second: 50}}
"""
LATER_MS = 1795426200000


def call(record: str) -> dict[str, Any]:
    properties = {"hs_call_duration": "65000", "hs_call_direction": "OUTBOUND", "hubspot_owner_id": "77"}
    return {"id": record, "properties": properties, "updatedAt": "2026-11-23T09:30:00.000Z"}


class Floor:
    """An ingest that asks the fake API."""

    def __init__(self, processes: Processes, directory: Path, *, bootstrap: str, port: int, api: str) -> None:
        self.source = f"enriched-{port}"
        self.token = directory / "token"
        self.token.write_text(TOKEN)
        self.bootstrap = bootstrap
        self._processes = processes
        self._directory = directory / "acme"
        self._port = port
        self._directory.mkdir()
        for name in ("tenant.yaml", "kpis.yaml"):
            shutil.copy(PROJECT / "config" / "acme" / name, self._directory)
        people = "teams: [{id: emea, name: EMEA}]\nreps: [{id: ana, name: Ana, teams: [emea]}]\n"
        (self._directory / "people.yaml").write_text(people)
        sources = SOURCES.format(source=self.source, url=HUBSPOT_URL, token=self.token, api=api)
        (self._directory / "sources.yaml").write_text(sources)
        self.process: Running

    async def start(self) -> None:
        environment = {
            "PACER_CONFIG_DIR": str(self._directory),
            "PACER_KAFKA__BOOTSTRAP_SERVERS": self.bootstrap,
            "PACER_HTTP__PORT": str(self._port),
            "ENRICHMENT_TEST_SECRET": HUBSPOT_SECRET,
        }
        self.process = self._processes.start("services.ingest", env=environment)
        await eventually(lambda: self.get("/readyz").status_code, equals=200, within_seconds=40)

    def get(self, path: str) -> httpx.Response:
        return httpx.get(f"http://127.0.0.1:{self._port}{path}", timeout=10)

    def created(self, *records: str) -> None:
        """Calls are created; HubSpot says no more than that."""
        now_ms = int(time.time() * 1000)
        events = [
            hubspot_event("object.creation", objectTypeId="0-48", objectId=int(record), occurredAt=now_ms - 1000)
            for record in records
        ]
        body = json.dumps(events).encode()
        stamp = str(now_ms)
        headers = {
            "Content-Type": "application/json",
            "X-HubSpot-Request-Timestamp": stamp,
            "X-HubSpot-Signature-v3": v3_signature(HUBSPOT_SECRET, url=HUBSPOT_URL, body=body, stamp=stamp),
        }
        address = f"http://127.0.0.1:{self._port}/v1/webhooks/{self.source}"
        answer = httpx.post(address, content=body, headers=headers, timeout=10)
        assert answer.json()["accepted"] == len(records), answer.text

    def enriched(self, *records: str, within_seconds: float = 40) -> list[RecordChange]:
        """What the API's answers became, once there is something of each of these records."""

        def of(messages: list[Any]) -> list[RecordChange]:
            changes = (decode_change(message.value()) for message in messages)
            return [one for one in changes if one.source == self.source and one.delivery == "enrichment"]

        found = read_all(
            self.bootstrap,
            CRM_EVENTS,
            until=lambda messages: set(records) <= {one.record for one in of(messages)},
            within_seconds=within_seconds,
        )
        return of(found)

    def metric(self, line: str) -> float:
        found = [one for one in self.get("/metrics").text.splitlines() if one.startswith(line)]
        return float(found[0].rpartition(" ")[2]) if found else -1.0


@pytest.fixture(params=["embedded", pytest.param("real", marks=[pytest.mark.kafka, pytest.mark.slow])])
def bootstrap(request: pytest.FixtureRequest) -> str:
    if request.param == "embedded":
        return str(request.getfixturevalue("embedded_kafka"))
    return str(request.getfixturevalue("kafka").bootstrap)


@pytest.fixture
async def floor(processes: Processes, tmp_path: Path, bootstrap: str, free_port: int, crm_api: CrmApiServer) -> Floor:
    crm_api.token = ("authorization", f"Bearer {TOKEN}")
    built = Floor(processes, tmp_path, bootstrap=bootstrap, port=free_port, api=crm_api.url)
    await built.start()
    return built


async def test_what_a_webhook_left_out_is_on_the_log_moments_later(floor: Floor, crm_api: CrmApiServer) -> None:
    crm_api.says(CALL + "51", Reply(429, headers={"Retry-After": "1"}), call("51"))
    crm_api.says(CALL + "52", Reply(500), call("52"))
    floor.created("50", "51", "52")
    found = {one.record: one for one in floor.enriched("51", "52")}
    assert found.keys() == {"51", "52"}
    assert (found["51"].owner, found["51"].fields["duration_seconds"]) == ("77", "65")
    assert TOKEN not in floor.process.output
    for outcome, count in (("gone", 1.0), ("enriched", 2.0)):
        line = f'ingest_enrichments_total{{outcome="{outcome}",source="{floor.source}"}}'
        await eventually(lambda line=line: floor.metric(line), equals=count)


async def test_what_was_asked_outlives_the_ingest_that_began_it(floor: Floor, crm_api: CrmApiServer) -> None:
    crm_api.says(CALL + "61", Reply(503))
    floor.created("61")
    await eventually(lambda: crm_api.asked, within_seconds=30)
    floor.process.kill()
    crm_api.says(CALL + "61", call("61"))
    await floor.start()
    assert {one.event for one in floor.enriched("61")} == {floor.enriched("61")[0].event}


async def test_a_token_that_is_mended_in_its_file_needs_no_restart(floor: Floor, crm_api: CrmApiServer) -> None:
    crm_api.token = ("authorization", "Bearer mended")
    crm_api.says(CALL + "71", call("71"))
    floor.created("71")
    line = f'ingest_enrichment_waits_total{{reason="token_refused",source="{floor.source}"}}'
    await eventually(lambda: floor.metric(line) >= 1, within_seconds=30)
    assert '"reason": "token_refused"' in floor.process.output or '"reason":"token_refused"' in floor.process.output
    floor.token.write_text("mended")
    assert floor.enriched("71", within_seconds=90)
