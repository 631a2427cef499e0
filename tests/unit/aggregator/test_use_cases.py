"""What ledger and scoreboard answer, keep and publish, chunk by chunk."""

from __future__ import annotations

import pytest

from services.aggregator.domain.poison import PoisonLimit
from services.aggregator.ledger import Ledger
from services.aggregator.ports import Chunk, Fenced, PoisonReason, TooMuchPoison
from shared.contracts.messages import BATCH_BYTES, decode_batch
from shared.contracts.topics import CRM_EVENTS
from shared.domain.changes import IMPORTED
from shared.domain.facts import FactKind, Revision
from shared.domain.tenant import Credit
from shared.errors import TransientError
from tests.support.aggregator_stages import InMemoryFloor
from tests.support.aggregator_tenant import counting_tenant
from tests.support.changes import HOUR_US, T0, call, change, deal, on_the_log


@pytest.fixture
def floor() -> InMemoryFloor:
    return InMemoryFloor(counting_tenant())


def kinds(floor: InMemoryFloor, subject: str = "ana") -> list[str]:
    return sorted(fact.kind for (owner, _, _), fact in floor.scoreboard_store.facts().items() if owner == subject)


async def test_a_new_call_is_one_change(floor: InMemoryFloor) -> None:
    assert [(done.outcome, done.changes) for done in await floor.take([call()])] == [(Fenced.APPLIED, 1)]


async def test_a_repeated_event_publishes_nothing(floor: InMemoryFloor) -> None:
    await floor.take([call()])
    repeated = (await floor.take([call()]))[0]
    assert (repeated.changes, repeated.unchanged, sum(map(len, floor.publisher.logs.values()))) == (0, 1, 1)


async def test_an_update_that_changes_no_fact_publishes_nothing(floor: InMemoryFloor) -> None:
    await floor.take([call()])
    same = call(verb="updated", event="later", at=T0 + HOUR_US)
    assert (await floor.take([same]))[0].changes == 0


async def test_a_position_counts_the_epoch_of_the_log(floor: InMemoryFloor) -> None:
    await floor.ledger.handle(Chunk(0, 0, on_the_log([call()]), epoch=2))
    (batch,) = (decode_batch(value) for log in floor.publisher.logs.values() for value in log)
    assert batch.changes[0].entry.revision == Revision(2 << 40, 1)


async def test_rubbish_is_kept_with_its_offset_and_the_rest_counts(floor: InMemoryFloor) -> None:
    log = [*on_the_log([call("c-1")]), b"rubbish", b"\xff", *on_the_log([call("c-2"), call("c-3", tenant="nobody")])]
    done = await floor.ledger.handle(Chunk(0, 0, log))
    assert (done.poisoned, [(one.offset, one.reason) for one in floor.quarantine.kept]) == (
        3,
        [(1, PoisonReason.UNDECODABLE), (2, PoisonReason.UNDECODABLE), (4, PoisonReason.UNKNOWN_TENANT)],
    )


async def test_a_time_that_no_calendar_has_is_poison(floor: InMemoryFloor) -> None:
    await floor.ledger.handle(Chunk(0, 0, on_the_log([call(at=10**18), call(received_at=10**30)])))
    assert {one.reason for one in floor.quarantine.kept} == {PoisonReason.IMPOSSIBLE_TIME}


async def test_too_much_poison_stops_before_anything_is_applied(floor: InMemoryFloor) -> None:
    ledger = Ledger(
        floor.ledger_store,
        floor.publisher,
        poison=floor.keeper(CRM_EVENTS, PoisonLimit(at_least=1)),
        catalogue=floor.catalogue,
    )
    with pytest.raises(TooMuchPoison):
        await ledger.handle(Chunk(0, 0, [b"x", b"y", *on_the_log([call()])]))
    assert not floor.ledger_store.records


@pytest.mark.parametrize(
    ("start", "size", "outcome"), [(0, 1, Fenced.DONE), (1, 2, Fenced.BETWEEN), (3, 1, Fenced.BACK)]
)
async def test_the_fence_names_what_it_finds(floor: InMemoryFloor, start: int, size: int, outcome: Fenced) -> None:
    await floor.take([call("c-1"), call("c-2")])
    values = on_the_log([call(f"c-{n}") for n in range(size)])
    assert (await floor.ledger.handle(Chunk(0, start, values))).outcome is outcome


async def test_a_chunk_of_records_that_went_back_publishes_nothing(floor: InMemoryFloor) -> None:
    await floor.take([deal("won", event="e1"), deal("deleted", event="e2", at=T0 + HOUR_US)])
    floor.ledger_store.fence.offsets[0] = 0
    floor.ledger_store.records.clear()
    before = {to: list(log) for to, log in floor.publisher.logs.items()}
    floor.log += on_the_log([deal("won", event="e3", at=T0 + 2)])
    assert (await floor.try_chunk(2, 1)).outcome is Fenced.BACK
    assert floor.publisher.logs == before
    await floor.take([])
    assert floor.scoreboard_store.facts() == {}


async def test_a_lost_scoreboard_commit_counts_once(floor: InMemoryFloor) -> None:
    await floor.take([call("c-1")])
    await floor.try_chunk(0, 0)
    floor.log += on_the_log([call("c-2")])
    await floor.try_chunk(1, 1)
    floor.scoreboard_store.lost_commits = 1
    with pytest.raises(TransientError):
        await floor.score()
    await floor.score()
    assert floor.scoreboard_store.decoded_cells()["ana", "d2026-11-23"]["calls"].count == 2


