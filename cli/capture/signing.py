"""Signs a captured body as its CRM would, with secrets that are no secrets: they stand in the file, for the test."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Callable
from typing import Any

from msgspec import Struct

from services.ingest.domain.delivery import Delivery
from services.ingest.domain.json_values import as_bytes
from services.ingest.domain.strict_json import one_object
from shared.domain.sources import OptionValue, Source

HOST = "https://ingest.example.com/v1/webhooks/"
SECRET = "captured-test-secret"  # noqa: S105 - no secret: it stands in the file
HEX_KEY = "70616365722d63617074757265642d746573742d6b6579"
WHSEC_KEY = b"pacer-captured-test-key-1234"
_ORGANIZATION = re.compile(rb"OrganizationId>\s*(\w{15,18})\s*<")
_KEPT_HEADERS = re.compile(rb"content-type|soapaction|x-ms-dynamics-(?:entity-name|request-name|msg-size-exceeded)")


class Signed(Struct, kw_only=True):
    """A request that can be replayed. ``secret`` and ``config`` as a case has them, the rest as a source does."""

    body: bytes
    headers: dict[str, str]
    secret: Any
    secrets: tuple[str, ...] = (SECRET,)
    url: str = ""
    config: dict[str, Any] = {}
    options: dict[str, OptionValue] = {}


def signed(taken: Delivery, body: bytes, source: Source, *, now_s: int) -> Signed:
    """The delivery with another body, another secret, and its signature of now. Raises: KeyError for a new provider."""
    headers = {
        name.decode("latin-1"): value.decode("latin-1")
        for name, value in taken.headers.items()
        if _KEPT_HEADERS.fullmatch(name)
    }
    request = Signed(body=body, headers=headers, secret=SECRET, url=HOST + source.provider.replace("_", "-"))
    _SIGNERS[source.provider](request, taken, now_s)
    if source.options.get("flow") is True:
        request.config, request.options = {"salesforce_flow": True}, {"flow": True}
    return request


def _hubspot(request: Signed, taken: Delivery, now_s: int) -> None:
    """In the version in which it came."""
    whole = taken.method.encode() + request.url.encode() + request.body
    if taken.header(b"x-hubspot-signature-v3") is not None:
        stamp = str(now_s * 1000)
        digest = hmac.digest(SECRET.encode(), whole + stamp.encode(), hashlib.sha256)
        request.headers["x-hubspot-request-timestamp"] = stamp
        request.headers["x-hubspot-signature-v3"] = base64.b64encode(digest).decode()
        return
    version = (taken.header(b"x-hubspot-signature-version") or b"v1").decode("latin-1").lower()
    option = "allow_workflow_v2" if version == "v2" else "allow_legacy_v1"
    request.config, request.options = {f"hubspot_{option}": True}, {option: True}
    said = SECRET.encode() + (whole if version == "v2" else request.body)
    request.headers["x-hubspot-signature-version"] = version
    request.headers["x-hubspot-signature"] = hashlib.sha256(said).hexdigest()


def _path_token(request: Signed, taken: Delivery, now_s: int) -> None:  # noqa: ARG001 - nothing is signed
    found = _ORGANIZATION.search(request.body)
    organizations = (found[1].decode(),) if found else ("00D000000000000",)
    request.secret = {"path_token": SECRET, "organization_ids": list(organizations)}
    request.options = {"organization_ids": organizations}
    request.url += f"/{SECRET}"


def _bearer(request: Signed, taken: Delivery, now_s: int) -> None:  # noqa: ARG001 - as above
    request.headers["authorization"] = f"Bearer {SECRET}"


def _basic(request: Signed, taken: Delivery, now_s: int) -> None:  # noqa: ARG001 - as above
    credentials = base64.b64encode(f"pacer:{SECRET}".encode()).decode()
    request.secret = {"http_auth_user": "pacer", "http_auth_password": SECRET}
    request.options = {"username": "pacer"}
    request.headers["authorization"] = f"Basic {credentials}"


def _close(request: Signed, taken: Delivery, now_s: int) -> None:  # noqa: ARG001 - only the body is signed
    request.secret, request.secrets = HEX_KEY, (HEX_KEY,)
    said = str(now_s).encode() + request.body
    request.headers["close-sig-timestamp"] = str(now_s)
    request.headers["close-sig-hash"] = hmac.digest(bytes.fromhex(HEX_KEY), said, hashlib.sha256).hex()


def _zoho(request: Signed, taken: Delivery, now_s: int) -> None:  # noqa: ARG001 - as above
    (element,) = one_object(request.body)
    if isinstance(element.value, dict):
        channel = str(element.value.get("channel_id") or "")
        request.body = as_bytes(element.value | {"token": SECRET})
        request.secret = {"channel_id": channel, "token": SECRET} if channel else {"token": SECRET}
        request.options = {"channel_ids": (channel,)} if channel else {}


def _dataverse(request: Signed, taken: Delivery, now_s: int) -> None:  # noqa: ARG001 - as above
    request.secret = {"code": SECRET}
    request.url += f"?code={SECRET}"


def _standard(request: Signed, taken: Delivery, now_s: int) -> None:
    request.secret = "whsec_" + base64.b64encode(WHSEC_KEY).decode()
    request.secrets = (request.secret,)
    named = taken.header(b"webhook-id") or taken.header(b"svix-id") or b""
    said = named + b"." + str(now_s).encode() + b"." + request.body
    signature = base64.b64encode(hmac.digest(WHSEC_KEY, said, hashlib.sha256)).decode()
    request.headers |= {
        "webhook-id": named.decode("latin-1"),
        "webhook-timestamp": str(now_s),
        "webhook-signature": f"v1,{signature}",
    }


_SIGNERS: dict[str, Callable[[Signed, Delivery, int], None]] = {
    "hubspot": _hubspot,
    "salesforce_outbound_message": _path_token,
    "salesforce_cdc": _bearer,
    "pipedrive": _basic,
    "close": _close,
    "zoho": _zoho,
    "dataverse": _dataverse,
    "zendesk_sell": _bearer,
    "cloudevents": _bearer,
    "standard_webhooks": _standard,
    "native": _bearer,
}
