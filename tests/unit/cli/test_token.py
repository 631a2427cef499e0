from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.main import app
from shared.configuration import load_deployment
from shared.domain.access import AccessKey, Role
from tests.support.configuration_files import ENVIRONMENT, write_configuration

CREATE = ["token", "create", "--tenant", "acme"]


def test_the_printed_line_belongs_to_the_printed_token(tmp_path: Path) -> None:
    lines = (
        CliRunner().invoke(app, [*CREATE, "--role", "rep", "--rep", "ana", "--id", "anas-phone"]).stdout.splitlines()
    )
    token = lines[0].rpartition(" ")[2]
    directory = write_configuration(tmp_path / "acme", access=f"keys:\n{lines[2]}\n")

    keys = load_deployment(directory, ENVIRONMENT).keys

    digest = hashlib.sha256(token.encode()).hexdigest()
    assert keys == (AccessKey(id="anas-phone", tenant="acme", sha256=digest, role=Role.REP, rep="ana"),)


def test_no_token_is_made_twice() -> None:
    made = {CliRunner().invoke(app, [*CREATE, "--role", "admin"]).stdout for _ in range(3)}

    assert len(made) == 3 and all("pacer_" in text for text in made)


def test_a_key_of_a_rep_names_her() -> None:
    assert CliRunner().invoke(app, [*CREATE, "--role", "rep"]).exit_code == 2


def test_a_key_of_a_manager_names_a_team_or_her() -> None:
    assert CliRunner().invoke(app, [*CREATE, "--role", "manager"]).exit_code == 2


def test_the_only_tenant_need_not_be_named(tmp_path: Path) -> None:
    directory = write_configuration(tmp_path / "acme")

    made = CliRunner().invoke(app, ["token", "create", "--role", "admin", "--config", str(directory)])

    assert made.exit_code == 0 and "access.yaml of tenant acme" in made.stdout


def test_a_token_needs_a_tenant_where_nothing_names_one() -> None:
    assert CliRunner().invoke(app, ["token", "create", "--role", "admin"]).exit_code == 2


@pytest.mark.parametrize(
    "wrong",
    [
        ["--tenant", "acne", "--role", "admin"],
        ["--role", "rep", "--rep", "anna"],
        ["--role", "manager", "--team", "apac"],
        ["--role", "admin", "--id", "taken"],
    ],
)
def test_a_key_that_would_make_the_file_invalid_is_refused(tmp_path: Path, wrong: list[str]) -> None:
    access = f"keys:\n  - {{id: taken, role: admin, sha256: {'a' * 64}}}\n"
    directory = write_configuration(tmp_path / "acme", access=access)

    made = CliRunner().invoke(app, ["token", "create", "--config", str(directory), *wrong])

    assert made.exit_code == 2 and "token" not in made.stdout


def test_a_manager_need_not_be_a_rep(tmp_path: Path) -> None:
    people = "teams:\n  - {id: emea, name: EMEA, manager: bea}\nreps: []\n"
    directory = write_configuration(tmp_path / "acme", people=people, targets="targets: []\n", alerts="rules: []\n")

    arguments = ["token", "create", "--config", str(directory), "--role", "manager", "--rep", "bea"]

    assert CliRunner().invoke(app, arguments).exit_code == 0