async def test_an_owner_whom_nobody_claims_is_counted_as_unmapped(floor: InMemoryFloor) -> None:
    await floor.take([call(owner="42", source="hubspot")])
    assert floor.scoreboard_store.unmapped == {"acme/?hubspot/42": 1}


async def test_an_amount_without_a_rate_is_listed_and_its_fact_counts(floor: InMemoryFloor) -> None:
    await floor.take([deal("won", amount="5", currency="GBP")])
    cell = floor.scoreboard_store.decoded_cells()["ana", "d2026-11-23"]
    listed = list(floor.scoreboard_store.unconverted.values())
    assert (listed, cell["deals_won"].count, "revenue" in cell) == (["GBP"], 1, False)


async def test_an_amount_that_gets_a_rate_is_no_longer_listed(floor: InMemoryFloor) -> None:
    await floor.take([deal("won", amount="5", currency="GBP")])
    await floor.take([deal("updated", at=T0 + HOUR_US, currency="USD")])
    assert not floor.scoreboard_store.unconverted


async def test_who_changed_is_told_after_the_commit(floor: InMemoryFloor) -> None:
    await floor.take([call(), call("c-2", owner="bo"), call("c-3", owner="ghost")])
    assert set(floor.updates.told) == {("acme", "ana"), ("acme", "bo")}


async def test_a_deal_won_again_counts_from_the_start_of_its_present_run(floor: InMemoryFloor) -> None:
    again = T0 + 5 * HOUR_US
    await floor.take([deal("won"), deal("reopened", at=T0 + HOUR_US), deal("won", at=again)])
    assert [f.at for f in floor.scoreboard_store.facts().values() if f.kind == FactKind.DEAL_WON] == [again]


async def test_a_won_deal_stays_with_who_owned_it_then(floor: InMemoryFloor) -> None:
    await floor.take([deal("won"), deal("updated", at=T0 + HOUR_US, owner="bo")])
    assert (kinds(floor, "ana"), kinds(floor, "bo")) == (["deal.won"], [])


async def test_a_call_goes_to_its_new_owner(floor: InMemoryFloor) -> None:
    await floor.take([call(), change("call.updated", record="c-1", at=T0 + HOUR_US, owner="bo")])
    assert (kinds(floor, "ana"), kinds(floor, "bo")) == ([], ["call.logged"])


async def test_the_tenant_may_credit_a_deal_to_its_owner_now() -> None:
    floor = InMemoryFloor(counting_tenant(credit=Credit(at_fact=frozenset())))
    await floor.take([deal("won"), deal("updated", at=T0 + HOUR_US, owner="bo")])
    assert (kinds(floor, "ana"), kinds(floor, "bo")) == ([], ["deal.won"])


async def test_the_crms_own_time_of_winning_goes_before_the_events(floor: InMemoryFloor) -> None:
    await floor.take([deal("won", times={"won": T0 - 24 * HOUR_US})])
    assert {page for _, page, _ in floor.scoreboard_store.facts()} == {"2026-11-22"}


async def test_a_canceled_meeting_keeps_its_booking(floor: InMemoryFloor) -> None:
    await floor.take([change(f"meeting.{verb}", at=T0 + n) for n, verb in enumerate(("booked", "held", "canceled"))])
    assert kinds(floor) == ["meeting.booked", "meeting.canceled"]


async def test_a_moment_that_nobody_ever_heard_of_is_a_fact(floor: InMemoryFloor) -> None:
    await floor.take([change("demo.requested")])
    assert kinds(floor) == ["demo.requested"]


async def test_facts_that_are_too_many_for_one_message_are_several_and_all_count(floor: InMemoryFloor) -> None:
    note = "x" * 200_000
    await floor.take([call(f"c-{number}", fields={"note": note}) for number in range(20)])
    sizes = [len(value) for log in floor.publisher.logs.values() for value in log]
    assert len(sizes) > 1 and max(sizes) <= BATCH_BYTES
    assert len(floor.scoreboard_store.facts("acme")) == 20


async def test_only_the_last_message_of_a_chunk_says_what_has_been_received(floor: InMemoryFloor) -> None:
    await floor.take([call(f"c-{number}", fields={"note": "x" * 200_000}) for number in range(20)])
    (said,) = ([decode_batch(value).received_at for value in log] for log in floor.publisher.logs.values() if log)
    assert said[:-1] == [0] * (len(said) - 1) and said[-1] > 0


async def test_the_ledgers_batches_name_its_state(floor: InMemoryFloor) -> None:
    floor.publisher.state = "r2"
    await floor.ledger.handle(Chunk(0, 0, on_the_log([call()])))
    assert [decode_batch(value).state for log in floor.publisher.logs.values() for value in log] == ["r2"]


async def test_the_scoreboard_counts_no_facts_of_another_state(floor: InMemoryFloor) -> None:
    await floor.ledger.handle(Chunk(0, 0, on_the_log([call()])))
    ((partition, log),) = floor.publisher.logs.items()
    floor.scoreboard_store.state = "r2"
    done = await floor.scoreboard.handle(Chunk(partition, 0, log))
    assert (done.outcome, done.foreign, done.changes, done.received_at) == (Fenced.APPLIED, 1, 0, 0)
    assert (floor.scoreboard_store.facts(), floor.scoreboard_store.mark_at) == ({}, 0)


async def test_imported_history_counts_and_is_no_word_of_its_source(floor: InMemoryFloor) -> None:
    (done,) = await floor.take([call(delivery=f"{IMPORTED}1"), call("c-2", delivery=f"{IMPORTED}1")])

    assert (done.outcome, done.changes) == (Fenced.APPLIED, 2)
    assert kinds(floor) == ["call.logged", "call.logged"] and floor.ledger_store.sources == {}
