"""What an import says of its file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from cli.history.checking import NAMES_KEPT, Findings
from shared.domain.instants import text
from shared.domain.sources import Source
from shared.domain.tenant import Tenant

OWNERS_SHOWN = 5
TYPES_SHOWN = 8


def bad_lines(findings: Findings, file: str) -> Iterator[str]:
    """The first bad lines, each with what to do; how many there are of each kind if there are more."""
    for bad in findings.shown:
        yield f"{file}:{bad.line.number}: {bad.reason}: {bad.remedy}"
    if findings.bad > len(findings.shown):
        counts = ", ".join(f"{count:,} {reason}" for reason, count in findings.reasons.most_common())
        yield f"{findings.bad:,} bad lines in all: {counts}"


def warnings(findings: Findings, source: Source, tenant: Tenant) -> Iterator[str]:
    """What can be imported and will not count as one may think."""
    if findings.expired:
        days = tenant.retention_days
        yield f"warning: {findings.expired:,} events are older than retention_days ({days}): they will not be kept"
    if findings.unmapped:
        most = ", ".join(owner for owner, _ in findings.unmapped.most_common(OWNERS_SHOWN))
        several = f"{len(findings.unmapped)}{'+' if len(findings.unmapped) >= NAMES_KEPT else ''}"
        yield (
            f"warning: {findings.unmapped.total():,} events name {several} owners that are nobody's identity in "
            f"{source.id} ({most}): their facts wait until people.yaml names them"
        )


def summary(findings: Findings, skip_bad: Path | None) -> str:
    """What there is to import, in a line."""
    left_out = f"; {findings.bad:,} bad lines are in {skip_bad}" if findings.bad else ""
    if findings.first_at is None or findings.last_at is None:
        return f"no event can be imported{left_out}"
    types = ", ".join(f"{count:,} {name}" for name, count in findings.types.most_common(TYPES_SHOWN))
    more = ", ..." if len(findings.types) > TYPES_SHOWN else ""
    span = f"{text(findings.first_at)} to {text(findings.last_at)}"
    return f"{findings.events:,} events from {span}: {types}{more}{left_out}"
