"""A small valid configuration in a directory; a test replaces the file that it is about."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from textwrap import dedent

ENVIRONMENT = {
    "CRM_SECRET": "s3cret",
    "NATIVE_TOKEN": "t0ken",
    "OPS_URL": "https://ops.example/",
    "OPS_SECRET": "whsec_YWJj",
}

FILES: Mapping[str, str] = {
    "tenant.yaml": """\
        tenant: acme
        time_zone: Europe/Berlin
        currency: EUR
        """,
    "sources.yaml": """\
        sources:
          - id: crm
            provider: hubspot
            public_url: https://hooks.example/v1/webhooks/crm
            secrets: [{env: CRM_SECRET}]
          - id: own
            provider: native
            secrets: [{env: NATIVE_TOKEN}]
        """,
    "people.yaml": """\
        teams:
          - {id: emea, name: EMEA}
          - {id: sdr, name: SDR, parent: emea}
        reps:
          - {id: ana, name: Ana, role: sdr, teams: [sdr], identities: {crm: ["11"]}}
          - {id: ben, name: Ben, role: ae, teams: [emea], identities: {crm: ["12"]}}
        """,
    "kpis.yaml": """\
        kpis:
          - {id: calls, name: Calls, unit: count, aggregate: count, facts: [call.logged]}
          - {id: won, name: Won, unit: count, aggregate: count, facts: [deal.won], periods: [month]}
        """,
    "targets.yaml": """\
        targets:
          - {kpi: calls, period: day, for: {role: sdr}, value: 60}
        """,
    "alerts.yaml": """\
        receivers:
          - {id: ops, type: webhook, url: {env: OPS_URL}, secret: {env: OPS_SECRET}}
        routes:
          - {receivers: [ops]}
        rules:
          - {id: behind, kpi: calls, period: day, when: {pace_below: 0.8}}
        """,
}


def write_configuration(directory: Path, **files: str) -> Path:
    """The small configuration with files replaced or added: ``kpis`` is kpis.yaml, ``targets_csv`` targets.csv."""
    directory.mkdir(parents=True, exist_ok=True)
    replaced = {f"{name}.yaml" if "_" not in name else name.replace("_", "."): text for name, text in files.items()}
    for name, text in {**FILES, **replaced}.items():
        (directory / name).write_text(dedent(text), encoding="utf-8")
    return directory
