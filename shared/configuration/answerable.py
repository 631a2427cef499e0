"""Which edits stored events cannot answer: what was decided when an event came in is not decided anew (ADR 0014).

Everything else follows from records and pages: people, credit, KPIs, filters, rates, calendars, targets, rules.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum

from msgspec import Struct

from shared.configuration.deployment import Deployment
from shared.domain.sources import Source

NATIVE = "native"
"""Its events say a status themselves: stage lists mean nothing there."""


class Unanswered(StrEnum):
    """Why an edit cannot be answered from what is stored."""

    TENANT_GONE = "tenant_gone"
    SOURCE_MOVED = "source_moved_to_another_tenant"
    SOURCE_RENAMED = "source_renamed"
    PROVIDER_CHANGED = "provider_changed"
    STAGES_CHANGED = "stage_lists_changed"


class Unanswerable(Struct, frozen=True):
    """One part of an edit that is refused: what it is about, why, and what can be done instead."""

    reason: Unanswered
    about: str
    text: str


def unanswerable(old: Deployment, new: Deployment) -> list[Unanswerable]:
    """Every part of the edit from one configuration to the other that is refused; empty: it can be followed."""
    return [*_tenants(old, new), *_sources(old, new), *_renamed(old, new)]


def _tenants(old: Deployment, new: Deployment) -> Iterator[Unanswerable]:
    for tenant in sorted(old.tenants.keys() - new.tenants.keys()):
        yield Unanswerable(
            Unanswered.TENANT_GONE,
            tenant,
            f"the tenant `{tenant}` is gone, and events, records and pages are stored under its id. Keep the id and "
            "change `name`; a tenant with another id starts empty, `pacer import` brings its history; to give one up "
            "for good, restart the services without it",
        )


def _sources(old: Deployment, new: Deployment) -> Iterator[Unanswerable]:
    for name in sorted(old.sources.keys() & new.sources.keys()):
        before, after = old.sources[name], new.sources[name]
        if before.tenant != after.tenant:
            yield Unanswerable(
                Unanswered.SOURCE_MOVED,
                name,
                f"the source `{name}` belongs to the tenant `{before.tenant}`, where its records are. Give the new "
                f"tenant a source with another id and bring its history in with `pacer import`",
            )
        elif before.provider != after.provider:
            yield Unanswerable(
                Unanswered.PROVIDER_CHANGED,
                name,
                f"the records of the source `{name}` are those of {before.provider}. Add a source with another id "
                f"for {after.provider}, and bring its history in with `pacer import`",
            )
        elif after.provider != NATIVE and _stages(before) != _stages(after):
            yield Unanswerable(
                Unanswered.STAGES_CHANGED,
                name,
                f"`won_stages` and `lost_stages` of the source `{name}` were asked when its events came in, and what "
                "they said is stored. Restart the services to have the new lists from now on; what deals in these "
                "stages are by them, `pacer import` can say; or give the source another id and import its history",
            )


def _renamed(old: Deployment, new: Deployment) -> Iterator[Unanswerable]:
    """A source that goes while another of its kind comes has, as far as anyone can tell, another name."""
    come = [source for name, source in sorted(new.sources.items()) if name not in old.sources]
    for name in sorted(old.sources.keys() - new.sources.keys()):
        gone = old.sources[name]
        heirs = [each.id for each in come if (each.tenant, each.provider) == (gone.tenant, gone.provider)]
        if heirs and gone.tenant in new.tenants:
            yield Unanswerable(
                Unanswered.SOURCE_RENAMED,
                name,
                f"the source `{name}` is gone and `{heirs[0]}` is new, and records are stored under the id of their "
                f"source. Keep the id `{name}`; to replace the source, add the new one first, bring its history in "
                "with `pacer import`, and remove the old one in a later edit",
            )


def _stages(source: Source) -> tuple[frozenset[str], frozenset[str]]:
    return source.won_stages, source.lost_stages
