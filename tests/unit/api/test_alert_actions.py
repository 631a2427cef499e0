import pytest

from services.api.adapters.http.app import create_app
from tests.support.api_parts import FixedConfiguration, KnownEpisodes, local_client, parts
from tests.unit.api.test_overview import ACME, DONE, FIRING


@pytest.mark.parametrize(
    ("action", "body", "field", "value"),
    [
        ("acknowledge", {}, "acknowledged_by", "local"),
        ("snooze", {"for": "2h"}, "snoozed_until", "2026-11-23T13:00:00Z"),
        ("snooze", {"until": "next_working_morning"}, "snoozed_until", "2026-11-24T08:00:00Z"),
        ("assign", {"to": "bea"}, "assigned_to", "bea"),
        ("resolve", {"reason": "holiday"}, "state", "resolved"),
    ],
)
async def test_an_action_answers_the_episode(action: str, body: dict[str, str], field: str, value: str) -> None:
    async with local_client(create_app(parts(FixedConfiguration(ACME), episodes=KnownEpisodes(FIRING)))) as http:
        answer = await http.post(f"/v1/alerts/ep_1/{action}", json=body)
    assert (answer.status_code, answer.json().get(field)) == (200, value), answer.text


async def test_a_comment_is_in_the_history() -> None:
    async with local_client(create_app(parts(FixedConfiguration(ACME), episodes=KnownEpisodes(FIRING)))) as http:
        answer = await http.post("/v1/alerts/ep_1/comment", json={"text": "on it"})
    assert [(entry["action"], entry["reason"]) for entry in answer.json()["history"]] == [("commented", "on it")]


@pytest.mark.parametrize("body", [{}, {"for": "soon"}, {"for": "1h", "until": "x"}, {"for": "999999d"}])
async def test_a_snooze_needs_an_end(body: dict[str, str]) -> None:
    async with local_client(create_app(parts(FixedConfiguration(ACME), episodes=KnownEpisodes(FIRING)))) as http:
        answer = await http.post("/v1/alerts/ep_1/snooze", json=body)
    assert (answer.status_code, answer.json()["reason"]) == (400, "invalid_snooze")


async def test_a_resolved_alert_cannot_be_acknowledged() -> None:
    async with local_client(create_app(parts(FixedConfiguration(ACME), episodes=KnownEpisodes(DONE)))) as http:
        answer = await http.post("/v1/alerts/ep_3/acknowledge", json={})
    assert (answer.status_code, answer.json()["reason"]) == (400, "already_resolved")
