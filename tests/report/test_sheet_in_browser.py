"""The contact sheet in a real browser: search, order, keys, large view, light and dark, a phone, and no network."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio
from support.browser import Noted, becomes, violations
from support.sheets import NAMES, album, row

from phota_async.report import SheetRow, contact_sheet

if TYPE_CHECKING:
    from playwright.async_api import Browser, Page

pytestmark = [pytest.mark.system, pytest.mark.asyncio(loop_scope="session")]

Opened = Callable[..., Awaitable[Noted]]
PHONE: Any = {"width": 360, "height": 740}
SHOWN = "[...document.querySelectorAll('.card')].filter(card => !card.hidden).map(card => Number(card.dataset.number))"
FOCUSED = "Number(document.activeElement.closest('.card')?.dataset.number ?? 0)"


@pytest_asyncio.fixture(loop_scope="session")
async def browser(chromium_browser: "Browser") -> "AsyncIterator[Browser]":
    """The browser, without what the test leaves open."""
    before = set(chromium_browser.contexts)
    yield chromium_browser
    for context in set(chromium_browser.contexts) - before:
        await context.close()


@pytest_asyncio.fixture(loop_scope="session")
async def page(browser: "Browser") -> "Page":
    """An empty page as wide as a laptop's."""
    return await browser.new_page(viewport={"width": 1280, "height": 900})


@pytest.fixture
def opened(tmp_path: Path) -> Opened:
    """Write a sheet, open it from disk, and note what the page asks for and complains about."""

    async def write_and_open(page: "Page", rows: list[SheetRow] | None = None) -> Noted:
        noted = Noted(page)
        sheet = await contact_sheet(rows or album(tmp_path), tmp_path / "sheet.html", title="Tuesday", names=NAMES)
        await page.goto(sheet.as_uri())
        return noted

    return write_and_open


async def shown(page: "Page") -> Any:
    return await page.evaluate(SHOWN)


async def focused(page: "Page") -> Any:
    return await page.evaluate(FOCUSED)


async def test_nothing_is_asked_of_any_network_and_nothing_complains(page: "Page", opened: Opened) -> None:
    noted = await opened(page)
    await page.keyboard.press("j")
    await page.keyboard.press("Enter")
    await becomes(page, "[...document.images].every(image => image.complete && image.naturalWidth > 0)")
    assert noted.foreign == []
    assert [url for url in noted.requests if not url.startswith("data:")] == [page.url]
    assert noted.errors == []


async def test_search_finds_names_prompts_people_and_status(page: "Page", opened: Opened) -> None:
    await opened(page)
    for words, numbers in {
        "photo 12": [12],
        "WAVE 7": [7],
        "sea mia 9": [9],
        "otto": [5],
        "prof_otto": [5],
        "failed busy": [3],
        "picked": [2],
        "rejected": [4],
        "nobody": [],
    }.items():
        await page.fill("#filter", words)
        assert await shown(page) == numbers, words
    assert await page.is_visible("#nothing")
    await page.keyboard.press("Escape")
    assert len(await shown(page)) == 12
    assert await page.inner_text("#shown") == "12 shown"


async def test_the_order_can_be_chosen(page: "Page", opened: Opened) -> None:
    await opened(page)
    assert (await shown(page))[:3] == [3, 6, 5]
    for value, first in {"number": 1, "name": 1, "cents": 12, "seconds": 1, "rank": 3}.items():
        await page.select_option("#sort", value)
        assert (await shown(page))[0] == first, value
    await page.select_option("#sort", "name")
    assert await shown(page) == list(range(1, 13))  # "photo 10" after "photo 9"


async def test_one_kind_can_be_shown_by_mouse_and_by_keyboard(page: "Page", opened: Opened) -> None:
    await opened(page)
    await page.get_by_text("someone missed 1").click()
    assert await shown(page) == [5]
    await page.keyboard.press("ArrowRight")  # from choice to choice
    assert len(await shown(page)) == 9
    await page.fill("#filter", "wave 2")
    assert await shown(page) == [2, 12]
    assert await page.inner_text("#shown") == "2 of 12 shown"


async def test_keys_go_from_card_to_card(page: "Page", opened: Opened) -> None:
    await opened(page)
    order = await shown(page)
    visited = []
    for key in ("j", "j", "k", "ArrowRight", "ArrowDown", "ArrowUp", "ArrowLeft", "End", "Home"):
        await page.keyboard.press(key)
        visited.append(order.index(await focused(page)))
    assert visited == [0, 1, 0, 1, 3, 1, 0, 11, 0]
    assert await page.evaluate("getComputedStyle(document.activeElement.closest('.card')).outlineStyle") == "solid"
    await page.keyboard.press("/")
    assert await page.evaluate("document.activeElement.id") == "filter"
    await page.keyboard.type("j?")
    assert await page.input_value("#filter") == "j?"


