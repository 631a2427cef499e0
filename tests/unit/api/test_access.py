"""Who sees what, over HTTP: every role against every kind of question."""

import hashlib

import pytest

from services.api.adapters.http.app import create_app
from shared.domain.access import AccessKey, Role
from tests.support.api_parts import FixedConfiguration, local_client, parts
from tests.support.tenants import rep, team, tenant

ACME = tenant(
    reps=[rep("ana", team="sdr"), rep("bea", team="emea"), rep("cy", team="other")],
    teams=[team("emea"), team("sdr", parent="emea", manager="bea"), team("other")],
)


def key(name: str, role: Role, **others: str) -> AccessKey:
    return AccessKey(id=name, tenant="acme", sha256=hashlib.sha256(name.encode()).hexdigest(), role=role, **others)


KEYS = (
    key("admin", Role.ADMIN),
    key("manager", Role.MANAGER, team="emea"),
    key("lead", Role.MANAGER, rep="bea"),
    key("rep", Role.REP, rep="ana"),
    key("reader", Role.READER),
)
QUESTIONS = {
    "herself": "/v1/reps/ana/kpis",
    "other rep": "/v1/reps/cy/kpis",
    "receipts": "/v1/reps/ana/kpis/calls/receipts",
    "team": "/v1/teams/sdr/kpis",
    "other team": "/v1/teams/other/kpis",
    "standings": "/v1/kpis/calls/standings?team=sdr",
    "alerts": "/v1/alerts",
    "catalogue": "/v1/catalogue",
    "status": "/v1/status",
    "stream of a rep": "/v1/stream?rep=cy",
}
OPEN = {"alerts", "catalogue", "status"}
ALLOWED = {
    "admin": set(QUESTIONS) - {"stream of a rep"},
    "manager": {"herself", "receipts", "team", "standings"} | OPEN,
    "lead": {"herself", "receipts", "team", "standings"} | OPEN,
    "rep": {"herself", "receipts"} | OPEN,
    "reader": {"team", "other team"} | OPEN,
}
MATRIX = [
    (name, question, 200 if question in allowed else 403)
    for name, allowed in ALLOWED.items()
    for question in QUESTIONS
    if (name, question) != ("admin", "stream of a rep")
]


@pytest.mark.parametrize(("name", "question", "status"), MATRIX)
async def test_a_role_sees_what_is_hers(name: str, question: str, status: int) -> None:
    app = create_app(parts(FixedConfiguration(ACME, keys=KEYS)))
    async with local_client(app, headers={"Authorization": f"Bearer {name}"}) as http:
        assert (await http.get(QUESTIONS[question])).status_code == status


async def test_without_a_key_the_answer_says_how_to_send_one() -> None:
    async with local_client(create_app(parts(FixedConfiguration(ACME, keys=KEYS)))) as http:
        answer = await http.get("/v1/catalogue")
    told = (answer.status_code, answer.json()["reason"], answer.headers["www-authenticate"])
    assert told == (401, "key_required", "Bearer")


async def test_without_access_yaml_another_machine_is_refused() -> None:
    async with local_client(create_app(parts(FixedConfiguration(ACME))), host="192.0.2.7") as http:
        answer = await http.get("/v1/catalogue")
    assert (answer.status_code, answer.json()["reason"]) == (403, "loopback_only")


async def test_a_page_that_rebinds_its_name_to_this_machine_is_refused() -> None:
    async with local_client(create_app(parts(FixedConfiguration(ACME)))) as http:
        answer = await http.get("/v1/catalogue", headers={"Host": "evil.example"})
    assert answer.status_code == 403


async def test_a_rep_finds_only_herself_in_the_catalogue() -> None:
    app = create_app(parts(FixedConfiguration(ACME, keys=KEYS)))
    async with local_client(app, headers={"Authorization": "Bearer rep"}) as http:
        found = (await http.get("/v1/catalogue")).json()
    assert ([r["id"] for r in found["reps"]], found["teams"]) == (["ana"], [])


async def test_a_manager_gets_the_members_whom_she_may_see() -> None:
    app = create_app(parts(FixedConfiguration(ACME, keys=KEYS)))
    async with local_client(app, headers={"Authorization": "Bearer reader"}) as http:
        found = (await http.get("/v1/teams/emea/kpis?members=true")).json()["readings"]
    assert [reading.get("rep") for reading in found] == [None]


async def test_a_session_keeps_the_key_where_no_script_reads_it() -> None:
    async with local_client(create_app(parts(FixedConfiguration(ACME, keys=KEYS)))) as http:
        begun = await http.post("/v1/session", json={"key": "rep"})
        cookie = begun.headers["set-cookie"].lower()
        answer = await http.get("/v1/reps/ana/kpis")
    assert (begun.status_code, answer.status_code, "httponly" in cookie, "samesite=strict" in cookie) == (
        204, 200, True, True,
    )  # fmt: skip


async def test_a_session_needs_a_known_key() -> None:
    async with local_client(create_app(parts(FixedConfiguration(ACME, keys=KEYS)))) as http:
        answer = await http.post("/v1/session", json={"key": "guess"})
    assert (answer.status_code, answer.json()["reason"]) == (401, "unknown_key")
