"""Each state that the board can be in, as somebody sees it."""

import hashlib
from datetime import date
from decimal import Decimal

import pytest
from playwright.async_api import expect

from shared.domain.access import AccessKey, Role
from shared.domain.instants import parse
from shared.domain.people import DateSpan
from shared.domain.tenant import SourceRhythm
from tests.integration.board.conftest import WIDER, Opened, Served, sales_floor
from tests.support.board_server import BoardServer
from tests.support.tenants import rep

pytestmark = [pytest.mark.browser, pytest.mark.redis, pytest.mark.asyncio(loop_scope="session")]
HOSTILE = '<img src=x onerror="document.title=1">'
TOKEN = "pacer_" + "a" * 40
LONG = "Wolfeschlegelsteinhausenbergerdorff" * 4
FEW_CELLS = 60
MANY = 500


async def test_a_hostile_name_stays_text(serve: Served, look: Opened) -> None:
    page = await look(await serve(sales_floor(rep("ana", team="sdr", name=HOSTILE))))
    await expect(page.locator('[data-rep="ana"] strong')).to_have_text(HOSTILE)
    assert await page.locator("main img").count() == 0


async def test_a_source_that_is_out_is_named_loudly(board: BoardServer, look: Opened) -> None:
    await board.source_spoke(seconds_ago=3 * 3600)
    page = await look(board)
    await expect(page.locator("#loud")).to_contain_text("native is out since")


async def test_values_of_a_source_that_is_out_are_hatched(board: BoardServer, look: Opened) -> None:
    await board.source_spoke(seconds_ago=3 * 3600)
    page = await look(board)
    bar = page.locator(".tile[data-short] .bar").first
    assert "gradient" in await bar.evaluate("bar => getComputedStyle(bar).backgroundImage")
    await expect(page.locator(".tile .gap").first).to_contain_text("may be short")


async def test_a_kpi_without_a_target_says_so_and_draws_no_bullet(board: BoardServer, look: Opened) -> None:
    page = await look(board)
    tile = page.locator(".tile", has_text="Revenue won")
    await expect(tile.locator(".status")).to_contain_text("no target")
    await expect(tile.locator(".bullet")).to_be_hidden()


async def test_before_working_hours_nothing_is_due(board: BoardServer, look: Opened) -> None:
    board.clock.at = parse("2026-11-23T06:00:00Z")
    page = await look(board)
    await expect(page.locator(".tile .gap").first).to_have_text("nothing is due yet")


async def test_before_the_first_event_the_board_says_what_it_waits_for(serve: Served, look: Opened) -> None:
    page = await look(await serve(sales_floor(sources={"other": SourceRhythm("other", "native")})))
    await expect(page.locator("#notice")).to_contain_text("No events yet")


async def test_everyone_away_is_said(serve: Served, look: Opened) -> None:
    absent = rep("ana", team="sdr", absences=(DateSpan(date(2026, 11, 20), date(2026, 11, 27)),))
    page = await look(await serve(sales_floor(absent)))
    await expect(page.locator("#notice")).to_have_text("Everyone is away.")
    await expect(page.locator('[data-rep="ana"] .quiet')).to_contain_text("away until")


async def test_a_rejected_configuration_is_said(board: BoardServer, look: Opened) -> None:
    board.configured.problem = "kpis.yaml:3: no such field"
    page = await look(board)
    await expect(page.locator("#loud")).to_contain_text("configuration on disk was rejected")


async def test_a_board_that_needs_a_key_opens_with_one(serve: Served, look: Opened) -> None:
    key = AccessKey(id="desk", tenant="acme", sha256=hashlib.sha256(TOKEN.encode()).hexdigest(), role=Role.ADMIN)
    page = await look(await serve(sales_floor(), keys=(key,)), ready=False)
    await expect(page.locator("#notice")).to_have_text("This board needs an API key.")
    await page.get_by_label("API key").fill(TOKEN)
    await page.get_by_role("button", name="Open the board").click()
    await expect(page.locator("#connection")).to_have_text("live")


async def test_five_hundred_reps_cost_few_cells(serve: Served, look: Opened) -> None:
    people = [rep(f"r{n}", team="sdr", name=f"Rep {n}") for n in range(MANY)]
    page = await look(await serve(sales_floor(*people)))
    await expect(page.locator("[data-rep]")).to_have_count(MANY)
    assert 0 < await page.locator(".cell").count() <= FEW_CELLS


async def test_rows_fill_when_they_are_scrolled_to(serve: Served, look: Opened) -> None:
    people = [rep(f"r{n}", team="sdr", name=f"Rep {n:03}") for n in range(100)]
    page = await look(await serve(sales_floor(*people)))
    last = page.locator('[data-rep="r99"]')
    await last.scroll_into_view_if_needed()
    await expect(last.locator(".number").first).to_have_text("0 ▼")


@pytest.mark.parametrize("width", [390, 1280])
async def test_a_very_long_name_widens_nothing(serve: Served, look: Opened, width: int) -> None:
    page = await look(await serve(sales_floor(rep("ana", team="sdr", name=LONG))), width=width)
    assert not await page.evaluate(WIDER)


@pytest.mark.parametrize(("total", "short"), [("123456789012", "€123.5bn"), ("-9876543", "-€9.9m")])
async def test_huge_and_negative_amounts_are_short_with_the_full_one_at_hand(
    board: BoardServer, look: Opened, total: str, short: str
) -> None:
    await board.work("ana", revenue=(1, total))
    page = await look(board)
    value = page.locator(".tile", has_text="Revenue won").locator(".value")
    await expect(value).to_have_text(short)
    assert f"{abs(Decimal(total)):,}" in (await value.get_attribute("title") or "")


async def test_a_single_rep_has_a_board_too(serve: Served, look: Opened) -> None:
    page = await look(await serve(sales_floor(rep("ana", team="sdr"))))
    await expect(page.locator("[data-rep]")).to_have_count(1)
