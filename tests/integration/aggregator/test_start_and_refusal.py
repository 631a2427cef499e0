"""How the process refuses to start: with one readable message and the exit code that says who has to act."""

from __future__ import annotations

from pathlib import Path

from tests.support.aggregator_floor import write_configuration
from tests.support.processes import Processes


def test_wrong_settings_exit_2(processes: Processes) -> None:
    worker = processes.start("services.aggregator", env={"PACER_CHUNK__EVENTS": "none"})
    assert worker.wait() == 2
    assert "PACER_CHUNK__EVENTS" in worker.output


def test_a_missing_configuration_directory_exits_2(processes: Processes, tmp_path: Path) -> None:
    worker = processes.start("services.aggregator", env={"PACER_CONFIG_DIR": str(tmp_path / "absent")})
    assert worker.wait() == 2
    assert "there is no directory" in worker.output


def test_a_wrong_configuration_exits_2(processes: Processes, tmp_path: Path) -> None:
    config = write_configuration(tmp_path / "config")
    (config / "kpis.yaml").write_text("kpis: 17\n")
    worker = processes.start("services.aggregator", env={"PACER_CONFIG_DIR": str(config), "TOKEN": "t"})
    assert worker.wait() == 2
    assert "kpis.yaml" in worker.output
