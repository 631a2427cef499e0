"""From the door to the disk: what is spooled can be read without a key, and holds no credential."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import httpx
from prometheus_client import CollectorRegistry

from services.ingest.adapters.spool_cipher import Keyring
from services.ingest.adapters.spool_directory import SpoolDirectory
from services.ingest.metrics import IngestMetrics
from services.ingest.spooling import SpoolingLog
from services.ingest.wiring import build_ingest
from shared.domain.sources import Source
from tests.support.fake_log import FakeKept
from tests.support.fake_spool import FakeMessageLog
from tests.support.ingest_app import configure
from tests.support.manual_clock import ManualClock

PASSWORD = "a-password-of-pipedrive"


def deal(**meta: object) -> bytes:
    named = {"action": "create", "entity": "deal", "company_id": "80", "entity_id": "8", "id": "m-1"}
    stamp = {"timestamp": "2026-11-23T09:30:00.000Z", "version": "2.0"}
    data = {"id": 8, "title": "Acme", "value": 100, "currency": "EUR", "status": "open", "stage_id": 2}
    return json.dumps({"data": data, "previous": None, "meta": named | stamp | meta}).encode()


def on_disk(directory: Path) -> bytes:
    return b"".join(path.read_bytes() for path in directory.glob("*/*.seg"))


async def test_no_credential_lies_on_the_disk(tmp_path: Path) -> None:
    clock, registry, log = ManualClock(), CollectorRegistry(), FakeMessageLog()
    metrics = IngestMetrics(registry)
    log.away = True
    spool = SpoolDirectory(tmp_path, Keyring(()), max_bytes=10**7, clock=clock, metrics=metrics.spool)
    spooling = SpoolingLog(log, spool, metrics.spool)
    ingest = build_ingest(spooling, FakeKept(), clock, registry=registry, metrics=metrics)
    configure(ingest, Source(id="pipes", tenant="acme", provider="pipedrive", secrets=(PASSWORD,), spool=True))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(ingest.app), base_url="http://ingest") as http:
        for body in (deal(), deal(id="m-2", entity="unheard-of", webhook_secret=PASSWORD)):
            address = f"/v1/webhooks/pipes?access_token={PASSWORD}"
            headers = {"Content-Type": "application/json"}
            answer = await http.post(address, content=body, headers=headers, auth=("pacer", PASSWORD))
            assert answer.status_code == 202, answer.text
    assert spool.held.deliveries == 2
    await spool.close()
    written = on_disk(tmp_path)
    assert b"acme/pipes/deal/8" in written and b"unheard-of" in written
    assert PASSWORD.encode() not in written
    assert base64.b64encode(f"pacer:{PASSWORD}".encode()) not in written
