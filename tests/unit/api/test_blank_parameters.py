"""What is not given is not asked for."""

import pytest

from services.api.adapters.http.app import create_app
from services.api.adapters.http.blank_parameters import without_blanks
from tests.support.api_parts import FixedConfiguration, local_client, parts
from tests.support.tenants import tenant


@pytest.mark.parametrize(
    ("query", "left"),
    [
        (b"period=day&at=&kpi=calls", b"period=day&kpi=calls"),
        (b"kpi=a&kpi=&kpi=b", b"kpi=a&kpi=b"),
        (b"team=&rep=&kpi=", b""),
        (b"at=2026-11-23T09%3A00%3A00%2B01%3A00", b"at=2026-11-23T09%3A00%3A00%2B01%3A00"),
        (b"flag", b""),
        (b"a==", b"a=="),
    ],
)
def test_only_parameters_with_a_value_are_left(query: bytes, left: bytes) -> None:
    assert without_blanks(query) == left


@pytest.mark.parametrize(
    "path",
    [
        "/v1/reps/ana/kpis?period=day&at=&kpi=",
        "/v1/kpis/calls/standings?period=&team=&by=",
        "/v1/alerts?state=&rep=&team=&rule=",
        "/v1/reps/ana/kpis/calls/receipts?period=&at=",
    ],
)
async def test_a_question_with_blanks_is_answered(path: str) -> None:
    async with local_client(create_app(parts(FixedConfiguration(tenant())))) as client:
        assert (await client.get(path)).status_code == 200