async def test_the_large_view_shows_source_beside_result(page: "Page", opened: Opened) -> None:
    await opened(page)
    await page.keyboard.press("j")
    await page.keyboard.press("Enter")
    assert await page.is_visible("#view")
    assert "photo 3" in await page.inner_text("#view-title")
    assert "try again in a minute" in await page.inner_text("#view")
    for key in ("ArrowRight", "j"):
        await page.keyboard.press(key)
    assert await page.inner_text("#view-place") == "3 of 12"
    source, result = [await each.bounding_box() for each in await page.query_selector_all("#view .pane img")]
    assert source is not None
    assert result is not None
    assert source["x"] + source["width"] <= result["x"]
    assert min(source["width"], result["width"]) > 400
    assert (await page.get_attribute("#view .result a", "href")) == "./5.edit-1.jpg"
    await page.keyboard.press("Escape")
    assert not await page.is_visible("#view")
    assert await focused(page) == 5  # where one was


async def test_a_click_on_a_picture_opens_it_large(page: "Page", opened: Opened) -> None:
    await opened(page)
    await page.click("#c1 .result img")
    assert "photo 1" in await page.inner_text("#view-title")
    await page.click("#view-close")
    assert not await page.is_visible("#view")


async def test_the_keys_are_told(page: "Page", opened: Opened) -> None:
    await opened(page)
    await page.keyboard.press("?")
    assert await page.is_visible("#help")
    await page.keyboard.press("Escape")
    await page.click("#keys")
    assert "large view" in await page.inner_text("#help")


async def test_a_phone_shows_all_of_it_without_scrolling_sideways(browser: "Browser", opened: Opened) -> None:
    page = await browser.new_page(viewport=PHONE, has_touch=True, is_mobile=True)
    await opened(page)
    assert await page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
    await page.tap("#c1 .source img")
    boxes = [await each.bounding_box() for each in await page.query_selector_all("#view .pane img")]
    assert all(box is not None and box["width"] > 250 for box in boxes)
    assert await page.evaluate("document.getElementById('view').scrollWidth") <= PHONE["width"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 360])
async def test_axe_finds_nothing(browser: "Browser", opened: Opened, scheme: Any, width: int) -> None:
    page = await browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    await opened(page)
    assert await violations(page, scheme) == []
    await page.keyboard.press("j")
    await page.keyboard.press("Enter")
    assert await violations(page, scheme) == []
    await page.keyboard.press("Escape")
    await page.keyboard.press("?")
    assert await violations(page, scheme) == []


async def test_dark_is_dark_and_light_is_light(browser: "Browser", opened: Opened) -> None:
    shades = []
    schemes: tuple[Any, ...] = ("light", "dark")
    for scheme in schemes:
        page = await browser.new_page(color_scheme=scheme)
        await opened(page)
        shades.append(await page.evaluate("getComputedStyle(document.body).backgroundColor.match(/\\d+/)[0]"))
    light, dark = map(int, shades)
    assert light > 200
    assert dark < 60


async def test_pictures_that_wait_come_when_somebody_is_near(page: "Page", opened: Opened, tmp_path: Path) -> None:
    noted = await opened(page, album(tmp_path, 80))
    waiting = "document.querySelectorAll('.card img[data-at]').length"
    before = await page.evaluate(waiting)
    assert before > 90
    await page.evaluate("scrollTo(0, document.body.scrollHeight)")
    last = "document.querySelector('.card:last-child .result img')"
    await becomes(page, f"{last}.naturalWidth > 0")
    assert 0 < await page.evaluate(waiting) < before
    await page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert await page.evaluate(waiting) == 0
    assert noted.errors == []


async def test_hostile_words_do_nothing(page: "Page", opened: Opened) -> None:
    words = "</script><script>document.title='struck'</script><img src=x onerror=\"document.title='struck'\">"
    noted = await opened(page, [row(words, prompt=words, status="failed", error=words, hint=words)])
    await page.fill("#filter", "struck")
    await page.keyboard.press("Escape")
    await page.keyboard.press("j")
    await page.keyboard.press("Enter")
    assert await page.title() == "Tuesday"
    assert words in await page.inner_text("#view-title")
    assert noted.errors == []


async def test_without_its_program_the_page_still_shows_everything(
    browser: "Browser", opened: Opened, tmp_path: Path
) -> None:
    context = await browser.new_context(java_script_enabled=False)
    page = await context.new_page()
    await opened(page, album(tmp_path, 80))
    assert await page.locator(".card").count() == 80
    assert await page.locator("#tools").is_hidden()
    assert await page.locator(".card:last-child .prompt").text_content() == "Mia at the sea, wave 80"
    assert await page.locator(".card:last-child .result a").get_attribute("href") == "./80.edit-1.jpg"


async def test_print_leaves_the_tools_out(page: "Page", opened: Opened) -> None:
    await opened(page)
    await page.emulate_media(media="print")
    assert await page.locator("#tools").is_hidden()
    assert await page.locator(".card").first.is_visible()
    assert len(await page.pdf()) > 10_000
