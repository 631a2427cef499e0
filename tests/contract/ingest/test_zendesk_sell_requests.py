"""What the recorded requests of a Zendesk Sell poller mean."""

from __future__ import annotations

import pytest

from tests.support.request_cases import REQUESTS, Case, Replay, cases, name_of


@pytest.mark.skipif(not REQUESTS.is_file(), reason="no collection of recorded requests beside the project")
@pytest.mark.parametrize("case", cases("zendesk_sell"), ids=name_of)
async def test_means_what_it_should(case: Case) -> None:
    replay = Replay()
    await replay.send(case)
    hinted = case["expect"]["normalized_hint"].get("events", [])
    assert [(change.type, change.record) for change in replay.log.changes] == [
        (event["type"], event["object_id"]) for event in hinted
    ]
