import pytest
from fastapi import FastAPI
from prometheus_client import CollectorRegistry
from starlette.responses import StreamingResponse

from services.api.adapters.http.app import create_app
from services.api.adapters.http.request_timing import RequestTiming
from services.api.metrics import ApiMetrics
from tests.support.api_parts import FixedConfiguration, local_client, parts
from tests.support.tenants import tenant


async def nothing_but_lines() -> StreamingResponse:
    return StreamingResponse(iter([b": a line\n\n"]), media_type="text/event-stream")


async def mistaken() -> None:
    raise ZeroDivisionError


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def app(registry: CollectorRegistry) -> FastAPI:
    built = create_app(parts(FixedConfiguration(tenant())))
    built.add_api_route("/lines", nothing_but_lines)
    built.add_api_route("/mistaken", mistaken)
    built.add_middleware(RequestTiming, seconds=ApiMetrics(registry).request_seconds)
    return built


async def observed(app: FastAPI, registry: CollectorRegistry, path: str) -> set[tuple[str, str]]:
    async with local_client(app) as http:
        await http.get(path)
    (metric,) = (found for found in registry.collect() if found.name == "api_request_seconds")
    return {(s.labels["route"], s.labels["status"]) for s in metric.samples if s.name.endswith("_count") and s.value}


@pytest.mark.parametrize(
    ("path", "labels"),
    [
        ("/v1/reps/ana/kpis", ("/v1/reps/{rep}/kpis", "200")),
        ("/v1/reps/nobody/kpis", ("/v1/reps/{rep}/kpis", "404")),
        ("/v1/reps/ana/kpis?period=never", ("/v1/reps/{rep}/kpis", "400")),
        ("/wp-login.php", ("elsewhere", "404")),
        ("/mistaken", ("/mistaken", "500")),
    ],
)
async def test_an_answer_is_observed_by_its_template(
    app: FastAPI, registry: CollectorRegistry, path: str, labels: tuple[str, str]
) -> None:
    assert await observed(app, registry, path) == {labels}


async def test_a_stream_is_not_observed(app: FastAPI, registry: CollectorRegistry) -> None:
    assert await observed(app, registry, "/lines") == set()
