"""``pacer capture`` between senders and a running ingest."""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.captured import captured_cases, comes_to_the_same
from tests.support.dataverse_messages import CODE, KEY, as_sent, entity, execution, money, reference
from tests.support.eventually import eventually
from tests.support.processes import PROJECT, Processes, Running
from tests.support.sell_messages import BEARER, item, page
from tests.support.sell_messages import TOKEN as SELL_TOKEN
from tests.support.zoho_messages import DEAL, notification
from tests.support.zoho_messages import TOKEN as ZOHO_TOKEN

SOURCES = """
sources:
  - {id: zoho, provider: zoho, secrets: [{env: ZOHO_TOKEN}], won_stages: [Unterschrieben]}
  - {id: dv, provider: dataverse, secrets: [{env: DV_KEY}]}
  - {id: sell, provider: zendesk_sell, secrets: [{env: SELL_TOKEN}], won_stages: ["5"]}
"""
SECRETS = {"ZOHO_TOKEN": ZOHO_TOKEN, "DV_KEY": KEY, "SELL_TOKEN": SELL_TOKEN}
PERSONAL = ("Ana", "Ruiz", "ana@example.org", "+49 30 1234567", "17612345678", "Müller GmbH", "1980-05-01")
KEPT_AS = os.environ.get("PACER_KEEP_CAPTURED")
"""A directory that takes the files of this run: how those of tests/data/captured are made anew."""

NOW = "2026-03-02T15:04:54Z"
ANA = {"name": "Ana Ruiz", "email": "ana@example.org"}
DELIVERIES: dict[str, list[tuple[Any, dict[str, Any]]]] = {
    "zoho": [
        (notification("Leads", "insert", values=ANA | {"Owner": ANA | {"id": "42"}, "Mobile": "17612345678"}), {}),
        (
            notification("Deals", values={"Stage": "Unterschrieben", "Amount": 1234.5, "Description": "mit Ana Ruiz"}),
            {},
        ),
        (notification("Deals", ids=[], affected_fields=[{DEAL: ["Amount"]}], query_params={"name": "Ana Ruiz"}), {}),
    ],
    "dv": [
        (
            as_sent(
                execution(
                    "Create",
                    target={
                        "name": "Müller GmbH, Ana Ruiz",
                        "estimatedvalue": money(120000.5),
                        "ownerid": reference("75c2dd85-e89e-e711-8122-000d3aa2331c"),
                        "emailaddress": "ana@example.org",
                        "geburtstag": "1980-05-01",
                    },
                )
            ),
            {"params": CODE, "headers": {"x-ms-dynamics-organization": "mueller.crm4.dynamics.com"}},
        ),
        (
            as_sent(execution("Win", parameters={"OpportunityClose": entity({"subject": "Ana Ruiz"})})),
            {"params": CODE, "headers": {}},
        ),
    ],
    "sell": [
        (
            page(
                item(name="Müller GmbH", owner_id=9, value="10.50", stage_id=5, previous={"stage_id": 3}),
                item("call", "created", phone_number="+49 30 1234567", incoming=False, duration=75, user_id=9),
                item("gadget", contact="Ana Ruiz"),
            ),
            {"headers": BEARER},
        ),
    ],
}


@pytest.fixture
def configuration(tmp_path: Path) -> Path:
    directory = tmp_path / "acme"
    directory.mkdir()
    for name in ("tenant.yaml", "kpis.yaml"):
        shutil.copy(PROJECT / "config" / "acme" / name, directory)
    people = "teams: [{id: emea, name: EMEA}]\nreps: [{id: ana, name: Ana, teams: [emea]}]\n"
    (directory / "people.yaml").write_text(people)
    (directory / "sources.yaml").write_text(SOURCES)
    return directory


@pytest.fixture
async def ingest(processes: Processes, configuration: Path, embedded_kafka: str, free_port: int) -> str:
    address = f"http://127.0.0.1:{free_port}"
    environment = {
        "PACER_CONFIG_DIR": str(configuration),
        "PACER_KAFKA__BOOTSTRAP_SERVERS": embedded_kafka,
        "PACER_HTTP__PORT": str(free_port),
    }
    processes.start("services.ingest", env=environment | SECRETS)
    with httpx.Client(base_url=address) as http:
        await eventually(lambda: http.get("/readyz").status_code, equals=200, within_seconds=30)
    return address


