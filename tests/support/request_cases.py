"""Recorded and published webhook requests, where the collection of them lies beside the project."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import httpx
from prometheus_client import CollectorRegistry

from services.ingest.wiring import Ingest, build_ingest
from shared.domain.instants import SECOND_US
from shared.domain.sources import Limits, Source
from tests.support.fake_log import FakeKept, FakeLog
from tests.support.manual_clock import ManualClock

REQUESTS = Path(__file__).resolve().parents[3] / "shared" / "vectors" / "requests.json"
PROVIDERS = {"salesforce_cdc_relay": "salesforce_cdc", "zendesk_sell_relay": "zendesk_sell"}
OPTIONS = {
    "hubspot_allow_legacy_v1": "allow_legacy_v1",
    "hubspot_allow_workflow_v2": "allow_workflow_v2",
    "cloudevents_allowed_origins": "allowed_origins",
    "close_tolerance_s": "tolerance",
    "salesforce_flow": "flow",
}
SECRETS = {"path_token", "http_auth_password", "token", "code"}
"""Which part of a credential of several parts is the secret; the others are options."""
CREDENTIAL_OPTIONS = {"organization_ids": "organization_ids", "http_auth_user": "username", "channel_id": "channel_ids"}
Case = dict[str, Any]


def provider_of(case: Case) -> str:
    """The provider as sources.yaml names it."""
    return PROVIDERS.get(case["crm"], case["crm"])


def cases(*providers: str) -> list[Case]:
    """All single cases of these providers, or of all; none where the collection is not there."""
    return [case for case in _all() if "group" not in case and (not providers or provider_of(case) in providers)]


def groups(*providers: str) -> list[list[Case]]:
    """Cases that are sent in order to one store."""
    found: dict[str, list[Case]] = {}
    for case in _all():
        if "group" in case and (not providers or provider_of(case) in providers):
            found.setdefault(case["group"], []).append(case)
    return [sorted(steps, key=lambda case: case["step"]) for steps in found.values()]


def _all() -> list[Case]:
    return json.loads(REQUESTS.read_text()) if REQUESTS.is_file() else []


def name_of(case: Case | list[Case]) -> str:
    """For the report of a test."""
    return str(case[0]["group"] if isinstance(case, list) else f"{case['crm']}-{case['name']}")


def source_of(case: Case) -> Source:
    """The source that a case assumes."""
    secrets, options = _credentials(case["secret"])
    config = dict(case.get("config", {}))
    limits = Limits(max_batch=config.pop("max_batch_events", 1000))
    stages = {name: frozenset(config.pop(name, ())) for name in ("won_stages", "lost_stages")}
    options |= {OPTIONS[name]: _option(name, value) for name, value in config.items()}
    return Source(
        id=provider_of(case).replace("_", "-"),
        tenant="acme",
        provider=provider_of(case),
        secrets=secrets,
        public_url=_public_url(case),
        limits=limits,
        options=options,
        **stages,
    )


def _public_url(case: Case) -> str:
    url = str(case["url"]).partition("?")[0]
    return url.rpartition("/")[0] if _path_token(case) else url


def _path_token(case: Case) -> str:
    """The path's last segment where the provider takes a token there, right or wrong."""
    return str(case["url"]).rpartition("/")[2] if provider_of(case) == "salesforce_outbound_message" else ""


def _option(name: str, value: Any) -> Any:
    if name == "close_tolerance_s":
        return value * SECOND_US
    return tuple(value) if isinstance(value, list) else value


def _credentials(secret: Any) -> tuple[tuple[str, ...], dict[str, Any]]:
    if isinstance(secret, str):
        return (secret,), {}
    options: dict[str, Any] = {}
    for name, value in secret.items():
        option = CREDENTIAL_OPTIONS.get(name)
        if option is not None:
            options[option] = tuple(value) if isinstance(value, list) else value
    if "channel_ids" in options:
        options["channel_ids"] = (options["channel_ids"],)
    return tuple(value for name, value in secret.items() if name in SECRETS), options


def body_of(case: Case) -> bytes:
    """The bytes of the body."""
    return base64.b64decode(case["body"]) if case["body_encoding"] == "base64" else case["body"].encode()


class Replay:
    """An ingest of its own for a case, or for the steps of a group."""

    def __init__(self) -> None:
        self.log = FakeLog()
        self._clock = ManualClock()
        self._ingest: Ingest = build_ingest(self.log, FakeKept(), self._clock, registry=CollectorRegistry())

    async def send(self, case: Case) -> httpx.Response:
        """Sends it with the clock at the case's time."""
        source = source_of(case)
        self._clock.set(case["now"] * SECOND_US)
        self._ingest.intake.configure({source.id: source})
        token, query = _path_token(case), str(case["url"]).partition("?")[2]
        address = f"http://ingest/v1/webhooks/{source.id}" + (f"/{token}" if token else "")
        headers = {name: value.encode("latin-1") for name, value in case["headers"].items()}
        async with httpx.AsyncClient(transport=httpx.ASGITransport(self._ingest.app)) as http:
            url = address + (f"?{query}" if query else "")
            return await http.request(case["method"], url, content=body_of(case), headers=headers)


def answers_as_expected(case: Case, answer: httpx.Response) -> None:
    """Asserts the class of the answer, and the code of a refusal. Ours are finer where the case takes several."""
    wanted = case["expect"].get("acceptable_status_classes", [case["expect"]["status_class"]])
    assert f"{answer.status_code // 100}xx" in wanted, answer.text
    if answer.status_code >= 400 and "acceptable_status_classes" not in case["expect"]:
        assert answer.status_code == case["expect"]["status_hint"], answer.text
