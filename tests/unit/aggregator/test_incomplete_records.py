"""What the CRM has but did not tell: a record knows it, whatever the order, and the ledger counts it."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.contracts.records import pack, pack_single, squeeze, unpack
from shared.domain.changes import RecordChange
from shared.domain.instants import DAY_US, SECOND_US
from shared.domain.records import Record, RecordKey
from tests.support.aggregator_stages import InMemoryFloor
from tests.support.aggregator_tenant import counting_tenant
from tests.support.changes import T0, call, change
from tests.support.manual_clock import ManualClock

EXAMPLES = settings(deadline=None, max_examples=150)
FIELDS = ("owner", "amount", "stage")


@st.composite
def statements(draw: st.DrawFn) -> list[RecordChange]:
    """Changes of one deal or of two calls, that miss and tell fields at a few instants."""
    found = []
    for number in range(draw(st.integers(1, 7))):
        told = {name: str(number) for name in draw(st.sets(st.sampled_from(FIELDS[1:])))}
        owner = {"owner": draw(st.sampled_from(["ana", None]))} if draw(st.booleans()) else {}
        kind, record = draw(st.sampled_from([("deal", "d"), ("call", "c"), ("call", "b")]))
        verb = draw(st.sampled_from(["created", "updated", "deleted", "restored"]))
        found.append(
            RecordChange(
                tenant="acme",
                source="crm",
                record_type=kind,
                record=record,
                verb=verb,
                event=f"e{number}",
                occurred_at=T0 + draw(st.integers(0, 3)) * SECOND_US,
                received_at=T0 + 9 * SECOND_US,
                fields=told,
                missing=tuple(sorted(draw(st.sets(st.sampled_from(FIELDS))))),
                **owner,
            )
        )
    return found


def merged(changes: list[RecordChange]) -> Record:
    record = Record.of(changes[0])
    for one in changes[1:]:
        record.merge(one)
    return record


def counted(changes: list[RecordChange]) -> dict[str, int]:
    """What the records that these changes make lack, from the definition alone."""
    found: Counter[str] = Counter()
    for key in {one.key for one in changes}:
        said = [one for one in changes if one.key == key]
        life = max(((one.occurred_at, one.event, one.verb) for one in said if one.verb in {"deleted", "restored"}),
                   default=(0, "", "restored"))  # fmt: skip
        for name in FIELDS if life[2] == "restored" else ():
            told = [
                one.occurred_at
                for one in said
                if name in one.fields or (name == "owner" and one.owner in ("ana", None))
            ]
            missed = [one.occurred_at if one.verb == "updated" else 0 for one in said if name in one.missing]
            if missed and max(missed) > max(told, default=-1):
                found[f"{said[0].key.rpartition('/')[0]}/{name}"] += 1
    return dict(found)


@EXAMPLES
@given(st.data(), statements())
def test_what_is_missing_does_not_depend_on_order_or_repeats(data: st.DataObject, said: list[RecordChange]) -> None:
    one = [change for change in said if change.key == said[0].key]
    shuffled = data.draw(st.permutations(one + one[:2]))
    assert merged(shuffled) == merged(one)


@EXAMPLES
@given(statements())
def test_a_record_that_lacks_something_comes_back_as_it_was(said: list[RecordChange]) -> None:
    first = said[0]
    for packed, record in ((pack_single(first), Record.of(first)), (squeeze(pack(merged(said))), merged(said))):
        assert unpack(packed, RecordKey.of(first)) == record


@EXAMPLES
@given(st.data(), statements())
async def test_the_ledger_counts_exactly_what_lacks(data: st.DataObject, said: list[RecordChange]) -> None:
    floor = InMemoryFloor(counting_tenant())
    cut = data.draw(st.integers(0, len(said)))
    for chunk in (said[:cut], said[cut:], data.draw(st.permutations(said))):
        if chunk:
            await floor.take(list(chunk))
    assert floor.ledger_store.incomplete == counted(said)


@pytest.mark.parametrize(("told_at", "left"), [(T0 - DAY_US, {}), (T0, {}), (T0 + DAY_US, {})])
async def test_a_creation_leaves_out_what_was_never_told_before(told_at: int, left: dict[str, int]) -> None:
    floor = InMemoryFloor(counting_tenant())
    await floor.take([call(owner=None, missing=("account",), fields={})])
    assert floor.ledger_store.incomplete == {"acme/native/call/account": 1}
    await floor.take([call(verb="updated", at=told_at, event="told", fields={"account": "a-1"})])
    assert floor.ledger_store.incomplete == left


async def test_what_changed_untold_lacks_until_a_later_statement() -> None:
    floor = InMemoryFloor(counting_tenant())
    await floor.take([call()])
    await floor.take([change("call.updated", record="c-1", at=T0 + SECOND_US, missing=("account",))])
    assert floor.ledger_store.incomplete == {"acme/native/call/account": 1}


async def test_a_record_that_goes_for_its_age_is_counted_no_more() -> None:
    floor = InMemoryFloor(counting_tenant(), clock=ManualClock(T0))
    await floor.take([call(missing=("title",))])
    await floor.sweep(T0 + 500 * DAY_US)
    assert (floor.ledger_store.records, floor.ledger_store.incomplete) == ({}, {})
