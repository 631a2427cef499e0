"""The board moves with the stream, says when it does not, and finds its way back."""

import pytest
from playwright.async_api import expect

from tests.integration.board.conftest import Opened, sales_floor
from tests.support.board_server import TODAY, BoardServer
from tests.support.tenants import rep

pytestmark = [pytest.mark.browser, pytest.mark.redis, pytest.mark.asyncio(loop_scope="session")]
WITHIN_A_SECOND = 1000
ANA = '[data-rep="ana"] .number >> nth=0'

STORE_PAINTS = """async ([changes]) => {
  const { Store } = await import("/static/js/store.js");
  let paints = 0;
  const store = new Store(() => (paints += 1));
  for (let n = 0; n < changes; n += 1) store.takeAlert({ id: n });
  await new Promise((done) => setTimeout(done, 400));
  return paints;
}"""


async def test_a_changed_number_is_on_the_board_within_a_second(board: BoardServer, look: Opened) -> None:
    page = await look(board)
    await expect(page.locator(ANA)).to_contain_text("25")
    await board.work("ana", calls=26)
    await expect(page.locator(ANA)).to_contain_text("26", timeout=WITHIN_A_SECOND)


async def test_the_team_moves_with_its_rep(board: BoardServer, look: Opened) -> None:
    page = await look(board)
    await board.work("ben", calls=5)
    await expect(page.locator(".tile .value").first).to_have_text("30")


async def test_several_changes_at_once_are_one_paint(board: BoardServer, look: Opened) -> None:
    page = await look(board)
    assert await page.evaluate(STORE_PAINTS, [50]) == 1


async def test_a_server_that_is_gone_is_said_loudly(board: BoardServer, look: Opened) -> None:
    page = await look(board)
    await board.stop()
    await expect(page.locator("#loud")).to_contain_text("Disconnected since")


async def test_after_a_restart_the_board_reads_what_it_missed(board: BoardServer, look: Opened) -> None:
    page = await look(board)
    await board.stop()
    await expect(page.locator("#connection")).to_have_text("disconnected")
    await board.filler.count("ana", TODAY, {"calls": 44})
    await board.start()
    await expect(page.locator(ANA)).to_contain_text("44", timeout=20_000)
    await expect(page.locator("#loud")).to_be_hidden()


@pytest.mark.parametrize("part", ["trends", "alerts", "status"])
async def test_the_rest_lives_on_without_a_part(board: BoardServer, look: Opened, part: str) -> None:
    page = await look(board, without=(f"**/{part}?*",))
    await expect(page.locator(ANA)).to_contain_text("25")


async def test_the_page_does_not_grow_with_changes(board: BoardServer, look: Opened) -> None:
    page = await look(board)
    await board.work("ana", calls=30)
    await expect(page.locator(ANA)).to_contain_text("30")
    before = await page.locator("*").count()
    for calls in range(31, 41):
        await board.work("ana", calls=calls)
        await expect(page.locator(ANA)).to_contain_text(str(calls))
    assert await page.locator("*").count() == before


async def test_a_new_rep_of_an_edited_configuration_appears(board: BoardServer, look: Opened) -> None:
    page = await look(board)
    await board.edit(sales_floor(rep("ana", team="sdr"), rep("cy", team="sdr")))
    await expect(page.locator('[data-rep="cy"]')).to_be_visible()
