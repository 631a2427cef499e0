"""What is in quarantine, over HTTP: who sees it, what is shown, and what a retry answers."""

from __future__ import annotations

import hashlib
from typing import Any

import httpx
import pytest

from services.api.adapters.http.app import create_app
from services.api.domain.pipeline import Parked
from shared.domain.access import AccessKey, Role
from shared.domain.instants import DAY_US
from shared.domain.quarantine import RetryOutcome
from tests.support.api_parts import FixedConfiguration, KnownPipeline, local_client, parts
from tests.support.api_quarantine import KnownQuarantine, kept
from tests.support.tenants import tenant

ACME = tenant()
TWO = (
    kept("qe_1", received_at=10 * DAY_US),
    kept("qe_2", received_at=11 * DAY_US, reason="unknown_type", source="other"),
)


def client(
    quarantine: KnownQuarantine, *keys: AccessKey, configured: FixedConfiguration | None = None, token: str = "t"
) -> httpx.AsyncClient:
    configured = configured or FixedConfiguration(ACME, keys=keys or None)
    waiting = Parked(unmapped={("acme", "crm", "77"): 3}, unconverted={("acme", "JPY"): 2})
    app = create_app(parts(configured, quarantine=quarantine, pipeline=KnownPipeline(parked=waiting)))
    return local_client(app, headers={"Authorization": f"Bearer {token}"} if keys else {})


def key(role: Role, token: str = "t", of: str = "acme") -> AccessKey:
    digest = hashlib.sha256(token.encode()).hexdigest()
    return AccessKey(id=f"key-{role}", tenant=of, sha256=digest, role=role, rep="ana", team="emea")


async def listed(query: str = "", *entries: Any) -> Any:
    async with client(KnownQuarantine(*(entries or TWO))) as http:
        return (await http.get(f"/v1/quarantine{query}")).json()


async def test_entries_come_the_latest_first_without_their_bodies() -> None:
    found = await listed()
    assert [(e["id"], e["reason"], e["state"]) for e in found["entries"]] == [
        ("qe_2", "unknown_type", "waiting"),
        ("qe_1", "missing_id", "waiting"),
    ]
    assert "body" not in found["entries"][0]


async def test_what_waits_is_counted_by_reason_whatever_is_shown() -> None:
    assert (await listed("?reason=missing_id"))["waiting"] == {"missing_id": 1, "unknown_type": 1}


async def test_facts_that_wait_for_an_identity_or_a_rate_are_listed_too() -> None:
    found = await listed()
    assert found["unmapped_owners"] == [{"source": "crm", "owner": "77", "facts": 3}]
    assert found["facts_without_rate"] == [{"currency": "JPY", "facts": 2}]


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ("?reason=missing_id", ["qe_1"]),
        ("?source=other", ["qe_2"]),
        ("?since=1970-01-12T00:00:00Z", ["qe_2"]),
        ("?until=1970-01-12", ["qe_1"]),
        ("?since=1970-01-13", []),
        ("?limit=1", ["qe_2"]),
    ],
)
async def test_entries_are_found_by_reason_source_and_time(query: str, ids: list[str]) -> None:
    assert [entry["id"] for entry in (await listed(query))["entries"]] == ids


async def test_pages_lead_to_each_other() -> None:
    async with client(KnownQuarantine(*TWO)) as http:
        first = (await http.get("/v1/quarantine?limit=1")).json()
        second = (await http.get("/v1/quarantine", params={"limit": 1, "after": first["next"]})).json()
    assert ([e["id"] for e in second["entries"]], second["next"]) == (["qe_1"], None)


@pytest.mark.parametrize(
    ("query", "status", "reason"),
    [
        ("?after=x", 400, "invalid_after"),
        ("?since=yesterday", 400, "invalid_at"),
        ("?limit=0", 422, "invalid_request"),
        ("?state=no", 422, "invalid_request"),
    ],
)
async def test_a_question_that_makes_no_sense_is_refused(query: str, status: int, reason: str) -> None:
    async with client(KnownQuarantine(*TWO)) as http:
        answer = await http.get(f"/v1/quarantine{query}")
    assert (answer.status_code, answer.json()["reason"]) == (status, reason)


async def test_one_entry_is_shown_whole() -> None:
    async with client(KnownQuarantine(*TWO)) as http:
        found = (await http.get("/v1/quarantine/qe_1")).json()
    assert (found["body"], found["headers"]) == ('{"id": ""}', {"content-type": "application/json"})
    assert (found["delivery"], found["index"], found["times"]) == ("dl_1", 0, 1)


async def test_a_body_that_retention_took_is_null() -> None:
    quarantine = KnownQuarantine(*TWO)
    quarantine.expire()
    async with client(quarantine) as http:
        assert (await http.get("/v1/quarantine/qe_1")).json()["body"] is None


@pytest.mark.parametrize("path", ["GET /v1/quarantine/qe_9", "POST /v1/quarantine/qe_9/retry"])
async def test_an_unknown_entry_is_not_found(path: str) -> None:
    method, _, where = path.partition(" ")
    async with client(KnownQuarantine(*TWO)) as http:
        answer = await http.request(method, where)
    assert (answer.status_code, answer.json()["reason"]) == (404, "unknown_entry")


async def test_a_retry_answers_what_came_of_it() -> None:
    quarantine = KnownQuarantine(*TWO)
    async with client(quarantine) as http:
        answer = await http.post("/v1/quarantine/qe_1/retry")
    assert (answer.status_code, answer.json()["state"]) == (200, "accepted")
    assert (answer.json()["last_retry"]["by"], answer.json()["retries"]) == ("local", 1)


