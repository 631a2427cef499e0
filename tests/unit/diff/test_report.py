"""What `pacer diff` prints, and its exit status where it never reaches a deployment."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

from click.testing import Result
from typer.testing import CliRunner

from cli.diff.comparing import Change, Moved, SubjectKind
from cli.diff.report import as_json, as_lines
from cli.diff.tenant_diff import TenantDiff
from cli.main import app
from shared.domain.instants import parse
from shared.domain.periods import PeriodKind
from tests.support.configuration_files import FILES, write_configuration

STAYS = Moved(Decimal(60), Decimal(60))


def change(**changes: Any) -> Change:
    known: dict[str, Any] = {
        "kind": SubjectKind.REP, "subject": "ana", "kpi": "revenue", "period_kind": PeriodKind.MONTH,
        "period": "2026-11", "is_current": True, "value": Moved(Decimal("1200.5"), Decimal(900)),
        "target": STAYS, "expected": STAYS,
    }  # fmt: skip
    return Change(**known | changes)


def found(*changes: Change) -> TenantDiff:
    return TenantDiff(tenant="acme", changes=list(changes), alerts=[], moved_records=0, measurable=True)


def test_a_line_says_from_to_and_by_how_much() -> None:
    (line,) = [line for line in as_lines(found(change()), 10) if line.startswith("ana")]

    assert line.split() == ["ana", "revenue", "2026-11", "(now)", "1200.5", "->", "900", "(-300.5)", "60", "60"]


def test_what_is_current_comes_first_and_the_rest_is_counted() -> None:
    lines = list(as_lines(found(change(period="2026-10", is_current=False), change()), 1))

    assert "2026-11 (now)" in lines[2] and not any("2026-10" in line for line in lines)
    assert lines[3] == "... and 1 more: --limit 2, or --json"


def test_nothing_moves_is_said() -> None:
    assert list(as_lines(found(), 10)) == ["acme: nothing moves"]


def test_json_has_numbers_as_numbers_and_null_for_none() -> None:
    told = json.loads(
        as_json(
            [found(change(kind=SubjectKind.TEAM, value=Moved(None, Decimal("0.5"))))], (), parse("2026-11-25T12:00:00Z")
        )
    )

    (one,) = told["tenants"][0]["changes"]
    assert (told["at"], one["team"], one["value"]) == (
        "2026-11-25T12:00:00Z", "ana", {"from": None, "to": 0.5, "difference": None},
    )  # fmt: skip


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["diff", *arguments])


def test_an_edit_that_cannot_be_answered_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    old = write_configuration(tmp_path / "old")
    sources = FILES["sources.yaml"].replace("provider: hubspot", "provider: hubspot\n            won_stages: [signed]")
    new = write_configuration(tmp_path / "new", sources=sources)

    told = run(str(old), str(new), "--redis", "redis://127.0.0.1:1/0", "--json")

    assert told.exit_code == 3 and "refused: stage_lists_changed" in told.stderr
    assert json.loads(told.stdout)["refused"][0]["about"] == "crm"


def test_an_invalid_configuration_is_told_with_its_problems(tmp_path: Path) -> None:
    old = write_configuration(tmp_path / "old")
    new = write_configuration(tmp_path / "new", tenant="tenant: acme\n")

    told = run(str(old), str(new), "--redis", "redis://127.0.0.1:1/0")

    assert told.exit_code == 1 and "tenant.yaml:1" in told.stderr


def test_new_alone_is_compared_with_the_deployments_own(tmp_path: Path) -> None:
    new = write_configuration(tmp_path / "new")

    assert run(str(new), "--redis", "redis://127.0.0.1:1/0").exit_code == 2
    assert run(str(new), "--redis", "redis://127.0.0.1:1/0", "--config", str(new)).exit_code == 1


def test_a_deployment_that_nobody_named_is_asked_for(tmp_path: Path) -> None:
    new = write_configuration(tmp_path / "new")

    assert run(str(new), str(new)).exit_code == 2
