"""Who sent a request: its key from the header or the board's cookie, and whether it comes from this machine."""

from __future__ import annotations

import ipaddress
from typing import Annotated

from fastapi import Depends, Query, Request

from services.api.domain.identification import Caller, identify
from services.api.domain.viewers import Viewer
from services.api.ports import Configured

COOKIE = "pacer_key"


def bearer(request: Request) -> str | None:
    """The key of the Authorization header, else the session's cookie: EventSource cannot set a header."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token.strip():
        return token.strip()
    return request.cookies.get(COOKIE) or None


def is_local(request: Request) -> bool:
    """Sent from this machine, to a name of this machine: a foreign page that rebinds its own name is not."""
    return request.client is not None and _loopback(request.client.host) and _loopback(request.url.hostname or "")


def _loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def identified(
    request: Request,
    tenant: Annotated[str | None, Query(description="needed where there are several and no key decides")] = None,
) -> Viewer:
    """The viewer of a request. Raises: Refusal."""
    configured: Configured = request.app.state.parts.configured
    caller = Caller(token=bearer(request), local=is_local(request), tenant=tenant)
    return identify(caller, configured.deployment.keys, configured.deployment.tenants)


Asker = Annotated[Viewer, Depends(identified)]
"""A route's parameter that refuses whoever may not ask."""
