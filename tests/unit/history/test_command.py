"""`pacer import` as far as it goes without a broker: what it checks, says and refuses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from cli.main import app
from tests.support.configuration_files import write_configuration

GOOD = {"id": "e1", "type": "call.logged", "rep": "ana", "occurred_at": "2026-11-23T09:30:00Z"}


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return write_configuration(tmp_path / "acme")


def run(config: Path, file: Path | str, *arguments: str, source: str = "own", **options: Any) -> Result:
    place = ["--config", str(config), "--kafka", "127.0.0.1:1", "--redis", "redis://:secret@127.0.0.1:1/0"]
    return CliRunner().invoke(app, ["import", str(file), "--source", source, *place, *arguments], **options)


def write(path: Path, *events: dict[str, Any] | str) -> Path:
    path.write_text("".join((each if isinstance(each, str) else json.dumps(each)) + "\n" for each in events))
    return path


def test_a_dry_run_says_what_is_there(config: Path, tmp_path: Path) -> None:
    found = run(config, write(tmp_path / "h.jsonl", GOOD, GOOD | {"id": "e2"}), "--dry-run")

    assert found.exit_code == 0 and "2 events from 2026-11-23T09:30:00Z" in found.stdout


def test_one_bad_line_and_nothing_is_imported(config: Path, tmp_path: Path) -> None:
    found = run(config, write(tmp_path / "h.jsonl", GOOD, GOOD | {"type": "call"}, GOOD))

    assert found.exit_code == 1
    assert f"{tmp_path}/h.jsonl:2: invalid_type: type is a record type" in found.stderr
    assert "nothing was imported" in found.stderr


def test_bad_lines_are_written_out_as_they_are(config: Path, tmp_path: Path) -> None:
    file, bad = tmp_path / "h.csv", tmp_path / "bad.csv"
    file.write_text("id,type,occurred_at\na,call.logged,2026-11-23T09:30:00Z\nb,call,x\nc,call.logged\n")

    found = run(config, file, "--skip-bad", str(bad), "--dry-run")

    assert found.exit_code == 0 and "2 bad lines are in" in found.stdout
    assert bad.read_text() == "id,type,occurred_at\nb,call,x\nc,call.logged\n"


def test_the_file_itself_is_no_place_for_its_bad_lines(config: Path, tmp_path: Path) -> None:
    file = write(tmp_path / "h.jsonl", GOOD, "{")

    assert run(config, file, "--skip-bad", str(file)).exit_code == 1
    assert file.read_text().endswith("{\n")


def test_standard_input_is_read_whole_before_anything_is_imported(config: Path) -> None:
    found = run(config, "-", input=json.dumps(GOOD) + "\n{\n")

    assert found.exit_code == 1 and "standard input:2: malformed_line" in found.stderr


def test_history_of_another_provider_is_named_by_its_owners(config: Path, tmp_path: Path) -> None:
    file = write(tmp_path / "h.jsonl", GOOD, GOOD | {"rep": "11"})

    found = run(config, file, "--dry-run", source="crm")

    assert found.exit_code == 0 and "1 events name 1 owners" in found.stderr and "(ana)" in found.stderr


def test_a_source_that_is_not_configured_is_refused_with_those_that_are(config: Path, tmp_path: Path) -> None:
    found = run(config, write(tmp_path / "h.jsonl", GOOD), source="nobody")

    assert found.exit_code == 2 and "crm, own" in found.stderr


def test_a_file_that_is_not_there_is_told(config: Path, tmp_path: Path) -> None:
    found = run(config, tmp_path / "no.csv")

    assert found.exit_code == 1 and "cannot be read" in found.stderr


def test_an_import_says_which_deployment_it_misses(config: Path, tmp_path: Path) -> None:
    found = CliRunner().invoke(app, ["import", str(tmp_path / "h"), "--source", "own", "--config", str(config)])

    assert found.exit_code == 2 and "--data DIR" in found.stderr
