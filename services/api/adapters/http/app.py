"""The HTTP application: routes over the wired parts."""

from __future__ import annotations

from fastapi import FastAPI
from msgspec import Struct

from services.api.adapters.http import problems, readings_routes
from services.api.ports import Configured
from services.api.queries import Queries


class Parts(Struct, frozen=True, kw_only=True):
    """What the routes ask; found at ``app.state.parts``."""

    configured: Configured
    queries: Queries


def create_app(parts: Parts) -> FastAPI:
    """The application without its operations' routes."""
    app = FastAPI(title="Pacer", version="1", description="Live, exact sales KPIs.", redirect_slashes=False)
    app.state.parts = parts
    problems.install(app)
    app.include_router(readings_routes.router)
    return app
