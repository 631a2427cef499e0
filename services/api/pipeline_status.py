"""Can the numbers be believed? Sources, what waits for somebody, and how far each partition has come."""

from __future__ import annotations

from typing import Any

from services.api.domain.pipeline import Following, Parked, PartitionState, PipelineState, SourceState, source_states
from services.api.domain.viewers import Viewer
from services.api.ports import Configured
from shared.domain.access import Role
from shared.domain.instants import SECOND_US, Micros, text
from shared.domain.tenant import Tenant


def sources_status(tenant: Tenant, pipeline: PipelineState, now: Micros) -> dict[str, Any]:
    """What the band of the board shows: each source, and whether the data can be trusted."""
    states = source_states(tenant, pipeline, now)
    return {
        "measurable": not any(state.out for state in states),
        "sources": [_source(state, now) for state in states],
    }


def pipeline_status(
    tenant: Tenant, pipeline: PipelineState, parked: Parked, *, viewer: Viewer, now: Micros
) -> dict[str, Any]:
    """All of /v1/status but the configuration. What waits is for those who run the deployment: it names owners."""
    status = sources_status(tenant, pipeline, now)
    if viewer.role is Role.ADMIN:
        status |= parked_status(tenant, parked)
    return status | {"partitions": [_partition(partition) for partition in pipeline.partitions]}


def configuration_status(configured: Configured, following: Following, viewer: Viewer) -> dict[str, Any]:
    """Whether the files on disk are in force, and what numbers have left to do to follow them.

    The problem is shown to those who can mend it.
    """
    problem = configured.problem
    shown = problem if viewer.role is Role.ADMIN else None
    return {
        "valid": problem is None,
        "version": configured.version,
        "problem": shown,
        "following": following_status(configured, following),
    }


def following_status(configured: Configured, following: Following) -> dict[str, Any]:
    """``done``: every number is of the configuration in force; else how much is known to be left."""
    taken_up = following.version == configured.version
    return {
        "done": taken_up and not following.partitions,
        "taken_up": taken_up,
        "partitions": following.partitions,
        "records": following.records,
        "reps": following.reps,
    }


def _source(state: SourceState, now: Micros) -> dict[str, Any]:
    last = state.last_event_at
    expect = state.expect_every_us
    return {
        "id": state.id,
        "provider": state.provider,
        "last_event_at": None if last is None else text(last),
        "age_seconds": None if last is None else max(0, now - last) // SECOND_US,
        "expect_every_seconds": None if expect is None else expect // SECOND_US,
        "out": state.out,
    }


def parked_status(tenant: Tenant, parked: Parked) -> dict[str, Any]:
    """Facts that wait for an identity or a rate, and records that wait for the CRM to tell a field."""
    unmapped = [
        {"source": source, "owner": owner, "facts": facts}
        for (owned_by, source, owner), facts in sorted(parked.unmapped.items())
        if owned_by == tenant.id
    ]
    unconverted = [
        {"currency": currency, "facts": facts}
        for (owned_by, currency), facts in sorted(parked.unconverted.items())
        if owned_by == tenant.id
    ]
    incomplete = [
        {"source": source, "record_type": record_type, "field": field, "records": records}
        for (owned_by, source, record_type, field), records in sorted(parked.incomplete.items())
        if owned_by == tenant.id
    ]
    return {"unmapped_owners": unmapped, "facts_without_rate": unconverted, "incomplete_records": incomplete}


def _partition(partition: PartitionState) -> dict[str, Any]:
    return {
        "stage": partition.stage,
        "partition": partition.partition,
        "mark": None if partition.mark is None else text(partition.mark),
        "lag": partition.lag,
    }
