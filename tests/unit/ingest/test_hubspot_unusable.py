"""What HubSpot's events say that no number depends on, or that cannot be used."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.crm_sender import CrmSender, deal_property, hubspot_event, object_property
from tests.support.fake_log import FakeLog

IGNORED = ["contact.creation", "company.propertyChange", "deal.associationChange", "contact.privacyDeletion"]


@pytest.mark.parametrize("subscription", IGNORED)
async def test_what_no_number_depends_on_is_ignored(crm: CrmSender, log: FakeLog, subscription: str) -> None:
    body = (await crm.hubspot([hubspot_event(subscription)])).json()
    assert (body["ignored"], body["quarantined"], log.changes) == (1, 0, [])


async def test_a_sensitive_property_is_not_kept(crm: CrmSender, log: FakeLog) -> None:
    said = object_property("0-3", "diagnosis", "told to nobody", isSensitive=True)
    assert (await crm.hubspot([said])).json()["ignored"] == 1
    assert (log.changes, log.rejects) == ([], [])


async def test_a_sensitive_property_that_we_know_means_what_it_means(crm: CrmSender, log: FakeLog) -> None:
    await crm.hubspot([object_property("0-3", "amount", "5", isSensitive=True)])
    assert log.changes[0].fields == {"amount": "5"}


async def test_a_value_that_is_not_there_is_none_that_was_cleared(crm: CrmSender, log: FakeLog) -> None:
    without = {key: value for key, value in deal_property("amount", "").items() if key != "propertyValue"}
    await crm.hubspot([without])
    assert ([reject.reason for reject in log.rejects], log.changes) == (["invalid_property"], [])


BROKEN = [
    ({"subscriptionType": "object.somethingNew", "objectTypeId": "0-999"}, "unknown_type"),
    ({"subscriptionType": "deal.somethingNew"}, "unknown_type"),
    ({"subscriptionType": "object.propertyChange"}, "unknown_type"),
    ({"subscriptionType": ["deal"]}, "missing_type"),
    ({"objectId": None}, "invalid_record"),
    ({"objectId": "../x"}, "invalid_record"),
    ({"occurredAt": None}, "missing_time"),
    ({"occurredAt": 1.5}, "invalid_time"),
    ({"occurredAt": "x"}, "invalid_time"),
    ({"occurredAt": 9999999999999}, "future_time"),
    ({"propertyName": None}, "invalid_property"),
    ({"propertyName": ""}, "invalid_property"),
    ({"propertyName": "a=b"}, "invalid_property"),
    ({"propertyValue": {}}, "invalid_property"),
    ({"propertyName": "amount", "propertyValue": "1.234,56 €"}, "invalid_amount"),
    (
        {"subscriptionType": "call.propertyChange", "propertyName": "hs_call_duration", "propertyValue": "1m"},
        "invalid_duration",
    ),
    (
        {"subscriptionType": "call.propertyChange", "propertyName": "hs_timestamp", "propertyValue": "noon"},
        "invalid_time",
    ),
    (
        {"subscriptionType": "call.propertyChange", "propertyName": "hs_timestamp", "propertyValue": "999999999999999"},
        "invalid_time",
    ),
    (
        {"subscriptionType": "call.propertyChange", "propertyName": "hs_call_duration", "propertyValue": "-1"},
        "invalid_duration",
    ),
    ({"subscriptionType": "object.associationChange"}, "unknown_type"),
    ({"subscriptionType": "deal.merge", "mergedObjectIds": "2"}, "invalid_record"),
    ({"subscriptionType": "deal.merge", "mergedObjectIds": []}, "invalid_record"),
]


@pytest.mark.parametrize(("broken", "reason"), BROKEN)
async def test_a_bad_element_is_kept_and_costs_its_neighbours_nothing(
    crm: CrmSender, log: FakeLog, broken: dict[str, Any], reason: str
) -> None:
    answer = await crm.hubspot([deal_property("dealname", "x") | broken, deal_property("amount", "7")])
    assert (answer.status_code, answer.json()["accepted"]) == (202, 1)
    assert [reject.reason for reject in log.rejects] == [reason]


async def test_a_batch_of_nothing_usable_is_still_acknowledged(crm: CrmSender) -> None:
    answer = await crm.hubspot([None, 5])
    assert (answer.status_code, answer.json()["quarantined"]) == (202, 2)
