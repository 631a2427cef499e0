"""The record as a set, and its two stored forms."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from shared.contracts.records import pack, pack_single, squeeze, unpack
from shared.domain.changes import RecordChange
from shared.domain.derivation import facts_of, only_fact
from shared.domain.records import DEAL, Record, RecordKey
from shared.domain.tenant import Credit
from tests.support.changes import HOUR_US, T0, call, change, deal
from tests.support.floor_events import as_change, events
from tests.support.sales_pages import as_changes, sales_page

EXAMPLES = settings(deadline=None, max_examples=100)
CREDITS = st.sampled_from((Credit(), Credit(at_fact=frozenset(), default_at_fact=True)))


def merged(*changes: RecordChange) -> Record:
    record = Record.of(changes[0])
    for one in changes[1:]:
        record.merge(one)
    return record


def of_one_record(made: list[dict[str, Any]]) -> list[RecordChange]:
    return [as_change({**event, "type": f"deal.{event['type'].split('.')[1]}", "record": "d-1"}) for event in made]


@EXAMPLES
@given(st.data(), events())
def test_merging_is_commutative_and_idempotent(data: st.DataObject, made: list[dict[str, Any]]) -> None:
    changes = of_one_record(made)
    shuffled = data.draw(st.permutations(changes + changes[:3]))
    assert merged(*shuffled) == merged(*changes)


@EXAMPLES
@given(events())
def test_an_event_said_again_is_no_news(made: list[dict[str, Any]]) -> None:
    changes = of_one_record(made)
    record = merged(*changes)
    assert not any(record.merge(one) for one in changes)


def test_one_event_that_says_two_things_is_settled_the_same_in_any_order() -> None:
    left, right = (deal("updated", event="e", amount=amount) for amount in ("1", "2"))
    assert merged(left, right) == merged(right, left)


@EXAMPLES
@given(events())
def test_a_stored_record_comes_back_as_it_was(made: list[dict[str, Any]]) -> None:
    changes = of_one_record(made)
    record = merged(*changes)
    assert unpack(pack(record), RecordKey.of(changes[0])) == record


@EXAMPLES
@given(events())
def test_a_stored_single_event_is_the_record_of_it(made: list[dict[str, Any]]) -> None:
    one = as_change(made[0])
    assert unpack(pack_single(one), RecordKey.of(one)) == Record.of(one)


@EXAMPLES
@given(events())
def test_a_squeezed_record_comes_back_in_either_form(made: list[dict[str, Any]]) -> None:
    changes = of_one_record(made)
    for stored in (pack(merged(*changes)), pack_single(changes[0])):
        squeezed = squeeze(stored)
        assert unpack(squeezed, RecordKey.of(changes[0])) == unpack(stored, RecordKey.of(changes[0]))
        assert squeeze(squeezed) == squeezed
        assert len(squeezed) <= len(stored)


def test_a_plausible_record_is_squeezed_to_less_than_seven_tenths() -> None:
    stored = [pack_single(one) for one in as_changes(sales_page(50, seed=1))]
    assert sum(len(squeeze(each)) for each in stored) < 0.7 * sum(map(len, stored))


@EXAMPLES
@given(events(), CREDITS, st.dictionaries(st.sampled_from(("logged", "sent", "held")), st.just(T0 - 5)))
def test_the_fast_way_to_the_only_fact_is_the_general_one(
    made: list[dict[str, Any]], credit: Credit, times: dict[str, int]
) -> None:
    for event in made:
        said = as_change(event)
        one = RecordChange(
            **{name: getattr(said, name) for name in said.__struct_fields__} | {"times": times, "url": "u"}
        )
        if one.record_type != DEAL:
            fact = only_fact(one)
            assert ([] if fact is None else [fact]) == facts_of(RecordKey.of(one), Record.of(one), credit)


def test_a_record_id_may_hold_slashes() -> None:
    one = call("a/b/c")
    assert RecordKey.parse(one.key) == RecordKey.of(one)


def test_a_single_event_takes_a_fraction_of_the_folded_record() -> None:
    one = call()
    assert len(pack_single(one)) * 2 < len(pack(Record.of(one)))


def test_a_cleared_field_is_null() -> None:
    record = merged(deal("updated", amount="5"), deal("updated", at=T0 + HOUR_US, amount=None))
    assert record.current_fields() == {"amount": None}


def test_an_older_event_does_not_overwrite_a_field() -> None:
    record = merged(deal("updated", amount="5"), deal("updated", at=T0 - HOUR_US, amount="4"))
    assert record.current_fields() == {"amount": "5"}


def test_of_events_at_one_instant_the_greater_id_wins() -> None:
    record = merged(deal("updated", event="e9", amount="9"), deal("updated", event="e10", amount="10"))
    assert record.current_fields() == {"amount": "9"}


def test_restored_after_deleted_is_not_gone() -> None:
    assert not merged(change("call.deleted"), change("call.restored", at=T0 + 1)).is_gone


def test_merged_is_gone_for_good() -> None:
    assert merged(change("deal.merged"), change("deal.restored", at=T0 + 1)).is_gone
