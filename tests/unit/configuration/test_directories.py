"""One tenant's directory, or several; the sample; edits."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

import pytest

from shared.configuration import ConfigurationInvalid, Deployment, configuration_version, load_deployment, watch
from tests.support.configuration_files import ENVIRONMENT, write_configuration
from tests.unit.configuration.conftest import Problems

SAMPLE = Path(__file__).parents[3] / "config" / "acme"
SAMPLE_ENVIRONMENT = {
    "ACME_HUBSPOT_SECRET": "s",
    "ACME_NATIVE_TOKEN": "t",
    "ACME_OPS_URL": "http://127.0.0.1/",
    "ACME_OPS_SECRET": "whsec_YWJj",
}
OTHER = "tenant: other\ntime_zone: Europe/Berlin\ncurrency: EUR\n"
OTHER_SOURCES = """\
sources:
- {id: other-crm, provider: native, secrets: [{env: CRM_SECRET}]}
"""
OTHER_PEOPLE = "reps: []\n"
SOON = timedelta(milliseconds=10)


def write_other(directory: Path, **files: str) -> None:
    said = {"tenant": OTHER, "sources": OTHER_SOURCES, "people": OTHER_PEOPLE, "targets": "", "alerts": ""}
    write_configuration(directory, **said | files)


def problems_of(directory: Path) -> list[str]:
    with pytest.raises(ConfigurationInvalid) as caught:
        load_deployment(directory, ENVIRONMENT)
    return [str(problem) for problem in caught.value.problems]


def test_the_sample_tenant_has_four_teams_and_24_reps() -> None:
    tenant = load_deployment(SAMPLE, SAMPLE_ENVIRONMENT).tenants["acme"]

    assert (len(tenant.organisation.teams), len(tenant.organisation.reps)) == (4, 24)


def test_a_directory_may_hold_one_a_tenant(tmp_path: Path) -> None:
    write_configuration(tmp_path / "acme")
    write_other(tmp_path / "other")

    deployment = load_deployment(tmp_path, ENVIRONMENT)

    assert (set(deployment.tenants), set(deployment.sources)) == ({"acme", "other"}, {"crm", "own", "other-crm"})


def test_source_ids_are_unique_over_tenants(tmp_path: Path) -> None:
    write_configuration(tmp_path / "acme")
    write_other(tmp_path / "other", sources=OTHER_SOURCES.replace("other-crm", "crm"))

    assert problems_of(tmp_path) == [
        (
            f"{tmp_path}/other/sources.yaml:2: another tenant has a source `crm`. "
            "Source ids are unique in the deployment: rename one"
        )
    ]


def test_a_tenant_is_there_once(tmp_path: Path) -> None:
    write_configuration(tmp_path / "acme")
    write_other(tmp_path / "other", tenant=OTHER.replace("other", "acme"))

    assert problems_of(tmp_path) == [f"{tmp_path}/other/tenant.yaml:1: the tenant `acme` is there twice. Rename one"]


def test_two_keys_never_share_a_token(tmp_path: Path) -> None:
    key = f"keys:\n- {{id: a, sha256: {'0' * 64}, role: admin}}\n"
    write_configuration(tmp_path / "acme", access=key)
    write_other(tmp_path / "other", access=key)

    assert problems_of(tmp_path) == [
        f"{tmp_path}/other/access.yaml:2: two keys have one token. Make another token for one"
    ]


def test_a_directory_without_a_tenant_is_refused(tmp_path: Path) -> None:
    assert problems_of(tmp_path)[0].startswith(f"{tmp_path}/tenant.yaml:1: there is no such file here.")


def test_a_directory_that_is_not_there_is_refused(tmp_path: Path) -> None:
    assert problems_of(tmp_path / "gone")[0].startswith(f"{tmp_path}/gone/tenant.yaml:1: ")


def test_a_misspelt_file_is_not_taken_for_one_that_is_absent(problems: Problems) -> None:
    assert problems(kpi="kpis: []\n")[0][:2] == ("kpi.yaml", 1)


def test_every_problem_is_told_at_once(problems: Problems) -> None:
    found = problems(
        tenant="tenant: acme\ntime_zone: Nowhere\ncurrency: euro\n",
        kpis="kpis:\n- {id: calls, unit: count}\n",
        people="reps:\n- {id: ana, name: Ana, teams: [gone]}\n",
    )

    assert [each[:2] for each in found] == [
        ("kpis.yaml", 2), ("kpis.yaml", 2), ("people.yaml", 2), ("tenant.yaml", 2), ("tenant.yaml", 3),
    ]  # fmt: skip


def test_secrets_never_show_in_problems(problems: Problems) -> None:
    found = problems(sources="sources:\n- {id: crm, provider: native, secrets: [hunter2]}\n")

    assert "hunter2" not in str(found)


def test_the_version_changes_with_every_edit_and_back(tmp_path: Path) -> None:
    directory = write_configuration(tmp_path / "acme")
    before = configuration_version(directory)
    (directory / "targets.csv").write_text("kpi,period,for,id,value\n")
    edited = configuration_version(directory)
    (directory / "targets.csv").unlink()

    assert edited != before == configuration_version(directory)


T = TypeVar("T")


async def next_of(changes: AsyncIterator[T]) -> T:
    async with asyncio.timeout(10):
        return await anext(changes)


async def test_an_edit_is_noticed_valid_or_not(tmp_path: Path) -> None:
    directory = write_configuration(tmp_path / "acme")
    changes = watch(directory, ENVIRONMENT, SOON, since=configuration_version(directory))

    (directory / "tenant.yaml").write_text("tenant: acme\n")
    spoiled = await next_of(changes)
    write_configuration(directory)
    mended = await next_of(changes)

    assert isinstance(spoiled.outcome, ConfigurationInvalid) and isinstance(mended.outcome, Deployment)
    await changes.aclose()
