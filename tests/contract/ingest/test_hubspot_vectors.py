"""What recorded and published HubSpot requests mean."""

from __future__ import annotations

import pytest

from tests.support.request_cases import REQUESTS, Case, Replay, cases

EXPECTED_FIELDS = {
    "v3_huge_amount_decimal_string": [{"amount": "999999999999999999.99"}],
    "v3_missing_owner_empty_string": [{}],
    "v3_big_object_id_2e53_plus_1": [{"amount": "1.00"}],
    "unknown_event_type": [{"amount": "7"}],
    "workflow_webhook_v2_deal_body": [{"stage": "closedwon", "status": "won"}, {"amount": "5000"}, {}],
}


@pytest.mark.skipif(not REQUESTS.is_file(), reason="no collection of recorded requests beside the project")
@pytest.mark.parametrize("case", cases("hubspot"), ids=lambda case: str(case["name"]))
async def test_means_what_it_should(case: Case) -> None:
    replay = Replay()
    await replay.send(case)
    expected = EXPECTED_FIELDS.get(case["name"])
    if expected is not None:
        assert [change.fields for change in replay.log.changes] == expected
    else:
        assert not any("amount" in change.fields for change in replay.log.changes)
