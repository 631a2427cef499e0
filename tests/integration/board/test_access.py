"""Everybody can read and work the board: by keyboard, with a reader, on every width, without motion."""

from datetime import date

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, expect

from shared.domain.people import DateSpan
from tests.integration.board.conftest import WIDER, Opened, Served, sales_floor
from tests.support.board_server import BoardServer
from tests.support.tenants import rep

pytestmark = [pytest.mark.browser, pytest.mark.redis, pytest.mark.asyncio(loop_scope="session")]
SPOKEN = """() => {
  window.spoken = [];
  const hear = new MutationObserver((changes) =>
    window.spoken.push(...changes.map((change) => change.target.textContent)));
  for (const live of document.querySelectorAll("[role=status], [role=alert]")) {
    hear.observe(live, { childList: true, characterData: true, subtree: true });
  }
}"""
SHIFT = """() => new Promise((done) => {
  let moved = 0;
  new PerformanceObserver((list) => list.getEntries().forEach((entry) => (moved += entry.value)))
    .observe({ type: "layout-shift", buffered: true });
  setTimeout(() => done(moved), 200);
})"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
async def test_axe_finds_nothing(board: BoardServer, look: Opened, scheme: str, width: int) -> None:
    page = await look(board, width=width, color_scheme=scheme)
    found = await Axe().run(page)
    assert found.violations_count == 0, found.generate_report()


@pytest.mark.parametrize("path", ["/?period=month", "/tv"])
async def test_axe_finds_nothing_on_other_pages(board: BoardServer, look: Opened, path: str) -> None:
    found = await Axe().run(await look(board, path))
    assert found.violations_count == 0, found.generate_report()


async def test_axe_finds_nothing_while_a_source_is_out(board: BoardServer, look: Opened) -> None:
    await board.source_spoke(seconds_ago=3 * 3600)
    found = await Axe().run(await look(board))
    assert found.violations_count == 0, found.generate_report()


async def test_axe_finds_nothing_while_everyone_is_away(serve: Served, look: Opened) -> None:
    absent = rep("ana", team="sdr", absences=(DateSpan(date(2026, 11, 20), date(2026, 11, 27)),))
    found = await Axe().run(await look(await serve(sales_floor(absent))))
    assert found.violations_count == 0, found.generate_report()


@pytest.mark.parametrize(("path", "width"), [("/", 390), ("/", 800), ("/", 1280), ("/", 1920), ("/tv", 1920)])
async def test_nothing_is_wider_than_the_screen(board: BoardServer, look: Opened, path: str, width: int) -> None:
    page = await look(board, path, width=width)
    assert not await page.evaluate(WIDER)


async def test_arrow_keys_change_the_period_and_the_link(board: BoardServer, look: Opened) -> None:
    page = await look(board)
    await page.get_by_role("radio", name="day").focus()
    await page.keyboard.press("ArrowRight")
    await expect(page).to_have_url(f"{board.address}/?team=emea&period=week&order=attention")


async def test_the_first_tab_skips_to_the_reps(board: BoardServer, look: Opened) -> None:
    page = await look(board)
    await page.keyboard.press("Tab")
    await expect(page.get_by_text("Skip to the reps")).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(page.locator("#reps")).to_be_focused()


async def test_a_link_brings_back_what_was_on_show(board: BoardServer, look: Opened) -> None:
    page = await look(board, "/?team=sdr&period=month&order=name")
    await expect(page.get_by_role("radio", name="month")).to_be_checked()
    await expect(page.locator("#team")).to_have_value("sdr")
    await expect(page.locator("#order")).to_have_value("name")


async def test_a_change_is_not_spoken(board: BoardServer, look: Opened) -> None:
    page = await look(board)
    await page.evaluate(SPOKEN)
    await board.work("ana", calls=29)
    await expect(page.locator('[data-rep="ana"] .number').first).to_contain_text("29")
    assert await page.evaluate("window.spoken") == []


@pytest.mark.parametrize(("motion", "marked"), [("reduce", False), ("no-preference", True)])
async def test_a_change_is_marked_only_where_motion_is_welcome(
    board: BoardServer, look: Opened, motion: str, marked: bool
) -> None:
    page = await look(board, reduced_motion=motion)
    await board.work("ana", calls=29)
    cell = page.locator('[data-rep="ana"] .cell').first
    await expect(cell).to_contain_text("29")
    assert await cell.evaluate("cell => cell.getAnimations({ subtree: true }).length > 0") is marked


async def test_the_first_paint_does_not_jump(board: BoardServer, look: Opened) -> None:
    page = await look(board)
    assert await page.evaluate(SHIFT) < 0.1


async def test_the_wall_shows_nothing_to_click(board: BoardServer, look: Opened) -> None:
    page = await look(board, "/tv", width=1920, height=1080)
    assert await page.locator("button:visible, select:visible, input:visible").count() == 0


async def test_the_walls_pages_turn_and_begin_again(serve: Served, browser: Browser) -> None:
    board = await serve(sales_floor(*(rep(f"r{n}", team="sdr", name=f"Rep {n:02}") for n in range(12))))
    page = await browser.new_page(viewport={"width": 1920, "height": 1080})
    await page.clock.install()
    await page.goto(f"{board.address}/tv")
    await page.clock.run_for(2_000)
    await expect(page.locator("#page")).to_have_text("page 1 of 2")
    for shown in ("page 2 of 2", "page 1 of 2"):
        await page.clock.run_for(12_000)
        await expect(page.locator("#page")).to_have_text(shown)
    await page.close()


async def test_no_script_or_style_of_the_page_is_refused(board: BoardServer, look: Opened) -> None:
    page = await look(board, ready=False)
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
    await page.reload()
    await page.locator(".tile .value").first.wait_for()
    assert said == []
