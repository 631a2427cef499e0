from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest

from services.alerts.adapters.webhook_notifier import WebhookNotifier
from services.alerts.domain.notifications import Notification, NotifyReason, Outcome
from shared.domain.alerting import Receiver
from shared.domain.episodes import EpisodeState
from tests.support.alerts_fakes import SECRET, T0

NEWS = Notification(
    id="nt_1",
    state=EpisodeState.FIRING,
    reason=NotifyReason.FIRST,
    body="{}",
    episodes=("ep_1",),
    created_at=T0,
)
OPS = Receiver(id="ops", type="webhook", url="http://ops.example/hook", secret=SECRET)


async def outcome(answer: Callable[[httpx.Request], httpx.Response], receiver: Receiver = OPS) -> tuple[Outcome, str]:
    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as http:
        return await WebhookNotifier(http).deliver(receiver, NEWS, T0)


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (200, Outcome.DELIVERED),
        (204, Outcome.DELIVERED),
        (302, Outcome.REFUSED),
        (400, Outcome.REFUSED),
        (410, Outcome.REFUSED),
        (408, Outcome.UNREACHABLE),
        (429, Outcome.UNREACHABLE),
        (500, Outcome.UNREACHABLE),
        (503, Outcome.UNREACHABLE),
    ],
)
async def test_what_an_answer_means(status: int, expected: Outcome) -> None:
    assert await outcome(lambda _: httpx.Response(status)) == (expected, f"status_{status}")


async def test_no_answer_is_worth_another_try() -> None:
    def time_out(_: httpx.Request) -> httpx.Response:
        raise httpx.ReadTimeout("too slow")

    assert await outcome(time_out) == (Outcome.UNREACHABLE, "ReadTimeout")


async def test_the_id_of_the_notification_is_the_webhooks() -> None:
    seen: list[str] = []

    def note(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers["webhook-id"])
        return httpx.Response(204)

    await outcome(note)
    assert seen == ["nt_1"]


async def test_an_address_that_is_none_is_no_crash() -> None:
    broken = Receiver(id="ops", type="webhook", url="ops.example", secret=SECRET)
    async with httpx.AsyncClient(trust_env=False) as http:
        assert await WebhookNotifier(http).deliver(broken, NEWS, T0) == (Outcome.REFUSED, "unusable_url")


async def test_a_secret_that_is_none_is_no_crash() -> None:
    broken = Receiver(id="ops", type="webhook", url=OPS.url, secret="whsec_no base64!")
    assert await outcome(lambda _: httpx.Response(204), broken) == (Outcome.REFUSED, "unusable_secret")
