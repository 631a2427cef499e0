"""The demo's sales floor: two weeks of history at once, then live events until it is cancelled."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from random import Random

import structlog

from cli.simulate.demo_tenant import HISTORY_DAYS
from cli.simulate.run import Plan, Simulation, open_http
from cli.simulate.sender import Sender
from shared.configuration import load_deployment
from shared.domain.clock import Clock

PLAN = Plan(reps=1000, days=HISTORY_DAYS, rate=4.0, seed=11, busy_work=0.97)
"""All reps; a few events a second, of which about one in eight seconds moves a number: paces shall not run away."""


async def run_demo_floor(
    ingest_url: str, directory: Path, environment: Mapping[str, str], clock: Clock, plan: Plan = PLAN
) -> None:
    """Post the history, then live events until cancelled. Today comes first, so that no alert fires for its want.

    Raises: ConfigurationInvalid, DeliveryRefused. An ingest service that is away is waited for.
    """
    log = structlog.get_logger()
    deployment = load_deployment(directory, environment)
    tenant = next(iter(deployment.tenants.values()))
    async with open_http() as http:
        sender = Sender(http, ingest_url, deployment.sources, clock=clock, random=Random(plan.seed))  # noqa: S311
        simulation = Simulation(tenant, deployment.sources, plan, sender=sender, clock=clock)
        started_at = clock.now()
        await simulation.post_history()
        seconds = (clock.now() - started_at) / 1_000_000
        log.info("history_posted", events=sender.tally.posted, seconds=round(seconds, 1))
        await simulation.run_live()
