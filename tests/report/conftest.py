"""A browser and a page in it, for tests that bear the marker ``system``."""

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import pytest
from support.browser import chromium

if TYPE_CHECKING:
    from playwright.async_api import Browser, Page


@pytest.fixture
async def browser() -> "AsyncIterator[Browser]":
    """A browser of its own for each test: nothing is left over."""
    async with chromium() as started:
        yield started


@pytest.fixture
async def page(browser: "Browser") -> "Page":
    """An empty page as wide as a laptop's."""
    return await browser.new_page(viewport={"width": 1280, "height": 900})
