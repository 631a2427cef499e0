"""A board in a real browser, over a real api with numbers in a real Redis."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest_asyncio
from playwright.async_api import Browser, Page
from redis.asyncio import Redis

from shared.domain.kpis import Aggregate, KpiType, Unit
from shared.domain.tenant import SourceRhythm, Tenant
from tests.support.api_parts import MONDAY_NOON
from tests.support.board_browser import chromium
from tests.support.board_server import BoardServer
from tests.support.real_redis import RealRedis
from tests.support.tenants import kpi, rep, target, team, tenant

HOUR_US = 3_600_000_000
ALL = ("day", "week", "month")
WIDER = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
"""Whether the page has to be scrolled sideways."""
Opened = Callable[..., Awaitable[Page]]
Served = Callable[..., Awaitable[BoardServer]]


def sales_floor(*people: Any, **others: Any) -> Tenant:
    """Two teams, two KPIs and a source that speaks every hour."""
    defaults: dict[str, Any] = {
        "reps": people or (rep("ana", team="sdr", name="Ana Ruiz"), rep("ben", team="sdr", name="Ben Ode")),
        "teams": [team("emea"), team("sdr", parent="emea")],
        "kpis": [
            kpi("calls", name="Calls made", periods=ALL),
            kpi("revenue", name="Revenue won", type=KpiType.LAGGING, unit=Unit.MONEY, aggregate=Aggregate.SUM,
                field="amount", periods=ALL),
        ],
        "targets": [target("60")],
        "sources": {"native": SourceRhythm("native", "native", expect_every_us=HOUR_US)},
    }  # fmt: skip
    return tenant(**defaults | others)


@pytest_asyncio.fixture(loop_scope="session")
async def serve(redis_server: RealRedis) -> AsyncIterator[Served]:
    """Starts the api of a tenant: ``await serve(sales_floor())``; its source spoke a minute ago."""
    servers = []
    async with Redis.from_url(redis_server.url) as redis:

        async def start(of: Tenant, **options: Any) -> BoardServer:
            board = BoardServer(of, redis, **options)
            servers.append(board)
            await board.filler.lay_out(mark=MONDAY_NOON)
            await board.source_spoke(seconds_ago=60)
            await board.start()
            return board

        yield start
        for board in servers:
            await board.stop()


@pytest_asyncio.fixture(loop_scope="session")
async def board(serve: Served) -> BoardServer:
    """The ordinary floor: Ana made 25 calls of 60, Ben none."""
    started = await serve(sales_floor())
    await started.work("ana", calls=25, revenue=(2, "1234.5"))
    return started


@pytest_asyncio.fixture(loop_scope="session", scope="session")
async def browser() -> AsyncIterator[Browser]:
    """One for all tests; each looks through pages of its own."""
    async with chromium() as started:
        yield started


@pytest_asyncio.fixture(loop_scope="session")
async def look(browser: Browser) -> AsyncIterator[Opened]:
    """Opens the board of a server: ``await look(board, "/?period=week", width=390)``; waits for numbers and stream.

    ``without`` names paths that fail.
    """

    pages: list[Page] = []

    async def opened(
        board: BoardServer,
        path: str = "/",
        *,
        width: int = 1280,
        height: int = 900,
        ready: bool = True,
        without: tuple[str, ...] = (),
        **options: Any,
    ) -> Page:
        page = await browser.new_page(viewport={"width": width, "height": height}, locale="en-GB", **options)
        pages.append(page)
        page.set_default_timeout(15_000)
        for pattern in without:
            await page.route(pattern, lambda route: route.fulfill(status=500, body="{}"))
        await page.goto(board.address + path)
        if ready:
            await page.get_by_text("live", exact=True).wait_for()
            await page.locator(".tile:not([aria-busy]):not([aria-hidden])").first.wait_for()
        return page

    yield opened
    for page in pages:
        await page.close()
