"""The company that is a HubSpot object's primary one is its account."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.crm_sender import OCCURRED_AT_MS, CrmSender, hubspot_event
from tests.support.fake_log import FakeLog
from tests.support.ingest_app import hubspot_source
from tests.support.translations import changes, facts

SOURCE = hubspot_source()
DEAL = 41122334455


def associated(company: int, *, removed: Any = False, primary: Any = True, **others: Any) -> dict[str, Any]:
    """A deal with a company, told from the deal's end."""
    said = {"associationType": "DEAL_TO_COMPANY", "fromObjectId": DEAL, "toObjectId": company}
    return hubspot_event(
        "deal.associationChange", **said, associationRemoved=removed, isPrimaryAssociation=primary, **others
    )


def other_end(said: dict[str, Any]) -> dict[str, Any]:
    """The same from the company's end, by the generic subscription."""
    turned = {"associationType": "COMPANY_TO_DEAL", "fromObjectId": said["toObjectId"], "toObjectId": DEAL}
    return {**said, **turned, "subscriptionType": "object.associationChange", "objectTypeId": "0-2"}


def test_a_primary_company_is_the_account() -> None:
    (change,) = changes(SOURCE, [[associated(9)]])
    assert (change.type, change.record, change.fields) == ("deal.updated", str(DEAL), {"account": "9"})


def test_from_both_ends_it_is_one_event() -> None:
    said = associated(9)
    first, second = changes(SOURCE, [[said, other_end(said)]])
    assert first == second


@pytest.mark.parametrize("at", [OCCURRED_AT_MS, OCCURRED_AT_MS + 7])
@pytest.mark.parametrize("turned", [False, True])
def test_the_company_that_comes_holds_whichever_is_told_first(at: int, turned: bool) -> None:
    won = hubspot_event(propertyName="dealstage", propertyValue="closedwon", objectId=DEAL)
    owner = hubspot_event(propertyName="hubspot_owner_id", propertyValue="7", objectId=DEAL)
    moved = [associated(9, occurredAt=1), associated(9, removed=True), associated(10, occurredAt=at)]
    found = facts(SOURCE, [[won, owner, *(reversed(moved) if turned else moved)]])
    assert {fact.fields["account"] for fact in found} == {"10"}


def test_a_company_that_goes_leaves_no_account() -> None:
    (change,) = changes(SOURCE, [[associated(9, removed=True)]])
    assert change.fields == {"account": None}


@pytest.mark.parametrize(
    "said",
    [
        associated(9, primary=False),
        associated(9, primary=None),
        associated(9) | {"associationType": "DEAL_TO_CONTACT"},
        associated(9) | {"associationType": "CONTACT_TO_COMPANY"},
        associated(9) | {"associationType": "ours"},
        associated(9) | {"associationType": "DEAL_TO_COMPANY_TO_DEAL", "isPrimaryAssociation": None},
    ],
)
async def test_of_other_associations_there_may_be_many(crm: CrmSender, log: FakeLog, said: dict[str, Any]) -> None:
    assert (await crm.hubspot([said])).json()["ignored"] == 1
    assert not log.changes


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        ({"associationRemoved": "false"}, "invalid_fields"),
        ({"associationRemoved": None}, "invalid_fields"),
        ({"fromObjectId": None}, "invalid_record"),
        ({"toObjectId": {}}, "invalid_record"),
        ({"occurredAt": None}, "missing_time"),
    ],
)
async def test_a_broken_one_is_kept(crm: CrmSender, log: FakeLog, broken: dict[str, Any], reason: str) -> None:
    await crm.hubspot([associated(9) | broken])
    assert [reject.reason for reject in log.rejects] == [reason]
