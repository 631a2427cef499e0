"""A source in the band: what is wrong with it shows by shape and word, and a panel tells the rest."""

from __future__ import annotations

from typing import Any

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import expect

from services.api.domain.source_rhythm import HourlyCounts
from shared.domain.instants import HOUR_US
from shared.domain.source_hours import SourceHour
from tests.integration.board.conftest import WIDER, Opened
from tests.support.api_parts import MONDAY_NOON
from tests.support.board_server import BoardServer

pytestmark = [pytest.mark.browser, pytest.mark.redis, pytest.mark.asyncio(loop_scope="session")]
HOUR = MONDAY_NOON // HOUR_US
WEEK = 7 * 24
HOSTILE = "<img src=x onerror='document.title=1'>"


def told(**counts: Any) -> SourceHour:
    at = MONDAY_NOON
    return SourceHour(
        tenant="acme", source="native", process="p1", hour=HOUR, at=at, last_delivery_at=at, skew_us=2_000_000, **counts
    )


def tell(board: BoardServer, *, rate: int = 40, usual: int = 40, **counts: Any) -> None:
    board.reported.hours = (told(deliveries=12, accepted=300, **counts),)
    weeks = {HOUR - 1 - week * WEEK: usual for week in range(1, 5)}
    board.arrivals.counts = {("acme", "native"): HourlyCounts({**weeks, HOUR - 1: rate}, {HOUR - 1: rate // 4})}


async def test_a_source_that_is_well_is_a_dot(board: BoardServer, look: Opened) -> None:
    tell(board)
    page = await look(board)
    await expect(page.locator("#sources li")).to_have_attribute("data-state", "heard")


@pytest.mark.parametrize(
    ("ill", "words"),
    [
        ({"refused": {"bad_signature": 3}}, "3 failed signatures"),
        ({"refused": {"stale_timestamp": 1}}, "1 signature too old"),
        ({"rate": 2, "usual": 400}, "unusually quiet"),
    ],
)
async def test_what_is_wrong_shows_by_shape_and_word(
    board: BoardServer, look: Opened, ill: dict[str, Any], words: str
) -> None:
    tell(board, **ill)
    page = await look(board)
    await expect(page.locator("#sources li")).to_contain_text("◆")
    await expect(page.locator("#sources li")).to_contain_text(words)


async def test_the_panel_opens_and_closes_by_keyboard(board: BoardServer, look: Opened) -> None:
    tell(board, refused={"bad_signature": 3})
    page = await look(board)
    button, panel = page.get_by_role("button", name="native"), page.get_by_role("dialog", name="Health of native")
    await button.focus()
    await page.keyboard.press("Enter")
    await expect(panel).to_contain_text("12 deliveries: 300 accepted")
    await expect(panel).to_contain_text("bad signature 3")
    await expect(panel).to_contain_text("2 s behind")
    await page.keyboard.press("Escape")
    await expect(panel).to_be_hidden()
    await expect(button).to_be_focused()


async def test_a_reason_is_never_markup(board: BoardServer, look: Opened) -> None:
    tell(board, refused={HOSTILE: 1})
    page = await look(board)
    await page.get_by_role("button", name="native").click()
    await expect(page.get_by_role("dialog")).to_contain_text(HOSTILE)
    assert await page.locator(".health img").count() == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
async def test_axe_finds_nothing_in_an_open_panel(board: BoardServer, look: Opened, scheme: str, width: int) -> None:
    tell(board, refused={"bad_signature": 3})
    page = await look(board, width=width, color_scheme=scheme)
    await page.get_by_role("button", name="native").click()
    found = await Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    assert not await page.evaluate(WIDER)


async def test_the_wall_has_nothing_to_click(board: BoardServer, look: Opened) -> None:
    tell(board, refused={"bad_signature": 3})
    page = await look(board, "/tv", width=1920)
    await expect(page.locator("#sources li")).to_contain_text("3 failed signatures")
    assert await page.locator("#sources button").count() == 0
