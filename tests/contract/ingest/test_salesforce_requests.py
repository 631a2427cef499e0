"""What the recorded and published requests of Salesforce mean."""

from __future__ import annotations

from typing import Any

import pytest

from shared.domain import instants
from shared.domain.changes import RecordChange
from tests.support.request_cases import REQUESTS, Case, Replay, cases, groups, name_of
from tests.support.salesforce_messages import facts

pytestmark = pytest.mark.skipif(not REQUESTS.is_file(), reason="no collection of recorded requests beside the project")
SALESFORCE = ("salesforce_outbound_message", "salesforce_cdc")
TYPES = {
    "deal.upserted": "deal.updated",
    "deal.owner_changed": "deal.updated",
    "deal.amount_changed": "deal.updated",
}
"""The collection's words for what has no word of its own in the contract."""
FIELDS = {
    "amount": "amount",
    "currency": "currency",
    "stage": "stage",
    "duration_s": "duration_seconds",
    "deal_id": "deal",
}


def accepted() -> list[Case]:
    return [case for case in cases(*SALESFORCE) if case["expect"]["status_class"] == "2xx"]


@pytest.mark.parametrize("case", accepted(), ids=name_of)
async def test_means_what_its_sender_said(case: Case) -> None:
    replay = Replay()
    answer = await replay.send(case)
    hint = case["expect"]["normalized_hint"]
    changes = [change for change in replay.log.changes if not change.event.endswith(":created")]
    assert len(changes) == len(hint.get("events", changes)) == hint.get("events_count", len(changes))
    for change, event in zip(changes, hint.get("events", []), strict=False):
        _says(change, event)
    if "amounts" in hint:
        assert [change.fields["amount"] for change in changes] == hint["amounts"]
    if "response" in case["expect"]:
        _answers(answer, case["expect"]["response"])
    reasons = {reject.reason.value for reject in replay.log.rejects}
    assert reasons == ({"needs_resync"} if "resync" in hint else {"undecoded_fields"} if "flag" in hint else set())


def _says(change: RecordChange, event: dict[str, Any]) -> None:
    assert change.type == TYPES.get(event["type"], event["type"])
    assert change.record == event.get("object_id", change.record)
    for name, ours in FIELDS.items():
        if name in event:
            assert change.fields[ours] == (None if event[name] is None else str(event[name]))
    if event.get("owner_id") is not None:
        assert change.owner == event["owner_id"]
    if "occurred_at" in event:
        assert change.occurred_at == instants.parse(event["occurred_at"])


def _answers(answer: Any, wanted: dict[str, Any]) -> None:
    assert answer.status_code == wanted["status"]
    assert answer.headers["content-type"].startswith(wanted["content_type_prefix"])
    assert all(part in answer.text for part in wanted["body_contains"])


@pytest.mark.parametrize("steps", groups(*SALESFORCE), ids=name_of)
async def test_redeliveries_leave_the_numbers_as_they_are(steps: list[Case]) -> None:
    once, often = Replay(), Replay()
    for case in steps:
        await once.send(case)
    for case in [*steps, *reversed(steps), *steps]:
        assert (await often.send(case)).status_code == 200
    assert facts(often.log.changes) == facts(once.log.changes)
    newest = max(once.log.changes, key=lambda change: change.occurred_at)
    assert {fact.fields["amount"] for fact in facts(often.log.changes)} == {newest.fields["amount"]}
