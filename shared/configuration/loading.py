"""From a directory to a deployment: every tenant, or every problem."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from shared.configuration.deployment import Deployment
from shared.configuration.problems import Report
from shared.configuration.secret_values import FilesRead, SecretPlaces
from shared.configuration.tenant_directory import (
    TENANT_FILE,
    CompiledTenant,
    TenantFiles,
    check_secrets,
    compile_tenant,
    read_tenant,
)
from shared.domain.access import AccessKey


def load_deployment(
    directory: Path, environment: Mapping[str, str], *, secrets_needed: bool = True, files: FilesRead | None = None
) -> Deployment:
    """Reads, checks and compiles ``directory``: one tenant's, or one that holds a directory a tenant.

    ``environment`` is where ``{env: NAME}`` is looked up; with ``secrets_needed`` False those of
    sources and receivers are left out. ``files`` notes what ``{file: PATH}`` led to.

    Raises: ConfigurationInvalid with every problem.
    """
    report = Report()
    read = [read_tenant(found, report) for found in _tenant_directories(directory, report)]
    tenants = [each for each in read if each is not None]
    _refuse_shared_names(tenants)
    noted = FilesRead() if files is None else files
    places = {each.directory: SecretPlaces(each.directory, environment, secrets_needed, noted) for each in tenants}
    for each in tenants:
        check_secrets(each, places[each.directory])
    compiled = [compile_tenant(each, places[each.directory]) for each in tenants if not _has_problems(each, report)]
    report.raise_if_any()
    return Deployment(
        tenants={each.tenant.id: each.tenant for each in compiled},
        sources={name: source for each in compiled for name, source in each.sources.items()},
        alerting={each.tenant.id: each.alerting for each in compiled},
        keys=_keys(compiled),
    )


def _tenant_directories(directory: Path, report: Report) -> list[Path]:
    if (directory / TENANT_FILE).is_file():
        return [directory]
    inner = sorted(path for path in directory.iterdir() if path.is_dir()) if directory.is_dir() else []
    visible = [path for path in inner if not path.name.startswith(".")]
    found = [path for path in visible if (path / TENANT_FILE).is_file()]
    for path in visible:
        if path not in found and any(path.glob("*.yaml")):
            report.add(str(path / TENANT_FILE), 1, "the tenant's file is missing. Add it, or remove the directory")
    if not found and not report.problems:
        remedy = "Give one tenant's directory, or one that holds a directory a tenant"
        missing = "such file" if directory.is_dir() else "directory"
        report.add(str(directory / TENANT_FILE), 1, f"there is no {missing} here. {remedy}")
    return found


def _has_problems(files: TenantFiles, report: Report) -> bool:
    """Whether something is wrong within a tenant, so that there is nothing to compile."""
    return any(Path(problem.file).parent == files.directory for problem in report.problems)


def _refuse_shared_names(tenants: list[TenantFiles]) -> None:
    """Tenants, their sources' ids and their keys are unique in the deployment."""
    taken: dict[tuple[str, str], str] = {}

    def is_taken(what: str, name: str, by: str) -> bool:
        return taken.setdefault((what, name), by) != by

    for index, files in enumerate(tenants):
        by = f"{index} {files.tenant.model.tenant}"
        if is_taken("tenant", files.tenant.model.tenant, by):
            files.tenant.problem(("tenant",), f"the tenant `{files.tenant.model.tenant}` is there twice. Rename one")
        for position, source in enumerate(files.sources.model.sources):
            if is_taken("source", source.id, by):
                remedy = "Source ids are unique in the deployment: rename one"
                files.sources.problem(
                    ("sources", position, "id"), f"another tenant has a source `{source.id}`. {remedy}"
                )
        _refuse_shared_keys(files, by, taken)


def _refuse_shared_keys(files: TenantFiles, by: str, taken: dict[tuple[str, str], str]) -> None:
    if files.access is None:
        return
    for position, key in enumerate(files.access.model.keys):
        holder = f"{by} {key.id}"
        if taken.setdefault(("key", key.sha256), holder) != holder:
            files.access.problem(("keys", position, "sha256"), "two keys have one token. Make another token for one")


def _keys(tenants: list[CompiledTenant]) -> tuple[AccessKey, ...] | None:
    protected = [each.keys for each in tenants if each.keys is not None]
    return tuple(key for keys in protected for key in keys) if protected else None
