"""What recorded Pipedrive requests mean."""

from __future__ import annotations

from typing import Any

import pytest

from shared.domain.instants import text
from tests.support.request_cases import REQUESTS, Case, Replay, cases, groups

WON_AT = "2026-03-02T15:04:55Z"
EXPECTED: dict[str, list[tuple[str, str, dict[str, Any]]]] = {
    "v2_deal_create": [("deal.created", "8", {"amount": "100", "currency": "EUR"})],
    "v2_deal_stage_change": [("deal.stage_changed", "8", {"stage": "3"})],
    "v2_deal_lost": [("deal.lost", "8", {"lost_reason": "Bütçe yok"})],
    "v2_activity_call_done": [("call.logged", "2", {"deal": "10", "duration_seconds": "1800"})],
    "v1_updated_deal_won": [("deal.won", "8", {"amount": "100", "status": "won"})],
}
pytestmark = pytest.mark.skipif(not REQUESTS.is_file(), reason="no collection of recorded requests beside the project")


def said(replay: Replay) -> list[tuple[str, str]]:
    return [(change.type, change.record) for change in replay.log.changes]


@pytest.mark.parametrize("case", cases("pipedrive"), ids=lambda case: str(case["name"]))
async def test_means_what_it_should(case: Case) -> None:
    replay = Replay()
    await replay.send(case)
    expected = EXPECTED.get(case["name"], [])
    assert said(replay) == [(event_type, record) for event_type, record, _ in expected]
    for change, (_, _, fields) in zip(replay.log.changes, expected, strict=True):
        assert change.fields.items() >= fields.items()
        assert change.owner == "12415231"


async def test_a_won_deal_of_version_1_was_won_when_it_says() -> None:
    case = next(case for case in cases("pipedrive") if case["name"] == "v1_updated_deal_won")
    replay = Replay()
    await replay.send(case)
    (change,) = replay.log.changes
    assert (text(change.occurred_at), text(change.times["won"])) == ("2026-03-02T15:04:55.384700Z", WON_AT)


@pytest.mark.parametrize("turned", [False, True])
async def test_both_halves_of_a_merge(turned: bool) -> None:
    (merge,) = (steps for steps in groups("pipedrive") if steps[0]["group"] == "pd_merge")
    replay = Replay()
    for case in reversed(merge) if turned else merge:
        await replay.send(case)
    assert sorted(set(said(replay))) == [("deal.merged", "8"), ("deal.updated", "9")]
    assert all(change.fields["into"] == "9" for change in replay.log.changes if change.verb == "merged")


async def test_a_retry_is_the_same_event() -> None:
    (retried,) = (steps for steps in groups("pipedrive") if steps[0]["group"] == "pd_dup")
    replay = Replay()
    for case in retried:
        await replay.send(case)
    assert len({(change.event, change.occurred_at) for change in replay.log.changes}) == 1
