"""What recorded CloudEvents and Standard Webhooks mean."""

from __future__ import annotations

from typing import Any

import pytest

from shared.domain.instants import text
from tests.support.request_cases import REQUESTS, Case, Replay, cases, groups, name_of

DEAL: tuple[str, str, Any] = ("deal.won", "1200.50", "u1")
EXPECTED: dict[str, tuple[str, Any, Any]] = {
    "binary": DEAL,
    "structured_with_redundant_ce_headers": DEAL,
    "binary_unicode_percent_encoded_subject": DEAL,
    "binary_quoted_header_value": DEAL,
    "time_leap_second": DEAL,
    "deal_won": DEAL,
    "asymmetric_v1a_ed25519": DEAL,
    "missing_owner": ("deal.won", "5", None),
}
KEPT = {
    "binary_conformance_sample": "unknown_type",
    "unknown_event_type": "unknown_type",
    "time_far_future": "future_time",
    "published_vector_all_sdks": "missing_type",
}
pytestmark = pytest.mark.skipif(not REQUESTS.is_file(), reason="no collection of recorded requests beside the project")


@pytest.mark.parametrize("case", cases("cloudevents", "standard_webhooks"), ids=name_of)
async def test_means_what_it_should(case: Case) -> None:
    replay = Replay()
    answer = await replay.send(case)
    found = [(c.type, c.fields["amount"], c.owner or None, c.record) for c in replay.log.changes]
    expected = EXPECTED.get(case["name"])
    assert found == ([] if expected is None else [(*expected, "8")])
    kept = KEPT.get(case["name"])
    assert [reject.reason for reject in replay.log.rejects] == ([] if kept is None else [kept])
    for name, value in case["expect"].get("response", {}).get("headers", {}).items():
        assert answer.headers[name] == value


async def test_an_invalid_event_of_a_batch_is_named() -> None:
    (case,) = [case for case in cases("cloudevents") if case["name"] == "batched_one_invalid_element"]
    problem = (await Replay().send(case)).json()
    assert (problem["reason"], [one["index"] for one in problem["problems"]]) == ("invalid_cloudevent", [1])


async def test_a_retry_is_the_same_event_and_order_changes_nothing() -> None:
    steps = {group[0]["group"]: group for group in groups("standard_webhooks", "cloudevents")}
    replay = Replay()
    for case in steps["sw_dup"] + steps["sw_reorder"]:
        await replay.send(case)
    first, again, newer, older = replay.log.changes
    assert (first.event, first.occurred_at) == (again.event, again.occurred_at)
    assert (text(older.occurred_at), older.fields["stage"]) == ("2026-03-02T15:04:10Z", "4")
    assert newer.occurred_at > older.occurred_at and newer.fields["stage"] == "5"
