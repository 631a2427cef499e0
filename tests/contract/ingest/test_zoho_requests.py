"""What the recorded Zoho requests mean."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.request_cases import REQUESTS, Case, Replay, cases, name_of

MEANINGS: dict[str, list[Any]] = {
    "deal_amount_negative_and_owner": [
        ("deal.updated", "5725767000003000010", {"amount": "-99.5"}, "5725767000000411001")
    ],
}
TYPES = {
    "deal_insert_no_affected_values": "deal.created",
    "deal_delete": "deal.deleted",
    "call_insert": "call.logged",
    "meeting_insert_module_events": "meeting.booked",
}


@pytest.mark.skipif(not REQUESTS.is_file(), reason="no collection of recorded requests beside the project")
@pytest.mark.parametrize("case", cases("zoho"), ids=name_of)
async def test_means_what_it_should(case: Case) -> None:
    replay = Replay()
    await replay.send(case)
    changes, name = replay.log.changes, case["name"]
    if name in MEANINGS:
        assert [(one.type, one.record, one.fields, one.owner) for one in changes] == MEANINGS[name]
    elif name in TYPES:
        assert [change.type for change in changes] == [TYPES[name]]
        assert bool(changes[0].missing) == case["expect"]["normalized_hint"].get("needs_enrichment", False)
    else:
        assert (len(changes), len(replay.log.rejects)) == (0, name == "ids_empty")
