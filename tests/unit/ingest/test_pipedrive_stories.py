"""Pipedrive's notifications in any order, repeated, of both versions: the same facts; whatever is sent: no crash."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from shared.domain.facts import Fact
from shared.domain.instants import parse
from tests.support.pipedrive_sender import activity, deal, notice, old_notice, pipedrive_source
from tests.support.translations import facts, is_answered
from tests.unit.ingest.test_fuzz import JSON

SOURCE = pipedrive_source()
DONE = "2026-11-23T11:00:00Z"


def at(clock: str) -> str:
    return f"2026-11-23T{clock}:00.500Z"


def sale() -> list[dict[str, Any]]:
    """Made, given to bea, raised, won, called about; a double of it is merged away, another deal is deleted."""
    won = deal(owner_id=7, value=250.25, status="won", won_time="2026-11-23T10:00:00Z")
    call = activity(owner_id=7, done=True, marked_as_done_time=DONE)
    return [
        notice("create", deal(), id="a", timestamp=at("08:00")),
        notice("change", deal(owner_id=7), {"owner_id": 12415231}, id="b", timestamp=at("09:00")),
        notice("change", deal(owner_id=7, value=250.25), {"value": 100}, id="c", timestamp=at("09:30")),
        notice("change", won, {"status": "open"}, id="d", timestamp=at("10:00")),
        notice("create", activity(owner_id=7), entity="activity", id="e", timestamp=at("10:30")),
        notice("change", call, {"done": False}, entity="activity", id="f", timestamp=at("11:00")),
        notice("create", deal(id=9), id="g", timestamp=at("08:10")),
        notice("delete", None, deal(id=9), id="h", timestamp=at("12:00"), merged_to_id="8"),
        notice("change", won, {"title": "x"}, id="i", timestamp=at("12:00"), merged_from_id="9"),
        notice("create", deal(id=10), id="j", timestamp=at("08:20")),
        notice("delete", None, deal(id=10), id="k", timestamp=at("12:30")),
    ]


def kinds(found: list[Fact]) -> list[tuple[str, str, str]]:
    return [(fact.kind, fact.record, fact.owner) for fact in found]


def test_what_the_sale_comes_to() -> None:
    found = facts(SOURCE, sale())
    assert kinds(found) == [
        ("call.created", "2", "7"),
        ("call.logged", "2", "7"),
        ("deal.created", "8", "12415231"),
        ("deal.stage_entered", "8", "12415231"),
        ("deal.won", "8", "7"),
    ]
    won = next(fact for fact in found if fact.kind == "deal.won")
    assert (won.at, won.fields["amount"]) == (parse("2026-11-23T10:00:00Z"), "250.25")
    assert next(fact for fact in found if fact.kind == "call.logged").at == parse(DONE)


@given(st.permutations(range(len(sale()))), st.lists(st.integers(0, len(sale()) - 1), max_size=8))
@settings(max_examples=80, deadline=None)
def test_order_and_repeats_change_nothing(order: list[int], again: list[int]) -> None:
    story = sale()
    assert facts(SOURCE, [story[index] for index in [*order, *again]]) == facts(SOURCE, story)


def test_either_half_of_a_merge_ends_the_loser() -> None:
    begun = [notice("create", deal(), id="a"), notice("create", deal(id=9), id="b")]
    loser = notice("delete", None, deal(), merged_to_id="9", id="c")
    survivor = notice("change", deal(id=9), {"title": "x"}, merged_from_id="8", id="d")
    for halves in ([loser], [survivor], [survivor, loser], [loser, survivor]):
        assert {fact.record for fact in facts(SOURCE, begun + halves)} == {"9"}


def test_a_merged_deal_is_never_restored() -> None:
    late = notice("change", deal(), {"status": "deleted"}, id="z", timestamp=at("23:00"))
    assert facts(SOURCE, [notice("delete", None, deal(), merged_to_id="9"), late]) == []


def test_both_versions_of_a_change_are_one_fact() -> None:
    current = {"id": 8, "status": "won", "user_id": 7, "value": 100, "won_time": "2026-11-23 10:00:00"}
    newer = notice("change", deal(owner_id=7, status="won", won_time="2026-11-23T10:00:00Z"), {"status": "open"})
    older = old_notice("updated", current, current | {"status": "open"})
    won = [fact for fact in facts(SOURCE, [newer, older]) if fact.kind == "deal.won"]
    assert [(fact.record, fact.at) for fact in won] == [("8", parse("2026-11-23T10:00:00Z"))]


def test_an_activity_that_becomes_a_meeting_is_no_call_any_more_and_back() -> None:
    call = notice("create", activity(done=True), entity="activity", id="a", timestamp=at("08:00"))
    moved = notice(
        "change",
        activity(type="meeting", done=True),
        {"type": "call"},
        entity="activity",
        id="b",
        timestamp=at("09:00"),
    )
    back = notice("change", activity(done=True), {"type": "meeting"}, entity="activity", id="c", timestamp=at("10:00"))
    assert [fact.kind for fact in facts(SOURCE, [moved, call])] == ["meeting.held"]
    assert [fact.kind for fact in facts(SOURCE, [back, moved, call])] == ["call.logged"]


KEYS = ["id", "type", "done", "value", "currency", "status", "stage_id", "owner_id", "user_id", "won_time", "duration"]
KEYS += ["due_date", "due_time", "marked_as_done_time", "deal_id", "org_id", "custom_fields", "lost_reason"]
META = ["action", "entity", "object", "id", "entity_id", "company_id", "timestamp", "timestamp_micro"]
META += ["merged_from_id", "merged_to_id"]
SPOILT = st.dictionaries(st.sampled_from(KEYS), JSON, max_size=4)
ENTITIES = st.sampled_from(["deal", "lead", "activity"])


@given(
    ENTITIES,
    st.sampled_from(["create", "change", "delete"]),
    SPOILT,
    SPOILT,
    st.dictionaries(st.sampled_from(META), JSON, max_size=2),
)
@settings(max_examples=300, deadline=None)
def test_anything_in_any_key_is_used_or_refused_with_a_reason(
    entity: str, action: str, data: dict[str, Any], previous: dict[str, Any], meta: dict[str, Any]
) -> None:
    shown = activity(done=True, type="meeting", due_time="08:00") if entity == "activity" else deal(status="won")
    body = notice(action, shown | data, shown | previous, entity=entity)
    body["meta"] |= meta
    assert is_answered(SOURCE, body)


@given(st.sampled_from(["added", "updated", "deleted", "merged"]), JSON, JSON)
@settings(max_examples=100, deadline=None)
def test_anything_as_an_object_of_version_1(action: str, current: Any, previous: Any) -> None:
    assert is_answered(SOURCE, old_notice(action, current, previous))