async def test_twice_retried_changes_nothing() -> None:
    quarantine = KnownQuarantine(*TWO)
    async with client(quarantine) as http:
        first = await http.post("/v1/quarantine/qe_1/retry")
        second = await http.post("/v1/quarantine/qe_1/retry")
    assert (second.status_code, second.json()) == (200, first.json())
    assert len(quarantine.asked) == 1


async def test_what_is_quarantined_again_waits_on() -> None:
    async with client(KnownQuarantine(*TWO, outcome=RetryOutcome.QUARANTINED)) as http:
        answer = await http.post("/v1/quarantine/qe_1/retry")
        waiting = (await http.get("/v1/quarantine")).json()["entries"]
    assert (answer.status_code, answer.json()["state"]) == (200, "waiting")
    assert len(waiting) == 2


async def test_a_retry_that_nobody_works_off_is_told_as_asked_for() -> None:
    async with client(KnownQuarantine(*TWO, outcome=None)) as http:
        answer = await http.post("/v1/quarantine/qe_1/retry")
    assert (answer.status_code, answer.json()["state"]) == (202, "waiting")


@pytest.mark.parametrize(
    ("body", "ids"),
    [
        ({"reason": "missing_id"}, {"qe_1"}),
        ({"source": "other"}, {"qe_2"}),
        ({"all": True}, {"qe_1", "qe_2"}),
        ({"reason": "x"}, set()),
    ],
)
async def test_many_are_retried_at_once(body: dict[str, Any], ids: set[str]) -> None:
    quarantine = KnownQuarantine(*TWO)
    async with client(quarantine) as http:
        answer = await http.post("/v1/quarantine/retry", json=body)
    assert (answer.status_code, answer.json()["asked"]) == (202, len(ids))
    assert {one.id for request in quarantine.asked for one in request.entries} == ids


async def test_everything_has_to_be_said() -> None:
    async with client(KnownQuarantine(*TWO)) as http:
        answer = await http.post("/v1/quarantine/retry", json={})
    assert (answer.status_code, answer.json()["reason"]) == (400, "nothing_selected")


@pytest.mark.parametrize("role", [Role.MANAGER, Role.REP, Role.READER])
@pytest.mark.parametrize(
    "path",
    ["GET /v1/quarantine", "GET /v1/quarantine/qe_1", "POST /v1/quarantine/qe_1/retry", "POST /v1/quarantine/retry"],
)
async def test_nobody_but_an_admin_sees_or_retries(role: Role, path: str) -> None:
    method, _, where = path.partition(" ")
    quarantine = KnownQuarantine(*TWO)
    async with client(quarantine, key(role)) as http:
        answer = await http.request(method, where, json={"all": True} if where.endswith("quarantine/retry") else None)
    assert (answer.status_code, answer.json()["reason"], quarantine.asked) == (403, "not_allowed", [])


async def test_without_a_key_where_keys_are_needed_nothing_is_shown() -> None:
    configured = FixedConfiguration(ACME, keys=(key(Role.ADMIN),))
    async with client(KnownQuarantine(*TWO), configured=configured) as http:
        assert (await http.get("/v1/quarantine")).status_code == 401


async def test_an_admin_sees_her_tenants_entries_and_what_is_nobodys() -> None:
    entries = [kept("qe_1"), kept("qp_2", tenant="-"), kept("qp_3", tenant="gone")]
    async with client(KnownQuarantine(*entries), key(Role.ADMIN)) as http:
        assert len((await http.get("/v1/quarantine")).json()["entries"]) == 3


async def test_of_several_tenants_none_sees_what_may_be_anothers() -> None:
    entries = [kept("qe_1"), kept("qe_2", tenant="beta"), kept("qp_3", tenant="-")]
    configured = FixedConfiguration(ACME, tenant(id="beta"), keys=(key(Role.ADMIN),))
    async with client(KnownQuarantine(*entries), key(Role.ADMIN), configured=configured) as http:
        found = (await http.get("/v1/quarantine")).json()
        assert (await http.get("/v1/quarantine/qe_2")).status_code == 404
        assert (await http.post("/v1/quarantine/qe_2/retry")).status_code == 404
    assert ([e["id"] for e in found["entries"]], found["waiting"]) == (["qe_1"], {"missing_id": 1})


async def test_while_the_topic_is_read_the_answer_is_to_come_back() -> None:
    quarantine = KnownQuarantine(*TWO)
    quarantine.loading = True
    async with client(quarantine) as http:
        answer = await http.get("/v1/quarantine")
        status = await http.get("/v1/status")
    assert (answer.status_code, answer.json()["reason"]) == (503, "quarantine_loading")
    assert (status.status_code, status.json()["quarantined"]) == (200, None)


async def test_the_status_counts_what_waits_by_reason() -> None:
    async with client(KnownQuarantine(*TWO)) as http:
        assert (await http.get("/v1/status")).json()["quarantined"] == {"missing_id": 1, "unknown_type": 1}


async def test_the_status_of_a_rep_does_not_tell() -> None:
    async with client(KnownQuarantine(*TWO), key(Role.REP)) as http:
        assert "quarantined" not in (await http.get("/v1/status")).json()


async def test_a_reader_that_has_the_list_is_told_so() -> None:
    async with client(KnownQuarantine(*TWO)) as http:
        tag = (await http.get("/v1/quarantine")).headers["etag"]
        again = await http.get("/v1/quarantine", headers={"If-None-Match": tag})
    assert again.status_code == 304
