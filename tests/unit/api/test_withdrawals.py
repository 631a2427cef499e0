"""Facts that are gone, with the reason that their records give, and the events behind a fact."""

from __future__ import annotations

from typing import Any

from services.api.adapters.http.app import create_app
from services.api.domain.evidence import evidence
from services.api.domain.withdrawals import Gone, withdrawal
from shared.domain.changes import RecordChange
from shared.domain.derivation import facts_of
from shared.domain.facts import Fact, FactName
from shared.domain.instants import DAY_US, text
from shared.domain.records import Record, RecordKey
from shared.domain.tenant import Credit
from tests.support.api_parts import FixedConfiguration, KnownPages, KnownRecords, local_client, parts
from tests.support.changes import HOUR_US, T0, call, change, deal
from tests.support.tenants import kpi, rep, tenant

PAGE = "2026-11-23"
WON = FactName("native", "deal", "d-1", "won")
CALLED = FactName("native", "call", "c-1", "logged")
WINS = kpi("wins", facts=("deal.won",))
CALLS = kpi("calls", facts=("call.logged",))
TENANT = tenant(reps=[rep("ana"), rep("bo")], kpis=[WINS, CALLS])


def record(*changes: RecordChange) -> Record:
    first, *others = changes
    known = Record.of(first)
    for each in others:
        known.merge(each)
    return known


def gone(name: FactName, *changes: RecordChange) -> tuple[Gone, str | None]:
    found = withdrawal(TENANT, "ana", name, PAGE, record(*changes) if changes else None)
    return found.reason, None if found.at is None else text(found.at)


def test_a_deleted_records_fact_is_gone_with_it() -> None:
    assert gone(CALLED, call(), change("call.deleted", record="c-1", at=T0 + DAY_US)) == (Gone.DELETED, text(T0))


def test_a_merged_records_fact_is_gone_with_it() -> None:
    assert gone(CALLED, call(), change("call.merged", record="c-1", at=T0 + 1)) == (Gone.MERGED, text(T0))


def test_a_call_that_belongs_to_somebody_else_now_is_reassigned() -> None:
    taken = change("call.updated", record="c-1", at=T0 + HOUR_US, owner="bo")
    assert gone(CALLED, call(), taken) == (Gone.REASSIGNED, text(T0))


def test_a_call_that_is_said_to_have_been_on_another_day_has_moved() -> None:
    assert gone(CALLED, call(), call(at=T0 + DAY_US)) == (Gone.MOVED, None)


def test_a_deal_that_was_reopened_is_won_no_longer() -> None:
    assert gone(WON, deal("won"), deal("reopened", at=T0 + DAY_US)) == (Gone.ENDED, text(T0))


def test_a_call_whose_owner_was_cleared_is_nobodys() -> None:
    assert gone(CALLED, call(), change("call.updated", record="c-1", at=T0 + 1, owner=None))[0] is Gone.UNOWNED


def test_nothing_is_said_of_a_record_that_is_no_longer_kept() -> None:
    assert gone(CALLED) == (Gone.WITHDRAWN, None)


def test_where_a_fact_is_now_is_told() -> None:
    found = withdrawal(TENANT, "ana", CALLED, PAGE, record(call(), call(at=T0 + DAY_US)))
    assert found.now is not None
    assert (found.now.owner, found.now.at) == ("ana", T0 + DAY_US)


def behind(name: FactName, *changes: RecordChange, **others: Any) -> list[tuple[str, dict[str, Any]]]:
    found = evidence(record(*changes), name, others.get("at", T0), others.get("credit", Credit()))
    return [(each.event, each.said) for each in found]


def test_the_one_event_of_a_call_says_everything() -> None:
    ((event, said),) = behind(CALLED, call(event="e-1"))
    assert event == "e-1"
    assert said == {
        "moment": "call.logged", "owner": "ana", "direction": "outbound", "duration_seconds": "120",
        "account": "a-1", "outcome": "connected",
    }  # fmt: skip


def test_only_the_latest_writer_of_a_field_is_behind_a_fact() -> None:
    won = deal("won", amount="100", event="e-1")
    corrected = deal("updated", at=T0 + 1, amount="90", event="e-2")
    again = deal("updated", at=T0 + 2, amount="80", event="e-3")
    found = dict(behind(WON, won, corrected, again))
    assert "amount" not in found["e-1"]
    assert found["e-3"]["amount"] == "80"
    assert "e-2" not in found


