"""What the demo prepares and shows."""

from __future__ import annotations

import json
import socket

import httpx
import pytest

from cli.alert_receiver import AlertReceiver, first_shortfall
from cli.demo import demo_environment
from tests.support.eventually import eventually

FIRING = {
    "state": "firing",
    "alerts": [
        {
            "rule": "calls-behind",
            "severity": "warning",
            "subject": {"rep": "ana", "name": "Ana Ruiz"},
            "reason": "pace 0.62 is below 0.8",
        }
    ],
}


def test_alert_urls_point_at_the_demo_itself() -> None:
    assert demo_environment(["ACME_OPS_URL"], "http://127.0.0.1:1/")["ACME_OPS_URL"] == "http://127.0.0.1:1/"


def test_each_secret_is_a_fresh_one() -> None:
    made = demo_environment(["A", "B"], "http://127.0.0.1:1/")
    assert made["A"] != made["B"]
    assert made["A"].startswith("whsec_")


def test_a_shortfall_says_who_and_why() -> None:
    assert first_shortfall(json.dumps(FIRING).encode()) == "Ana Ruiz: pace 0.62 is below 0.8 (calls-behind, warning)"


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"state": "resolved", "alerts": []}', b'{"alerts": [7]}'])
def test_what_is_no_shortfall_shows_nothing(body: bytes) -> None:
    assert first_shortfall(body) is None


def test_a_celebration_is_no_shortfall() -> None:
    body = {**FIRING, "alerts": [{**FIRING["alerts"][0], "severity": "info"}]}  # type: ignore[dict-item]
    assert first_shortfall(json.dumps(body).encode()) is None


async def test_the_receiver_accepts_each_and_shows_the_first() -> None:
    shown: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:
        async with AlertReceiver(listening, shown.append).serving(), httpx.AsyncClient() as http:
            url = f"http://127.0.0.1:{listening.getsockname()[1]}/alerts"
            answers = [await http.post(url, json=FIRING) for _ in range(2)]
            await eventually(lambda: len(shown), equals=1)
    assert [answer.status_code for answer in answers] == [204, 204]
