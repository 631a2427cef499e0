"""The service as a process: starts, takes deliveries, follows its configuration, ends in order."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from shared.contracts.messages import decode_change
from shared.contracts.topics import CRM_EVENTS
from tests.support.crm_sender import NATIVE_TOKEN, event
from tests.support.eventually import eventually
from tests.support.kafka_reader import read_all
from tests.support.processes import PROJECT, Processes, Running

SOURCES = """
sources:
  - {id: process-test, provider: native, secrets: [{env: PROCESS_TEST_TOKEN}]}
"""
ANOTHER = "  - {id: another, provider: native, secrets: [{env: PROCESS_TEST_TOKEN}]}\n"
AUTHORIZED = {"Authorization": f"Bearer {NATIVE_TOKEN}"}
PATH = "/v1/webhooks/process-test"
Start = Callable[..., tuple[Running, httpx.Client]]


@pytest.fixture
def configuration(tmp_path: Path) -> Path:
    directory = tmp_path / "acme"
    directory.mkdir()
    for name in ("tenant.yaml", "kpis.yaml"):
        shutil.copy(PROJECT / "config" / "acme" / name, directory)
    (directory / "people.yaml").write_text(
        "teams: [{id: emea, name: EMEA}]\nreps: [{id: ana, name: Ana, teams: [emea]}]\n"
    )
    (directory / "sources.yaml").write_text(SOURCES)
    return directory


@pytest.fixture
def start(processes: Processes, configuration: Path, free_port: int) -> Iterator[Start]:
    clients: list[httpx.Client] = []

    def started(bootstrap: str) -> tuple[Running, httpx.Client]:
        environment = {
            "PACER_CONFIG_DIR": str(configuration),
            "PACER_KAFKA__BOOTSTRAP_SERVERS": bootstrap,
            "PACER_HTTP__PORT": str(free_port),
            "PROCESS_TEST_TOKEN": NATIVE_TOKEN,
        }
        running = processes.start("services.ingest", env=environment)
        clients.append(httpx.Client(base_url=f"http://127.0.0.1:{free_port}", timeout=15))
        return running, clients[-1]

    yield started
    for client in clients:
        client.close()


async def is_ready(http: httpx.Client) -> None:
    await eventually(lambda: http.get("/readyz").status_code, equals=200, within_seconds=30)


async def test_a_delivery_is_in_kafka_when_it_is_acknowledged(start: Start, embedded_kafka: str) -> None:
    _, http = start(embedded_kafka)
    await is_ready(http)
    assert http.post(PATH, json=event("process-1"), headers=AUTHORIZED).status_code == 202
    read = read_all(embedded_kafka, CRM_EVENTS, until=lambda found: any(b"process-1" in m.value() for m in found))
    assert "process-1" in {decode_change(message.value()).event for message in read}


@pytest.mark.parametrize("chunked", [False, True])
async def test_who_sends_far_too_much_still_reads_the_answer(start: Start, embedded_kafka: str, chunked: bool) -> None:
    _, http = start(embedded_kafka)
    await is_ready(http)
    parts = [b" " * 65_536] * 80
    answer = http.post(PATH, content=iter(parts) if chunked else b"".join(parts), headers=AUTHORIZED)
    assert (answer.status_code, answer.json()["reason"]) == (413, "body_too_large")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_it_in_order(start: Start, embedded_kafka: str, number: signal.Signals) -> None:
    running, http = start(embedded_kafka)
    await is_ready(http)
    running.signal(number)
    assert running.wait(15) == 0, running.output


async def test_without_kafka_it_lives_and_says_503(start: Start, free_port: int) -> None:
    _, http = start(f"127.0.0.1:{free_port}")
    await eventually(lambda: http.get("/livez").status_code, equals=200, within_seconds=20)
    answer = http.post(PATH, json=event(), headers=AUTHORIZED)
    assert (answer.status_code, answer.json()["reason"]) == (503, "kafka_unavailable")
    assert http.get("/readyz").status_code == 503


async def test_an_edit_of_the_sources_is_followed(start: Start, embedded_kafka: str, configuration: Path) -> None:
    _, http = start(embedded_kafka)
    await is_ready(http)
    (configuration / "sources.yaml").write_text(SOURCES + ANOTHER)
    await eventually(
        lambda: http.post("/v1/webhooks/another", json=event(), headers=AUTHORIZED).status_code, equals=202
    )


async def test_an_invalid_edit_keeps_the_old_sources_and_is_told(
    start: Start, embedded_kafka: str, configuration: Path
) -> None:
    _, http = start(embedded_kafka)
    await is_ready(http)
    (configuration / "sources.yaml").write_text("sources: 5\n")
    await eventually(lambda: "pacer_config_valid 0.0" in http.get("/metrics").text)
    assert http.post(PATH, json=event(), headers=AUTHORIZED).status_code == 202
    assert "invalid" in http.get("/readyz").json()["dependencies"]["configuration"]["state"]


async def test_a_configuration_that_is_wrong_from_the_start_ends_it(
    start: Start, embedded_kafka: str, configuration: Path
) -> None:
    (configuration / "sources.yaml").write_text("sources: 5\n")
    running, _ = start(embedded_kafka)
    assert running.wait(20) == 2
    assert "sources.yaml:1" in running.output


def sources_with(*files: Path) -> str:
    secrets = ", ".join(f"{{file: {file}}}" for file in files)
    return f"sources:\n  - {{id: process-test, provider: native, secrets: [{secrets}]}}\n"


async def test_secrets_rotate_without_a_restart(
    start: Start, embedded_kafka: str, configuration: Path, tmp_path: Path
) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    old.write_text("old-token\n")
    new.write_text("new-token\n")
    (configuration / "sources.yaml").write_text(sources_with(old))
    running, http = start(embedded_kafka)
    await is_ready(http)

    def codes(*tokens: str) -> list[int]:
        return [http.post(PATH, json=event(), headers={"Authorization": f"Bearer {t}"}).status_code for t in tokens]

    assert codes("old-token", "new-token") == [202, 401]
    (configuration / "sources.yaml").write_text(sources_with(new, old))
    await eventually(lambda: codes("old-token", "new-token"), equals=[202, 202])
    (configuration / "sources.yaml").write_text(sources_with(new))
    await eventually(lambda: codes("old-token", "new-token"), equals=[401, 202])
    (tmp_path / "next").write_text("newest-token\n")
    (tmp_path / "next").replace(new)  # the file alone, no edit of sources.yaml
    await eventually(lambda: codes("new-token", "newest-token"), equals=[401, 202])
    assert running.process.poll() is None