def test_a_won_deal_is_backed_by_the_start_of_its_run_and_by_the_owner_at_that_time() -> None:
    won = deal("won", event="e-1")
    repeated = deal("won", event="e-2", at=T0 + 5)
    taken = deal("updated", at=T0 + HOUR_US, owner="bo", event="e-3")
    found = dict(behind(WON, won, repeated, taken))
    assert (found["e-1"]["status"], found["e-1"]["owner"]) == ("won", "ana")
    assert "e-3" not in found
    assert dict(behind(WON, won, repeated, taken, credit=Credit(at_fact=frozenset())))["e-3"] == {"owner": "bo"}


async def test_what_is_gone_is_shown_among_what_does_not_count() -> None:
    said = (call(record="c-1"), change("call.deleted", record="c-1", at=T0 + DAY_US, event="e-gone"))
    pages = KnownPages(gone=[(PAGE, "native/call/c-1#logged")])
    wired = parts(FixedConfiguration(TENANT), pages=pages, records=KnownRecords(*said))
    async with local_client(create_app(wired)) as http:
        found = (await http.get("/v1/reps/ana/kpis/calls/receipts?at=2026-11-23")).json()
        other_day = (await http.get("/v1/reps/ana/kpis/calls/receipts?at=2026-11-24")).json()
    (shown,) = found["not_counted"]
    assert (shown["record"], shown["reason"], shown["at"]) == ("c-1", "record_deleted", text(T0))
    assert [event["id"] for event in shown["events"]][-1] == "e-gone"
    assert other_day["not_counted"] == []


async def test_a_record_that_has_no_url_any_more_has_that_of_its_fact() -> None:
    said = call(url="https://crm.example/c-1", event="e-1")
    facts = KnownPages(*_facts(said))
    wired = parts(FixedConfiguration(TENANT), pages=facts, records=KnownRecords(said))
    async with local_client(create_app(wired)) as http:
        (shown,) = (await http.get("/v1/reps/ana/kpis/calls/receipts?at=2026-11-23")).json()["counted"]
    assert (shown["url"], [event["id"] for event in shown["events"]]) == ("https://crm.example/c-1", ["e-1"])


async def test_a_long_list_comes_in_parts_that_make_the_whole() -> None:
    said = [call(record=f"c-{n}", at=T0 + n // 2) for n in range(7)]
    facts = KnownPages(*[fact for each in said for fact in _facts(each)])
    wired = parts(FixedConfiguration(TENANT), pages=facts, records=KnownRecords(*said))
    address, seen, following = "/v1/reps/ana/kpis/calls/receipts?at=2026-11-23&limit=3", [], ""
    async with local_client(create_app(wired)) as http:
        while following is not None:
            part = (await http.get(address + following)).json()
            assert part["totals"] == {"counted": 7, "not_counted": 0}
            seen += [each["record"] for each in part["counted"]]
            following = None if part["next"] is None else f"&cursor={part['next']}"
    assert seen == [f"c-{n}" for n in range(7)]


async def test_a_cursor_that_is_none_of_ours_is_refused() -> None:
    async with local_client(create_app(parts(FixedConfiguration(TENANT)))) as http:
        answer = await http.get("/v1/reps/ana/kpis/calls/receipts?cursor=nonsense")
    assert (answer.status_code, answer.json()["reason"]) == (400, "invalid_cursor")


async def test_facts_of_another_instant_than_the_reading_are_read_again() -> None:
    wired = parts(FixedConfiguration(TENANT), pages=KnownPages(versions=(3, None, 0)))
    async with local_client(create_app(wired)) as http:
        assert (await http.get("/v1/reps/ana/kpis/calls/receipts")).json()["consistent"] is True


async def test_numbers_that_never_stand_still_are_said_to_be_inconsistent() -> None:
    wired = parts(FixedConfiguration(TENANT), pages=KnownPages(versions=(3,)))
    async with local_client(create_app(wired)) as http:
        assert (await http.get("/v1/reps/ana/kpis/calls/receipts")).json()["consistent"] is False


def _facts(said: RecordChange) -> list[Fact]:
    return facts_of(RecordKey.of(said), Record.of(said), Credit())
