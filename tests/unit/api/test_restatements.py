"""What the API tells of closed periods that changed, and whom."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import httpx
import pytest

from services.api.adapters.http.app import create_app
from shared.domain.access import AccessKey, Role
from shared.domain.instants import Micros, parse
from shared.domain.restatements import Cause, Restatement
from tests.support.api_parts import FixedConfiguration, KnownRecords, KnownRestatements, local_client, parts
from tests.support.changes import call
from tests.support.tenants import kpi, rep, team, tenant

AT = parse("2026-11-23T10:00:00Z")
TENANT = tenant(
    reps=[rep("ana"), rep("bo", team="apac")], teams=[team("emea"), team("apac")], kpis=[kpi("calls"), kpi("wins")]
)


def restated(of: str = "ana", kpi_id: str = "calls", at: Micros = AT, **others: Any) -> Restatement:
    defaults: dict[str, Any] = {
        "period": ("day", "2026-11-20"), "before": Decimal(10), "after": Decimal(11),
        "cause": Cause(at, "native/call/c-1#logged", "e-1", 7),
    }  # fmt: skip
    return Restatement(rep=of, kpi=kpi_id, definition=kpi_id, **defaults | others)


async def ask(question: str, *known: Restatement, key: AccessKey | None = None) -> httpx.Response:
    configured = FixedConfiguration(TENANT, keys=None if key is None else (key,))
    records = KnownRecords(call("c-1", url="https://crm.example/c-1"))
    wired = parts(configured, restatements=KnownRestatements(*known), records=records)
    async with local_client(create_app(wired)) as http:
        return await http.get(f"/v1/restatements{question}", headers={"Authorization": "Bearer secret"})


async def told(question: str, *known: Restatement) -> list[tuple[str, str]]:
    answer = await ask(question, *known)
    assert answer.status_code == 200, answer.text
    return [(each["rep"], each["kpi"]) for each in answer.json()["restatements"]]


async def test_a_restatement_says_from_to_when_and_because_of_which_event() -> None:
    (shown,) = (await ask("", restated())).json()["restatements"]
    assert shown == {
        "rep": "ana", "kpi": "calls", "definition": "calls", "from": 10, "to": 11, "at": "2026-11-23T10:00:00Z",
        "reason": "event",
        "period": {"kind": "day", "id": "2026-11-20", "start": "2026-11-19T23:00:00Z", "end": "2026-11-20T23:00:00Z",
                   "time_zone": "Europe/Berlin"},
        "event": {"id": "e-1", "source": "native", "record_type": "call", "record": "c-1",
                  "url": "https://crm.example/c-1"},
    }  # fmt: skip


async def test_an_edit_of_the_configuration_is_a_reason_without_an_event() -> None:
    (shown,) = (await ask("", restated(cause=Cause(AT)))).json()["restatements"]
    assert (shown["reason"], shown["event"]) == ("configuration", None)


async def test_a_value_that_was_null_is_told_as_null() -> None:
    (shown,) = (await ask("", restated(before=None))).json()["restatements"]
    assert (shown["from"], shown["to"]) == (None, 11)


async def test_the_last_ones_come_first_and_no_more_than_asked_for() -> None:
    known = (restated("ana", at=AT + 1), restated("bo", at=AT + 2), restated("bo", "wins", at=AT))
    assert await told("", *known) == [("bo", "calls"), ("ana", "calls"), ("bo", "wins")]
    assert await told("?limit=2", *known) == [("bo", "calls"), ("ana", "calls")]


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("?rep=bo", [("bo", "calls"), ("bo", "wins")]),
        ("?team=emea", [("ana", "calls")]),
        ("?kpi=wins", [("bo", "wins")]),
        ("?since=2026-11-23T10:00:00Z", [("bo", "calls"), ("ana", "calls")]),
        ("?since=2026-11-24", []),
    ],
)
async def test_what_is_told_can_be_narrowed(question: str, expected: list[tuple[str, str]]) -> None:
    known = (restated("ana"), restated("bo", at=AT + 1), restated("bo", "wins", at=AT - 1))
    assert await told(question, *known) == expected


@pytest.mark.parametrize(
    ("question", "status", "reason"),
    [
        ("?rep=nobody", 404, "unknown_rep"),
        ("?team=nobody", 404, "unknown_team"),
        ("?kpi=nothing", 404, "unknown_kpi"),
        ("?since=yesterday", 400, "invalid_at"),
    ],
)
async def test_what_there_is_not_is_said(question: str, status: int, reason: str) -> None:
    answer = await ask(question)
    assert (answer.status_code, answer.json()["reason"]) == (status, reason)


def key(role: Role, **others: str) -> AccessKey:
    digest = "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b"  # of "secret"
    return AccessKey(id="k", tenant="acme", sha256=digest, role=role, **others)


@pytest.mark.parametrize(
    ("asker", "expected"),
    [
        (key(Role.REP, rep="ana"), ["ana"]),
        (key(Role.MANAGER, team="apac"), ["bo"]),
        (key(Role.ADMIN), ["ana", "bo"]),
    ],
)
async def test_each_sees_the_restatements_of_whose_numbers_she_sees(asker: AccessKey, expected: list[str]) -> None:
    answer = await ask("", restated("ana"), restated("bo"), key=asker)
    assert [each["rep"] for each in answer.json()["restatements"]] == expected


async def test_a_reader_sees_none() -> None:
    answer = await ask("", restated("ana"), key=key(Role.READER))
    assert (answer.status_code, answer.json()["reason"]) == (403, "not_allowed")


async def test_a_period_of_a_calendar_that_is_no_more_has_no_bounds() -> None:
    (shown,) = (await ask("", restated(period=("week", "w2026-11-18")))).json()["restatements"]
    assert (shown["period"]["id"], shown["period"]["start"]) == ("w2026-11-18", None)