class Capturing:
    """The command, and a client of its address."""

    def __init__(self, running: Running, out: Path) -> None:
        self.running = running
        self.out = out
        self.http = httpx.Client(timeout=15)

    async def address(self) -> str:
        await eventually(lambda: "passes on to" in self.running.output, equals=True, within_seconds=30)
        return self.running.output.split("http://", 1)[1].split("/", 1)[0]

    async def send(self, source: str, body: Any, how: dict[str, Any]) -> httpx.Response:
        content = body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode()
        headers = {"content-type": "application/json"} | how.get("headers", {})
        url = f"http://{await self.address()}/v1/webhooks/{source}"
        return self.http.post(url, content=content, headers=headers, params=how.get("params"))


@pytest.fixture
def capture(processes: Processes, configuration: Path, ingest: str, tmp_path: Path) -> Iterator[Any]:
    started: list[Capturing] = []

    def start(source: str, *options: str) -> Capturing:
        out = tmp_path / "captured" / f"{source}.json"
        arguments = ("capture", source, "--out", str(out), "--port", "0", "--ingest", ingest, *options)
        running = processes.start("cli.main", *arguments, "--config", str(configuration))
        started.append(Capturing(running, out))
        return started[-1]

    yield start
    for each in started:
        each.http.close()


@pytest.mark.parametrize("source", sorted(DELIVERIES))
async def test_what_is_captured_replays_without_anybodys_data(capture: Any, source: str) -> None:
    deliveries = DELIVERIES[source]
    capturing = capture(source, "--count", str(len(deliveries)), "--leave")
    answers = [await capturing.send(source, body, how) for body, how in deliveries]
    assert [answer.status_code for answer in answers] == [202] * len(deliveries)
    assert capturing.running.wait() == 0
    written = capturing.out.read_text()
    assert not [text for text in (*PERSONAL, *SECRETS.values(), "mueller") if text in written]
    cases = captured_cases(capturing.out.parent)
    assert len(cases) == len(deliveries)
    for case in cases:
        await comes_to_the_same(case)
    if KEPT_AS:
        shutil.copy(capturing.out, KEPT_AS)


async def test_what_ingest_refuses_is_passed_on_and_not_captured(capture: Any) -> None:
    capturing = capture("zoho", "--count", "1", "--leave")
    answer = await capturing.send("zoho", notification(token="guess"), {})
    assert (answer.status_code, answer.json()["reason"]) == (401, "wrong_credentials")
    assert "www-authenticate" in answer.headers
    await capturing.send("sell", page(), {"headers": BEARER})
    await capturing.send("zoho", notification(), {})
    assert capturing.running.wait() == 0
    assert len(captured_cases(capturing.out.parent)) == 1


async def test_with_enough_captured_deliveries_are_still_passed_on(capture: Any) -> None:
    capturing = capture("zoho", "--count", "1")
    for _ in range(3):
        assert (await capturing.send("zoho", notification(), {})).status_code == 202
    await eventually(lambda: "still passed on" in capturing.running.output, equals=True, within_seconds=10)
    assert (await capturing.send("zoho", notification(), {})).status_code == 202
    assert len(captured_cases(capturing.out.parent)) == 1
    capturing.running.signal(signal.SIGTERM)
    capturing.running.wait()


async def test_a_run_that_is_ended_writes_what_it_has(capture: Any) -> None:
    capturing = capture("zoho")
    await capturing.send("zoho", notification(), {})
    capturing.running.signal(signal.SIGINT)
    capturing.running.wait()
    assert len(captured_cases(capturing.out.parent)) == 1


async def test_nothing_in_the_time_given_leaves_no_file(capture: Any) -> None:
    capturing = capture("zoho", "--minutes", "0.02", "--leave")
    assert capturing.running.wait() == 1
    assert ("nothing was captured" in capturing.running.output, capturing.out.exists()) == (True, False)


async def test_a_file_that_exists_is_left_alone(capture: Any, tmp_path: Path) -> None:
    (tmp_path / "captured").mkdir()
    (tmp_path / "captured" / "zoho.json").write_text("mine")
    capturing = capture("zoho")
    assert capturing.running.wait() == 2
    assert (capturing.out.read_text(), "exists" in capturing.running.output) == ("mine", True)


async def test_a_source_that_is_not_there_is_refused(capture: Any) -> None:
    capturing = capture("hubspot")
    assert capturing.running.wait() == 2
    assert "there is no source `hubspot`: dv, sell, zoho" in capturing.running.output
