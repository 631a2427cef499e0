"""The proxy: transparent for senders, and a window on what ingest took of one source."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from cli.capture.cases import Taken
from cli.capture.collecting import Collection
from cli.capture.proxy import LARGEST_BODY, CapturingProxy
from tests.support.dataverse_messages import CODE, as_sent, dataverse_desk, execution
from tests.support.provider_desk import ProviderDesk

BODY = as_sent(execution("Delete"))


class Passed:
    """A proxy before a desk, and what it was shown."""

    def __init__(self, desk: ProviderDesk, *, source: str = "dv") -> None:
        self.shown: list[Taken] = []
        self._ingest = httpx.AsyncClient(transport=httpx.ASGITransport(desk.ingest.app), base_url="http://ingest")
        self._proxy = CapturingProxy(self._ingest, source, desk.clock, self.shown.append)

    async def post(self, address: str = f"dv?{CODE}", **how: Any) -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(self._proxy)) as http:
            headers = {"content-type": "application/json", "x-ms-thing": "é".encode("latin-1")}
            return await http.post(f"http://p/v1/webhooks/{address}", headers=headers, **{"content": BODY} | how)


async def test_a_delivery_reaches_ingest_as_it_was_sent() -> None:
    passed = Passed(dataverse_desk())
    answer = await passed.post()
    assert (answer.status_code, answer.json()["accepted"]) == (202, 1)
    (taken,) = passed.shown
    assert (taken.delivery.body, taken.delivery.query, taken.status) == (BODY, CODE, 202)
    assert taken.delivery.header(b"x-ms-thing") == "é".encode("latin-1")


@pytest.mark.parametrize(
    ("address", "how", "status"),
    [("dv?code=guess", {}, 401), (f"dv?{CODE}", {"content": b"{"}, 400), ("nobody", {}, 404)],
)
async def test_what_ingest_refuses_is_answered_and_not_shown(address: str, how: dict[str, Any], status: int) -> None:
    passed = Passed(dataverse_desk())
    answer = await passed.post(address, **how)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert passed.shown == []


async def test_other_sources_are_passed_on_and_not_shown() -> None:
    passed = Passed(dataverse_desk(), source="zoho")
    assert (await passed.post()).status_code == 202
    assert passed.shown == []


async def test_what_is_larger_than_anybody_takes_is_refused() -> None:
    passed = Passed(dataverse_desk())
    assert (await passed.post(content=b" " * (LARGEST_BODY + 1))).status_code == 413


async def test_while_ingest_is_away_senders_are_told_to_try_again() -> None:
    desk = dataverse_desk()
    passed = Passed(desk)
    passed._proxy._ingest = httpx.AsyncClient(base_url="http://127.0.0.1:9")
    answer = await passed.post()
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")


async def test_of_what_is_no_case_only_the_reason_is_kept() -> None:
    desk = dataverse_desk()
    collection, passed = Collection(desk.source, most=2), Passed(desk)
    deep: Any = "Ana"
    for _ in range(60):
        deep = [deep]
    await passed.post(content=as_sent(execution() | {"x": deep}))
    collection.take(passed.shown[0])
    assert (collection.cases, dict(collection.left_out)) == ([], {"the body is nested too deeply": 1})


async def test_no_more_is_taken_than_asked_for() -> None:
    desk = dataverse_desk()
    collection, passed = Collection(desk.source, most=2), Passed(desk)
    await passed.post()
    for _ in range(3):
        collection.take(passed.shown[0])
    assert [case["name"] for case in collection.close()] == ["captured_001", "captured_002"]
