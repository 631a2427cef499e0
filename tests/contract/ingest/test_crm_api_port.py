"""The CRM API port over HTTP, against a server on the loopback that answers in every way there is."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator

import pytest

from services.ingest.adapters import crm_api as adapter
from services.ingest.adapters.crm_api import HttpCrmApi, open_crm_api
from services.ingest.domain.enrichment import ApiRequest
from services.ingest.ports import ApiAway
from tests.support.fake_crm_api import CrmApiServer, Reply, crm_api
from tests.support.manual_clock import ManualClock

__all__ = ["crm_api"]
REQUEST = ApiRequest("/v1/thing/5", {"x-api-token": "secret"}, {"properties": "a,b c"})


@pytest.fixture
async def api() -> AsyncIterator[HttpCrmApi]:
    async with open_crm_api(ManualClock("2026-11-23T10:00:00Z")) as opened:
        yield opened


async def test_a_record_is_asked_for_with_its_query_and_credentials(api: HttpCrmApi, crm_api: CrmApiServer) -> None:
    crm_api.token = ("x-api-token", "secret")
    crm_api.says("/v1/thing/5", {"id": 5})
    answer = await api.get(REQUEST, crm_api.url + "/")
    assert (answer.status, answer.body) == (200, b'{"id": 5}')
    (asked,) = crm_api.asked
    assert (asked.path, asked.query) == ("/v1/thing/5", {"properties": "a,b c"})


@pytest.mark.parametrize("status", [401, 403, 404, 429, 500, 503])
async def test_a_refusal_is_an_answer(api: HttpCrmApi, crm_api: CrmApiServer, status: int) -> None:
    crm_api.says("/v1/thing/5", Reply(status))
    assert (await api.get(REQUEST, crm_api.url)).status == status


async def test_a_wrong_token_is_told(api: HttpCrmApi, crm_api: CrmApiServer) -> None:
    crm_api.token = ("x-api-token", "another")
    assert (await api.get(REQUEST, crm_api.url)).status == 401


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ("7", 7),
        ("Mon, 23 Nov 2026 10:00:30 GMT", 30),
        ("Mon, 23 Nov 2026 09:00:00 GMT", 0),
        ("soon", None),
        ("-1", None),
        ("9" * 400, None),
        ("", None),
    ],
)
async def test_when_to_come_back_is_read(
    api: HttpCrmApi, crm_api: CrmApiServer, said: str, seconds: float | None
) -> None:
    crm_api.says("/v1/thing/5", Reply(429, headers={"Retry-After": said}))
    assert (await api.get(REQUEST, crm_api.url)).retry_after == seconds


async def test_a_token_is_not_carried_to_where_an_answer_points(api: HttpCrmApi, crm_api: CrmApiServer) -> None:
    crm_api.says("/v1/thing/5", Reply(302, headers={"Location": f"{crm_api.url}/elsewhere"}))
    assert (await api.get(REQUEST, crm_api.url)).status == 302
    assert [asked.path for asked in crm_api.asked] == ["/v1/thing/5"]


async def test_nobody_there_is_no_answer(api: HttpCrmApi) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    with pytest.raises(ApiAway) as away:
        await api.get(REQUEST, f"http://127.0.0.1:{port}")
    assert "secret" not in str(away.value)


async def test_an_answer_without_end_is_none(
    api: HttpCrmApi, crm_api: CrmApiServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adapter, "MAX_ANSWER_BYTES", 1000)
    crm_api.says("/v1/thing/5", Reply(200, b" " * 5000))
    with pytest.raises(ApiAway, match="more than 1000 bytes"):
        await api.get(REQUEST, crm_api.url)


async def test_half_an_answer_is_none(api: HttpCrmApi, crm_api: CrmApiServer) -> None:
    crm_api.says("/v1/thing/5", Reply(200, b"{}", {"Content-Length": "50", "Connection": "close"}))
    with pytest.raises(ApiAway):
        await api.get(REQUEST, crm_api.url)
