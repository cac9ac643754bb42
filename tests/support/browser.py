"""A real browser for tests: Debian's Chromium, driven by Playwright, without any network.

Playwright is imported late, since the plain run has none; tests that use this bear the marker ``system``.
"""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from playwright.async_api import Browser, Page

CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
COLOURS = ["color-contrast"]  # the only rule to which light and dark differ
PATIENCE = 15.0  # seconds
LOCAL = ("file:", "data:", "blob:", "about:", "http://127.0.0.1", "http://localhost")


@asynccontextmanager
async def chromium() -> "AsyncIterator[Browser]":
    """Start a browser, and end it."""
    from playwright.async_api import async_playwright  # noqa: PLC0415 - the plain run has none

    async with async_playwright() as driver:
        browser = await driver.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        yield browser
        await browser.close()


class Noted:
    """What a page asked for and complained about."""

    def __init__(self, page: "Page") -> None:
        self.requests: list[str] = []
        self.errors: list[str] = []
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", self._console)

    def _console(self, message: Any) -> None:
        if message.type in {"error", "warning"}:
            self.errors.append(message.text)

    @property
    def foreign(self) -> list[str]:
        """Requests that left this machine."""
        return [url for url in self.requests if not url.startswith(LOCAL)]


async def becomes(page: "Page", expression: str) -> None:
    """Wait until an expression is true; Playwright's own waiting evaluates in the page, whose policy forbids it."""
    async with asyncio.timeout(PATIENCE):
        while not await page.evaluate(expression):
            await page.evaluate("new Promise(requestAnimationFrame)")


async def violations(page: "Page", scheme: str = "light") -> list[str]:
    """Return what axe-core finds against the page's accessibility, a line each; in the dark, colours only."""
    from axe_playwright_python.async_playwright import Axe  # noqa: PLC0415 - the plain run has none

    options = {"resultTypes": ["violations"]} | ({} if scheme == "light" else {"runOnly": COLOURS})
    found = await Axe().run(page, options=options)
    return [
        f"{each['id']}: {each['help']} ({', '.join(node['html'][:120] for node in each['nodes'][:3])})"
        for each in found.response["violations"]
    ]
