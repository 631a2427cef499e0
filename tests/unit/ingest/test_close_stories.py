"""Close's events in any order, repeated, consolidated: the same facts. And whatever is sent: no crash."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from shared.domain.instants import parse
from tests.support.close_sender import call, close_source, event, opportunity
from tests.support.translations import facts, is_answered
from tests.unit.ingest.test_fuzz import JSON

SOURCE = close_source()


def at(clock: str) -> dict[str, str]:
    return {"date_created": f"2026-11-23T{clock}:00.500000", "date_updated": f"2026-11-23T{clock}:00.500000"}


def sale() -> list[dict[str, Any]]:
    """Made, given to bea, raised, won, called about; another is deleted; a lead is merged away."""
    won = opportunity(user_id="user_bea", value=25025, status_type="won", status_id="stat_won")
    raised = event(data=opportunity(user_id="user_bea", value=25025), previous={"value": 1}, id="ev_3", **at("09:30"))
    merge = {"merge_source_lead_id": "lead_src", "merge_destination_lead_id": "lead_1"}
    return [
        event("opportunity.created", opportunity(), id="ev_1", **at("08:00")),
        event(data=opportunity(user_id="user_bea"), previous={"user_id": "user_ana"}, id="ev_2", **at("09:00")),
        raised,
        event(data=won, previous={"status_type": "active"}, id="ev_4", **at("10:00")),
        event("activity.opportunity_status_change.created", {"id": "acti_9"}, id="ev_5", **at("10:00")),
        event("activity.call.created", call(duration=0), id="ev_6", **at("11:00")),
        event("activity.call.completed", call(), id="ev_7", **at("11:02")),
        event("opportunity.created", opportunity(id="oppo_2"), id="ev_8", **at("08:10")),
        event("opportunity.deleted", None, opportunity(id="oppo_2"), id="ev_9", **at("12:00")),
        event("activity.email.created", call(id="acti_2", direction="outgoing"), id="ev_10", **at("12:10")),
        event("activity.email.created", call(id="acti_3", direction="incoming"), id="ev_11", **at("12:20")),
        event("activity.email.sent", call(id="acti_2", direction="outgoing"), id="ev_12", **at("12:30")),
        event("lead.merged", {"id": "lead_1"}, meta=merge, id="ev_13", **at("12:40")),
    ]


def test_what_the_sale_comes_to() -> None:
    found = facts(SOURCE, sale())
    assert [(fact.kind, fact.record, fact.owner) for fact in found] == [
        ("call.logged", "acti_1", "user_ana"),
        ("deal.created", "oppo_1", "user_ana"),
        ("deal.stage_entered", "oppo_1", "user_ana"),
        ("deal.stage_entered", "oppo_1", "user_bea"),
        ("deal.won", "oppo_1", "user_bea"),
        ("email.created", "acti_2", "user_ana"),
        ("email.created", "acti_3", "user_ana"),
        ("email.sent", "acti_2", "user_ana"),
    ]
    won = next(fact for fact in found if fact.kind == "deal.won")
    assert (won.at, won.fields["amount"]) == (parse("2026-11-23T10:00:00.5Z"), "250.25")
    logged = next(fact for fact in found if fact.kind == "call.logged")
    assert logged.fields.items() >= {"direction": "outbound", "duration_seconds": "120"}.items()


@given(st.permutations(range(len(sale()))), st.lists(st.integers(0, len(sale()) - 1), max_size=8))
@settings(max_examples=80, deadline=None)
def test_order_and_repeats_change_nothing(order: list[int], again: list[int]) -> None:
    story = sale()
    assert facts(SOURCE, [story[index] for index in [*order, *again]]) == facts(SOURCE, story)


def test_the_newest_version_of_a_consolidated_event_holds() -> None:
    first = event(data=opportunity(value=100, status_type="won"), previous={"status_type": "active"})
    newer = event(data=opportunity(value=9900), date_updated="2026-11-23T09:31:00")
    for story in ([first, newer], [newer, first], [first, newer, first]):
        assert [(fact.kind, fact.fields["amount"]) for fact in facts(SOURCE, story)] == [
            ("deal.open", "99.00"),
            ("deal.stage_entered", "99.00"),
        ]


EVENT_KEYS = ["id", "date_created", "date_updated", "action", "object_type", "object_id", "lead_id"]
EVENT_KEYS += ["organization_id", "previous_data", "meta", "data"]
DATA_KEYS = ["status_type", "status_id", "value", "value_currency", "value_period", "user_id", "lead_id", "duration"]
DATA_KEYS += ["direction", "cost", "starts_at", "is_complete", "assigned_to", "annualized_value"]
TYPES = ["opportunity", "lead", "activity.call", "activity.email", "activity.meeting", "task.lead"]
ACTIONS = ["created", "updated", "deleted", "merged", "completed", "sent", "canceled"]


@given(
    st.sampled_from(TYPES),
    st.sampled_from(ACTIONS),
    st.dictionaries(st.sampled_from(DATA_KEYS), JSON, max_size=4),
    st.dictionaries(st.sampled_from(DATA_KEYS), JSON, max_size=4),
    st.dictionaries(st.sampled_from(EVENT_KEYS), JSON, max_size=2),
)
@settings(max_examples=300, deadline=None)
def test_anything_in_any_key_is_used_or_refused_with_a_reason(
    object_type: str, action: str, data: dict[str, Any], previous: dict[str, Any], spoilt: dict[str, Any]
) -> None:
    body = event(f"{object_type}.{action}", opportunity(**data), previous)
    body["event"] |= spoilt
    assert is_answered(SOURCE, body)
