from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.main import app
from tests.support.configuration_files import ENVIRONMENT, write_configuration


@pytest.fixture
def runner() -> CliRunner:
    return CliRunner(env=ENVIRONMENT)


def test_a_valid_configuration_is_summed_up_in_one_line(runner: CliRunner, tmp_path: Path) -> None:
    answer = runner.invoke(app, ["check", str(write_configuration(tmp_path / "acme"))])

    assert (answer.exit_code, answer.stdout) == (0, "OK: 1 tenant, 2 reps, 2 KPIs, 1 target, 1 rule\n")


def test_each_problem_is_a_line_with_file_line_and_remedy(runner: CliRunner, tmp_path: Path) -> None:
    directory = write_configuration(tmp_path / "acme", tenant="tenant: acme\ntime_zone: Europe/Berlin\ncurency: EUR\n")

    answer = runner.invoke(app, ["check", str(directory)])

    assert answer.output.splitlines() == [
        f"{directory}/tenant.yaml:1: `currency` is missing. Add it",
        f"{directory}/tenant.yaml:3: unknown key `curency`. Did you mean `currency`?",
    ]


def test_problems_end_with_status_1(runner: CliRunner, tmp_path: Path) -> None:
    assert runner.invoke(app, ["check", str(tmp_path)]).exit_code == 1
