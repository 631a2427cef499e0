"""One tenant's directory: its files parsed, checked against each other, and compiled."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from shared.configuration.access_file import AccessModel, check_access, compile_keys
from shared.configuration.alerts_compiler import check_alerts, compile_alerting
from shared.configuration.alerts_file import AlertsModel
from shared.configuration.kpis_file import KpisModel, check_kpis, compile_kpis
from shared.configuration.parsing import Section, parse
from shared.configuration.people_file import PeopleModel, check_identities, check_people, compile_people, owners_of
from shared.configuration.problems import Report
from shared.configuration.secret_values import SecretPlaces
from shared.configuration.sources_file import (
    SourcesModel,
    check_source_secrets,
    check_sources,
    compile_sources,
    rhythms,
)
from shared.configuration.targets_file import TargetsModel, check_targets, compile_targets, parse_targets_csv
from shared.configuration.tenant_file import (
    TenantModel,
    check_tenant,
    compile_calendar,
    compile_credit,
    compile_currencies,
)
from shared.domain.access import AccessKey
from shared.domain.alerting import Alerting
from shared.domain.sources import Source
from shared.domain.tenant import Tenant

TENANT_FILE = "tenant.yaml"
FILES = ("tenant", "sources", "people", "kpis", "targets", "alerts", "access")
SUFFIXES = frozenset({".yaml", ".yml"})


@dataclass(frozen=True)
class TenantFiles:
    """All files of a directory as models. ``targets`` are YAML then CSV; ``access`` None: no such file."""

    directory: Path
    tenant: Section[TenantModel]
    sources: Section[SourcesModel]
    people: Section[PeopleModel]
    kpis: Section[KpisModel]
    targets: tuple[Section[TargetsModel], ...]
    alerts: Section[AlertsModel]
    access: Section[AccessModel] | None


@dataclass(frozen=True)
class CompiledTenant:
    """What a directory says, as domain values."""

    tenant: Tenant
    sources: Mapping[str, Source]
    alerting: Alerting
    keys: tuple[AccessKey, ...] | None


def read_tenant(directory: Path, report: Report) -> TenantFiles | None:
    """Parses and checks every file; None where some file is no model, with the problems in the report."""
    _refuse_strays(directory, report)
    tenant = parse(directory / TENANT_FILE, TenantModel, report)
    sources = parse(directory / "sources.yaml", SourcesModel, report)
    people = parse(directory / "people.yaml", PeopleModel, report)
    kpis = parse(directory / "kpis.yaml", KpisModel, report)
    targets = [parse(directory / "targets.yaml", TargetsModel, report)]
    if (table := directory / "targets.csv").exists():
        targets.append(parse_targets_csv(table, report))
    alerts = parse(directory / "alerts.yaml", AlertsModel, report)
    protected = (directory / "access.yaml").exists()
    access = parse(directory / "access.yaml", AccessModel, report)
    _check_each(tenant, sources, people, kpis)
    _check_together(people, sources, kpis, targets=targets, alerts=alerts, access=access)
    if not (tenant and sources and people and kpis and alerts and access):
        return None
    readable = tuple(section for section in targets if section is not None)
    return TenantFiles(directory, tenant, sources, people, kpis, readable, alerts, access if protected else None)


def _check_each(
    tenant: Section[TenantModel] | None,
    sources: Section[SourcesModel] | None,
    people: Section[PeopleModel] | None,
    kpis: Section[KpisModel] | None,
) -> None:
    """What each file can be asked alone."""
    if tenant:
        check_tenant(tenant)
    if sources:
        check_sources(sources)
    if people:
        check_people(people)
    if kpis:
        check_kpis(kpis)


def _check_together(
    people: Section[PeopleModel] | None,
    sources: Section[SourcesModel] | None,
    kpis: Section[KpisModel] | None,
    *,
    targets: Iterable[Section[TargetsModel] | None],
    alerts: Section[AlertsModel] | None,
    access: Section[AccessModel] | None,
) -> None:
    """References between files, as far as both ends could be read."""
    if people is None:
        return
    if sources:
        check_identities(people, sources.model)
    if access:
        check_access(access, people.model)
    if kpis is None:
        return
    for section in targets:
        if section:
            check_targets(section, kpis.model, people.model)
    if alerts:
        check_alerts(alerts, kpis.model, people.model)


def check_secrets(files: TenantFiles, places: SecretPlaces) -> None:
    """Looks every secret up, so that one that is missing or no secret is told together with all else that is wrong."""
    check_source_secrets(files.sources, places)
    compile_alerting(files.alerts, places)


def compile_tenant(files: TenantFiles, places: SecretPlaces) -> CompiledTenant:
    """The domain values; secrets that are not there become problems of the files' report."""
    model = files.tenant.model
    sources = compile_sources(files.sources, model.tenant, places)
    organisation = compile_people(files.people, files.sources.model, zone=model.time_zone, secrets=places)
    tenant = Tenant(
        id=model.tenant,
        name=model.name or model.tenant,
        calendar=compile_calendar(model),
        currencies=compile_currencies(model),
        organisation=organisation,
        kpis=compile_kpis(files.kpis.model),
        targets=compile_targets(section.model for section in files.targets),
        sources=rhythms(sources),
        owners=owners_of(organisation, files.sources.model),
        credit=compile_credit(model),
        retention_days=model.retention_days,
    )
    keys = None if files.access is None else compile_keys(files.access.model, tenant.id)
    return CompiledTenant(tenant, sources, compile_alerting(files.alerts, places), keys)


def _refuse_strays(directory: Path, report: Report) -> None:
    """A misspelt file name must not look like a file without content."""
    known = {f"{name}.yaml" for name in FILES}
    for path in sorted(directory.iterdir()):
        if path.suffix in SUFFIXES and path.name not in known and not path.name.startswith("."):
            report.add(str(path), 1, f"nothing reads this file. Rename it to one of: {', '.join(sorted(known))}")
