"""Recorded requests for a process that is only known from outside: its configuration file, and what goes over HTTP.

Whoever looks at the collection from inside uses ``request_cases``. Nothing of ours is imported here.
"""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

REQUESTS = Path(__file__).resolve().parents[3] / "shared" / "vectors" / "requests.json"
_PROVIDERS = {"salesforce_cdc_relay": "salesforce_cdc", "zendesk_sell_relay": "zendesk_sell"}
_OPTIONS = {
    "hubspot_allow_legacy_v1": "allow_legacy_v1",
    "hubspot_allow_workflow_v2": "allow_workflow_v2",
    "cloudevents_allowed_origins": "allowed_origins",
    "close_tolerance_s": "tolerance",
}
Case = dict[str, Any]


def recorded() -> list[Case]:
    """Every case, those of a group in their order; none where the collection is absent."""
    cases: list[Case] = json.loads(REQUESTS.read_text()) if REQUESTS.is_file() else []
    return sorted(cases, key=lambda case: (case.get("group", ""), case.get("step", 0)))


class Addresses:
    """A source for every provider, secret and setting that the cases assume, as ``sources.yaml`` has them."""

    def __init__(self, cases: list[Case]) -> None:
        self.sources: list[dict[str, Any]] = []
        self.secrets: dict[str, str] = {}
        self._known: dict[str, str] = {}
        for case in cases:
            self.source(case)

    def path(self, case: Case) -> str:
        """Where a case goes, path token and query included."""
        url = urlsplit(case["url"])
        token = url.path.rpartition("/")[2] if case["crm"] == "salesforce_outbound_message" else ""
        path = f"/v1/webhooks/{self.source(case)}" + (f"/{token}" if token else "")
        return path + (f"?{url.query}" if url.query else "")

    def provider(self, case: Case) -> str:
        return _PROVIDERS.get(case["crm"], case["crm"])

    def source(self, case: Case) -> str:
        """The source that a case is sent to."""
        secret, options = _credentials(case["secret"])
        limits = {}
        for name, value in case.get("config", {}).items():
            if name == "max_batch_events":
                limits["max_batch"] = value
            else:
                options[_OPTIONS[name]] = f"{value}s" if name.endswith("_s") else value
        url = case["url"].partition("?")[0]
        if case["crm"] == "salesforce_outbound_message":
            url = url.rpartition("/")[0]
        described = {"provider": self.provider(case), "public_url": url, "options": options, "limits": limits}
        key = json.dumps([described, secret], sort_keys=True)
        if key not in self._known:
            number = len(self.sources)
            self._known[key] = f"s{number}-{described['provider'].replace('_', '-')}"
            self.secrets[f"RECORDED_{number}"] = secret
            self.sources.append({"id": self._known[key], "secrets": [{"env": f"RECORDED_{number}"}], **described})
        return self._known[key]


def _credentials(secret: Any) -> tuple[str, dict[str, Any]]:
    """The secret itself, and what of a credential of several parts is an option."""
    if isinstance(secret, str):
        return secret, {}
    parts = dict(secret)
    options = {
        ours: [parts.pop(theirs)] if ours == "channel_ids" else parts.pop(theirs)
        for theirs, ours in (
            ("http_auth_user", "username"),
            ("organization_ids", "organization_ids"),
            ("channel_id", "channel_ids"),
        )
        if theirs in parts
    }
    (value,) = parts.values()
    return value, options


def body_of(case: Case) -> bytes:
    """The bytes of the body."""
    return base64.b64decode(case["body"]) if case["body_encoding"] == "base64" else case["body"].encode()


def headers_of(case: Case) -> list[tuple[bytes, bytes]]:
    """As they go over the wire: values of one byte a character."""
    return [(name.encode(), value.encode("latin-1")) for name, value in case["headers"].items()]


def wrong_answer(case: Case, code: int) -> str | None:
    """What is wrong with an answer's code; success is finer with us, and a refusal's code is the sender's rule."""
    expected = case["expect"]
    wanted = expected.get("acceptable_status_classes", [expected["status_class"]])
    if f"{code // 100}xx" not in wanted:
        return f"{case['crm']} {case['name']}: {code}, not {wanted}"
    if code >= 400 and "acceptable_status_classes" not in expected and code != expected["status_hint"]:
        return f"{case['crm']} {case['name']}: {code}, not {expected['status_hint']}"
    return None
