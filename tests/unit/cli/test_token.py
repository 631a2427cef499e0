from __future__ import annotations

import hashlib
from pathlib import Path

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
