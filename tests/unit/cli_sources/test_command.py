"""The command: what it prints, where it looks, and how it ends."""

from __future__ import annotations

from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from typer.testing import CliRunner

from cli.main import app
from cli.sources.reachable import states
from cli.up.data_directory import RunningDeployment, hold, write_deployment
from services.ingest.domain.delivery import Problem, Receipt
from services.ingest.domain.refusals import RefusalReason
from services.ingest.metrics import IngestMetrics
from shared.domain.instants import parse
from tests.support.configuration_files import ENVIRONMENT, write_configuration

SOURCES = """
sources:
  - {id: hub, provider: hubspot, public_url: https://hooks.example.com/v1/webhooks/hub, secrets: [{env: HUB}]}
  - id: sf
    provider: salesforce_outbound_message
    secrets: [{env: SF}]
    options: {organization_ids: [00D1I000003qqqEUAQ]}
  - {id: crm, provider: native, secrets: [{env: NATIVE}], limits: {burst: 7}}
"""
SECRETS = {"HUB": "hub-secret-1", "SF": "sf-token-2", "NATIVE": "native-token-3"}


@pytest.fixture
def directory(tmp_path: Path) -> str:
    return str(write_configuration(tmp_path / "acme", sources=SOURCES))


def run(*arguments: str, **environment: str) -> tuple[int, str]:
    """Exit status and all output."""
    answer = CliRunner(env=ENVIRONMENT | SECRETS | environment).invoke(app, ["sources", *arguments])
    return answer.exit_code, answer.output


def test_each_source_with_its_address_and_no_secret(directory: str) -> None:
    code, output = run("--config", directory)
    assert code == 0
    assert "address     https://hooks.example.com/v1/webhooks/hub\n" in output
    assert "https://<your host>/v1/webhooks/sf/<a secret of this source>" in output
    assert "Authorization: Bearer <a secret of this source>" in output
    assert "bursts of 7" in output
    assert not any(secret in output for secret in SECRETS.values())


def test_without_the_secrets_it_can_still_be_read(directory: str) -> None:
    assert run("--config", directory, HUB="", SF="", NATIVE="")[0] == 0


def test_secrets_only_where_they_are_asked_for(directory: str) -> None:
    output = run("--config", directory, "--show-secrets")[1]
    assert "/v1/webhooks/sf/sf-token-2" in output
    assert "Bearer native-token-3" in output


def test_one_source_alone(directory: str) -> None:
    code, output = run("crm", "--config", directory)
    assert (code, "Native" in output, "HubSpot" in output) == (0, True, False)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nobody"], "there is no source `nobody`"),
        (["--test"], "which ingest?"),
        (["--ingest", "127.0.0.1:8081"], "--ingest is an address"),
    ],
)
def test_what_is_unclear_is_asked_for(directory: str, arguments: list[str], said: str) -> None:
    code, output = run(*arguments, "--config", directory)
    assert (code, said in output) == (2, True), output


def test_a_missing_secret_ends_a_test(directory: str) -> None:
    code, output = run("--test", "--config", directory, "--ingest", "http://127.0.0.1:1", HUB="")
    assert (code, "`HUB` is not set" in output) == (1, True), output


def test_nobody_there_is_a_failure(directory: str) -> None:
    code, output = run("--test", "--config", directory, "--ingest", "http://127.0.0.1:1")
    assert code == 1
    assert output.count("unreachable") == 3
    assert not any(secret in output for secret in SECRETS.values())


def test_a_running_pacer_up_is_asked(directory: str, tmp_path: Path) -> None:
    data = tmp_path / "data"
    running = RunningDeployment(pid=1, config=directory, kafka="k:1", redis="redis://x/0", ports={"ingest": 1})
    with hold(data):
        write_deployment(data, running)
        code, output = run("--test", "--data", str(data))
    assert (code, output.count("unreachable")) == (1, 3)


def test_a_state_is_what_the_metrics_say() -> None:
    registry = CollectorRegistry()
    metrics = IngestMetrics(registry)
    metrics.expect_sources(["hub", "new"])
    receipt = Receipt(accepted=120, quarantined=1, ignored=0, delivery="dl_1", problems=(Problem(0, "missing_id"),))
    metrics.stored("hub", receipt, now=parse("2026-11-23T09:30:00Z"), skew_us=None)
    metrics.refused("hub", RefusalReason.BAD_SIGNATURE)
    found = states(generate_latest(registry).decode())
    assert found == {
        "hub": "events 1 quarantined, 120 accepted; refused deliveries 1 bad_signature; last event 2026-11-23T09:30:00Z"
    }
