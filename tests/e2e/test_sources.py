"""`pacer sources --test` against a running `pacer up` with a source of every provider."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.stack import PUBLIC_URL, Stack

pytestmark = pytest.mark.slow

TOKEN = "a-token-of-this-test"
SECRETS = {
    "TEST_SHARED": TOKEN,
    "TEST_HEX": "c0ffee00" * 8,
    "TEST_SIGNING": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
}
OF_THEIR_OWN = {"close": "TEST_HEX", "standard_webhooks": "TEST_SIGNING"}
OTHERS: dict[str, dict[str, Any]] = {
    "hubspot": {"public_url": PUBLIC_URL},
    "salesforce_outbound_message": {"options": {"organization_ids": ["00D1I000003qqqEUAQ"]}},
}
PROVIDERS = (
    *("native", "hubspot", "salesforce_outbound_message", "salesforce_cdc", "pipedrive", "close"),
    *("zoho", "dataverse", "zendesk_sell", "cloudevents", "standard_webhooks"),
)


def source(provider: str) -> dict[str, Any]:
    secret = {"env": OF_THEIR_OWN.get(provider, "TEST_SHARED")}
    return {"id": provider.replace("_", "-"), "provider": provider, "secrets": [secret]} | OTHERS.get(provider, {})


CONFIGURATION: dict[str, Any] = {
    "tenant": {"tenant": "shop", "name": "Shop", "time_zone": "UTC", "currency": "EUR"},
    "sources": {"sources": [source(provider) for provider in PROVIDERS]},
    "people": {"teams": [{"id": "floor", "name": "Floor"}], "reps": [{"id": "ana", "name": "Ana", "teams": ["floor"]}]},
    "kpis": {
        "kpis": [
            {"id": "calls", "name": "Calls", "type": "leading", "unit": "count", "aggregate": "count"}
            | {"facts": ["call.logged"], "periods": ["day"]}
        ]
    },
}


@pytest.fixture
async def stack(tmp_path: Path) -> AsyncIterator[Stack]:
    async with Stack(tmp_path, CONFIGURATION, **SECRETS) as running:
        yield running


async def findings(stack: Stack, **environment: str) -> tuple[int, str]:
    """The exit status and all that the command printed."""
    command = [sys.executable, "-m", "cli.main", "sources", "--test", "--data", str(stack.data)]
    variables = {**os.environ, **SECRETS, **environment}
    done = await asyncio.to_thread(
        subprocess.run, command, capture_output=True, text=True, check=False, timeout=90, env=variables
    )
    return done.returncode, done.stdout + done.stderr


async def test_every_source_is_found_right_and_nothing_of_it_is_kept(stack: Stack) -> None:
    code, output = await findings(stack)
    assert (code, output.count("test        ok (20")) == (0, len(PROVIDERS)), output
    assert not any(secret in output for secret in SECRETS.values())
    metrics = (await stack.http.get(stack.url("ingest", "/metrics"))).text
    kept = [line for line in metrics.splitlines() if line.startswith("ingest_events_total{")]
    assert not [line for line in kept if "ignored" not in line and not line.endswith(" 0.0")]
    assert (await stack.get("/v1/quarantine"))["entries"] == []


async def test_another_secret_is_named_and_no_secret_is(stack: Stack) -> None:
    code, output = await findings(stack, TEST_SHARED="another-token")
    wrong = len(PROVIDERS) - len(OF_THEIR_OWN)
    assert (code, output.count("test        40")) == (1, wrong), output
    assert output.count("test        ok (20") == len(OF_THEIR_OWN)
    assert "another-token" not in output and TOKEN not in output
