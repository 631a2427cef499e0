"""What the recorded Dataverse requests mean."""

from __future__ import annotations

import pytest

from shared.domain import instants
from tests.support.request_cases import REQUESTS, Case, Replay, cases, groups, name_of

DEAL, OWNER = "d1a1c9b4-55aa-ee11-be37-000d3a8f1c22", "75c2dd85-e89e-e711-8122-000d3aa2331c"
MEANINGS = {
    "opportunity_create": ("deal.created", DEAL, {"amount": "120000.5", "status": "open"}),
    "opportunity_amount_changed_with_preimage": ("deal.updated", DEAL, {"amount": "99.99"}),
    "opportunity_win_message": ("deal.won", DEAL, {"amount": "118000"}),
    "phonecall_create": ("call.logged", None, {"duration_seconds": "720", "deal": DEAL, "direction": "outbound"}),
}
OWNED = {"opportunity_create", "phonecall_create"}
pytestmark = pytest.mark.skipif(not REQUESTS.is_file(), reason="no collection of recorded requests beside the project")


@pytest.mark.parametrize("case", cases("dataverse"), ids=name_of)
async def test_means_what_it_should(case: Case) -> None:
    replay = Replay()
    await replay.send(case)
    changes, name = replay.log.changes, case["name"]
    if name not in MEANINGS:
        assert (len(changes), len(replay.log.rejects)) == (0, name == "unknown_message")
        return
    (change,) = changes
    event_type, record, fields = MEANINGS[name]
    assert (change.type, record or change.record) == (event_type, change.record)
    assert change.fields.items() >= fields.items()
    assert (change.owner == OWNER) == (name in OWNED)
    assert change.occurred_at == instants.parse("2026-03-02T15:04:56Z")


@pytest.mark.parametrize("steps", groups("dataverse"), ids=name_of)
async def test_another_attempt_is_the_same_event(steps: list[Case]) -> None:
    replay = Replay()
    for case in steps:
        await replay.send(case)
    assert len({(change.occurred_at, change.event) for change in replay.log.changes}) == 1
