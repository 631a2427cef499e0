"""One supervisor a data directory, found by other commands while it runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli.up.data_directory import (
    DataDirectoryInUse,
    NothingRunning,
    RunningDeployment,
    hold,
    read_deployment,
    write_deployment,
)

RUNNING = RunningDeployment(pid=1, config="/c", kafka="127.0.0.1:1", redis="redis://x/0", ports={"api": 8080})


def test_a_second_supervisor_is_refused(tmp_path: Path) -> None:
    with hold(tmp_path), pytest.raises(DataDirectoryInUse, match="--data"), hold(tmp_path):
        pass


def test_a_running_deployment_is_found(tmp_path: Path) -> None:
    with hold(tmp_path):
        write_deployment(tmp_path, RUNNING)
        assert read_deployment(tmp_path) == RUNNING


def test_it_is_gone_when_the_supervisor_ends(tmp_path: Path) -> None:
    with hold(tmp_path):
        write_deployment(tmp_path, RUNNING)
    with pytest.raises(NothingRunning):
        read_deployment(tmp_path)


def test_what_a_killed_supervisor_left_is_not_believed(tmp_path: Path) -> None:
    (tmp_path / "lock").touch()
    write_deployment(tmp_path, RUNNING)
    with pytest.raises(NothingRunning, match="no `pacer up` runs"):
        read_deployment(tmp_path)


def test_only_its_owner_may_read_the_addresses(tmp_path: Path) -> None:
    write_deployment(tmp_path, RUNNING)
    assert (tmp_path / "deployment.json").stat().st_mode & 0o077 == 0
