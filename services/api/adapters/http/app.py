"""The HTTP application: routes over the wired parts."""

from __future__ import annotations

from fastapi import FastAPI
from msgspec import Struct

from services.api.adapters.http import (
    action_routes,
    answer_schemas,
    docs_page,
    overview_routes,
    pages,
    problems,
    quarantine_routes,
    readings_routes,
    receipts_routes,
    restatements_routes,
    stream_routes,
    trend_routes,
)
from services.api.adapters.http.blank_parameters import BlankParameters
from services.api.alert_actions import AlertActions
from services.api.alerts_query import AlertsQuery
from services.api.live_readings import LiveReadings
from services.api.live_status import LiveStatus
from services.api.ports import Configured, Pipeline
from services.api.quarantine_desk import QuarantineDesk
from services.api.queries import Queries
from services.api.receipts_query import ReceiptsQuery
from services.api.restatements_query import RestatementsQuery
from services.api.source_health import SourceHealth
from services.api.stream import Hub
from services.api.trends import TrendsQuery
from shared.domain.clock import Clock


class Parts(Struct, frozen=True, kw_only=True):
    """What the routes ask; found at ``app.state.parts``."""

    configured: Configured
    queries: Queries
    receipts: ReceiptsQuery
    restatements: RestatementsQuery
    trends: TrendsQuery
    alerts: AlertsQuery
    actions: AlertActions
    pipeline: Pipeline
    health: SourceHealth
    quarantine: QuarantineDesk
    clock: Clock
    hub: Hub
    live: LiveReadings
    status: LiveStatus


def create_app(parts: Parts) -> FastAPI:
    """The application without its operations' routes."""
    app = FastAPI(
        title="Pacer",
        version="1",
        description="Live, exact sales KPIs.",
        redirect_slashes=False,
        docs_url=None,  # FastAPI's own pages load their scripts from other hosts
        redoc_url=None,
    )
    app.state.parts = parts
    problems.install(app)
    for routes in (
        readings_routes,
        receipts_routes,
        restatements_routes,
        overview_routes,
        action_routes,
        quarantine_routes,
        trend_routes,
        stream_routes,
        docs_page,
        pages,
    ):
        app.include_router(routes.router)
    answer_schemas.describe(app)
    app.add_middleware(BlankParameters)
    return app
