"""Chromium for tests of the board; skipped without one, a failure with CI=true."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from playwright.async_api import Browser, async_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking"]


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """A browser with nothing in it."""
    binary = next((found for name in NAMES if (found := shutil.which(name))), None)
    if binary is None:
        if os.environ.get("CI") == "true":
            pytest.fail("CI=true needs Chromium: the board is only tried in a real browser")
        pytest.skip("needs Chromium (apt install chromium)")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=binary, args=FLAGS)
        yield browser
        await browser.close()
