"""Which deployment a command is about, and what is said when that is not clear."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
import typer

from cli.deployment import (
    Asked,
    DeploymentUnclear,
    configured,
    find_configuration,
    find_deployment,
    find_redis,
    or_exit,
)
from cli.up.data_directory import NothingRunning, RunningDeployment, hold, write_deployment
from shared.configuration import ConfigurationInvalid
from tests.support.configuration_files import write_configuration

OPTIONS = Asked(config=Path("tenant"), kafka="broker:9092", redis="redis://:pw@store:6379/1")


@pytest.fixture(autouse=True)
def _nothing_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PACER_CONFIG_DIR", "PACER_KAFKA__BOOTSTRAP_SERVERS", "PACER_REDIS__URL", "PACER_KAFKA__LOG_IDENTITY"):
        monkeypatch.delenv(name, raising=False)


@contextmanager
def running(directory: Path) -> Iterator[RunningDeployment]:
    deployment = RunningDeployment(
        pid=1, config="/c", kafka="127.0.0.1:1", redis="redis://x/0", ports={}, log_identity="embedded-1"
    )
    with hold(directory):
        write_deployment(directory, deployment)
        yield deployment


def test_options_name_a_deployment() -> None:
    found = find_deployment(OPTIONS)

    assert (found.config, found.kafka.bootstrap_servers) == (Path("tenant"), "broker:9092")
    assert found.redis.url.get_secret_value() == "redis://:pw@store:6379/1"
    assert not found.embedded


def test_a_running_pacer_up_is_found_by_its_data_directory(tmp_path: Path) -> None:
    with running(tmp_path):
        found = find_deployment(Asked(data=tmp_path))

    assert (found.config, found.kafka.bootstrap_servers) == (Path("/c"), "127.0.0.1:1")
    assert found.embedded and found.log_identity == "embedded-1"


def test_the_environment_of_its_services_names_a_deployment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PACER_CONFIG_DIR", "/from/environment")
    monkeypatch.setenv("PACER_KAFKA__BOOTSTRAP_SERVERS", "k:1")
    monkeypatch.setenv("PACER_KAFKA__LOG_IDENTITY", "embedded-2")
    monkeypatch.setenv("PACER_KAFKA__PARTITIONS", "3")
    monkeypatch.setenv("PACER_REDIS__URL", "redis://r/0")
    monkeypatch.setenv("PACER_REDIS__TIMEOUT", "PT9S")

    found = find_deployment(Asked())

    assert (found.config, found.log_identity) == (Path("/from/environment"), "embedded-2")
    assert (found.kafka.bootstrap_servers, found.kafka.partitions) == ("k:1", 3)
    assert found.redis.timeout == timedelta(seconds=9)


def test_options_go_before_the_environment_part_by_part(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PACER_CONFIG_DIR", "/from/environment")
    monkeypatch.setenv("PACER_KAFKA__BOOTSTRAP_SERVERS", "k:1")
    monkeypatch.setenv("PACER_REDIS__URL", "redis://r/0")

    found = find_deployment(Asked(kafka="k:2"))

    assert (found.config, found.kafka.bootstrap_servers) == (Path("/from/environment"), "k:2")


def test_the_environments_log_is_not_that_of_another_broker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PACER_KAFKA__LOG_IDENTITY", "embedded-2")

    assert find_deployment(OPTIONS).log_identity is None


def test_a_data_directory_goes_before_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PACER_KAFKA__BOOTSTRAP_SERVERS", "k:1")
    with running(tmp_path) as deployment:
        assert find_deployment(Asked(data=tmp_path)).kafka.bootstrap_servers == deployment.kafka


def test_options_may_repeat_what_runs(tmp_path: Path) -> None:
    with running(tmp_path) as deployment:
        again = Asked(config=Path(deployment.config), kafka=deployment.kafka, redis=deployment.redis, data=tmp_path)

        assert find_deployment(again) == find_deployment(Asked(data=tmp_path))


@pytest.mark.parametrize(
    "other", [{"kafka": "other:1"}, {"redis": "redis://:secret@other/0"}, {"config": Path("elsewhere")}]
)
def test_options_that_contradict_what_runs_are_refused(tmp_path: Path, other: dict[str, object]) -> None:
    with running(tmp_path), pytest.raises(DeploymentUnclear, match="different deployments") as refused:
        find_deployment(Asked(data=tmp_path, **other))  # type: ignore[arg-type]

    assert "secret" not in str(refused.value) and "\n" not in str(refused.value)


def test_what_nobody_said_is_named_with_every_way_to_say_it() -> None:
    with pytest.raises(
        DeploymentUnclear, match=r"--data DIR.*--config and --redis.*PACER_CONFIG_DIR, PACER_REDIS__URL"
    ):
        find_deployment(Asked(kafka="k:1"))


def test_a_data_directory_without_a_pacer_up_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NothingRunning):
        find_deployment(Asked(data=tmp_path))


@pytest.mark.parametrize("wrong", [{"kafka": "local"}, {"kafka": "k:1,k"}, {"redis": "store:6379"}])
def test_a_misspelt_address_is_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(DeploymentUnclear):
        find_deployment(Asked(config=Path("c"), **{"kafka": "k:1", "redis": "redis://r/0", **wrong}))


@pytest.mark.parametrize("url", ["rediss://r/0", "redis+cluster://r:7000", "unix:///run/valkey"])
def test_every_address_that_services_take_is_taken(url: str) -> None:
    assert find_redis(Asked(redis=url)).url.get_secret_value() == url


def test_a_reader_of_stored_numbers_wants_redis_only() -> None:
    assert find_redis(Asked(redis="redis://r/0")).url.get_secret_value() == "redis://r/0"


def test_a_reader_of_stored_numbers_wants_redis() -> None:
    with pytest.raises(DeploymentUnclear, match="--redis"):
        find_redis(Asked())


def test_a_configuration_that_nobody_names_is_none() -> None:
    assert find_configuration(Asked()) is None


def test_no_password_is_shown() -> None:
    assert "pw" not in repr(find_deployment(OPTIONS))


def test_an_unclear_deployment_is_one_line_and_exit_2(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit) as ended:
        or_exit(lambda: find_deployment(Asked()))

    assert ended.value.exit_code == 2 and len(capsys.readouterr().err.splitlines()) == 1


def test_an_invalid_configuration_is_told_problem_by_problem(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    directory = write_configuration(tmp_path / "acme", tenant="tenant: acme\nwrong: 1\n")
    with pytest.raises(typer.Exit) as ended:
        or_exit(lambda: configured(directory))

    assert ended.value.exit_code == 1 and "tenant.yaml:2" in capsys.readouterr().err


def test_a_command_does_without_the_secrets_of_webhooks(tmp_path: Path) -> None:
    deployment = configured(write_configuration(tmp_path / "acme"))

    assert set(deployment.sources) == {"crm", "own"}


def test_a_feed_of_absences_is_no_secret_to_do_without(tmp_path: Path) -> None:
    people = "reps:\n  - {id: ana, name: Ana, absences: [{ics: {env: NO_SUCH_FEED}}]}\n"
    directory = write_configuration(tmp_path / "acme", people=people, targets="targets: []\n")

    with pytest.raises(ConfigurationInvalid, match="NO_SUCH_FEED"):
        configured(directory)
