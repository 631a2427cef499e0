"""Posts notifications to signed webhooks."""

from __future__ import annotations

import httpx

from services.alerts.adapters.standard_webhooks import signed_headers
from services.alerts.domain.notifications import Notification, Outcome
from shared.domain.alerting import Receiver
from shared.domain.instants import Micros

WEBHOOK = "webhook"
BUSY = frozenset({408, 425, 429})
"""Refusals that mean "not now"."""


class WebhookNotifier:
    """See the port. Redirects are not followed: the receiver's address is what was configured."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http

    async def deliver(self, receiver: Receiver, notification: Notification, now: Micros) -> tuple[Outcome, str]:
        """See the port."""
        if receiver.type != WEBHOOK:
            return Outcome.REFUSED, f"unknown_type_{receiver.type}"
        body = notification.body.encode()
        try:
            headers = signed_headers(receiver.secret, message_id=notification.id, body=body, now=now)
        except ValueError:
            return Outcome.REFUSED, "unusable_secret"
        headers["content-type"] = "application/json"
        try:
            answer = await self._http.post(receiver.url, content=body, headers=headers)
        except (httpx.InvalidURL, httpx.UnsupportedProtocol):
            return Outcome.REFUSED, "unusable_url"
        except httpx.HTTPError as error:
            return Outcome.UNREACHABLE, type(error).__name__
        return _outcome(answer.status_code), f"status_{answer.status_code}"


def _outcome(status: int) -> Outcome:
    if 200 <= status < 300:
        return Outcome.DELIVERED
    return Outcome.UNREACHABLE if status >= 500 or status in BUSY else Outcome.REFUSED
