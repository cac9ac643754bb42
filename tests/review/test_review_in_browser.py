"""The review page in a real browser: Debian's Chromium through Playwright, and axe-core for accessibility.

What they need is in the dependency group ``system``, and in Debian's package ``chromium``.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
import pytest_asyncio
from aiohttp import web
from support.browser import violations
from support.clients import QUICK
from support.reviews import make_run, record_with, serving, write_picture

from phota_async import Budget, PhotaClient
from phota_async.errors import DownloadError
from phota_async.review import Asking, Journal, ReviewServer, read_picks
from phota_async.runs import RunFolder
from phota_async.sandbox import Sandbox

pytestmark = [pytest.mark.system, pytest.mark.asyncio(loop_scope="session")]

PATIENCE = 15_000.0  # milliseconds
PHONE = {"viewport": {"width": 390, "height": 844}, "device_scale_factor": 2, "has_touch": True, "is_mobile": True}


FILLED = """[...document.querySelectorAll("#panes .view")].map((view) => {
  const [box, room] = [view.querySelector("img").getBoundingClientRect(), view.getBoundingClientRect()];
  return Math.abs(box.width - room.width) < 2 || Math.abs(box.height - room.height) < 2;
})"""


class Browser:
    """Opens pages and watches them: no error, and no request to anybody but the review."""

    def __init__(self, chromium: Any) -> None:
        self._chromium = chromium
        self.contexts: list[Any] = []
        self.requests: list[str] = []
        self.complaints: list[str] = []

    async def context(self, **options: Any) -> Any:
        context = await self._chromium.new_context(**{"viewport": {"width": 1280, "height": 800}, **options})
        self.contexts.append(context)
        context.set_default_timeout(PATIENCE)
        context.on("request", lambda request: self.requests.append(request.url))
        context.on("console", lambda message: self._hear(message.type, message.text))
        context.on("weberror", lambda error: self.complaints.append(str(error.error)))
        return context

    async def open(self, server: ReviewServer, context: Any = None, **options: Any) -> Any:
        """Open the page and wait until the pictures of its first photo are there."""
        page = await (context or await self.context(**options)).new_page()
        await page.goto(server.url)
        await page.locator("#panes .view.is-there").first.wait_for()
        return page

    def _hear(self, kind: str, text: str) -> None:
        if kind in ("error", "warning") and "ERR_CONNECTION_REFUSED" not in text:  # a page outlives its server here
            self.complaints.append(text)


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return make_run(tmp_path, size=(1200, 800))


@pytest_asyncio.fixture(loop_scope="session")
async def server(folder: RunFolder) -> AsyncIterator[ReviewServer]:
    async with serving(folder) as opened:
        yield opened


@pytest_asyncio.fixture(loop_scope="session")
async def browser(chromium_browser: Any) -> AsyncIterator[Browser]:
    made = Browser(chromium_browser)
    yield made
    for context in made.contexts:
        await context.close()
    assert made.complaints == []
    origins = {url.split("/")[2] if url.startswith("http") else url.split(":")[0] for url in made.requests}
    assert len(origins - {"blob"}) <= 1, origins


async def expect_text(page: Any, selector: str, text: str) -> None:
    await page.locator(selector).filter(has_text=re.compile(re.escape(text))).first.wait_for()


async def written(folder: RunFolder, holds: Callable[[list[str | None]], bool]) -> list[str | None]:
    """Wait until the file of picks says so."""
    async with asyncio.timeout(PATIENCE / 1000):
        while True:
            picks = read_picks(folder)
            found = [picks.choice(record.key) for record in folder.records()]
            choices = [None if choice is None else choice.output or "rejected" for choice in found]
            if holds(choices):
                return choices
            await asyncio.sleep(0.01)


async def expect_written(folder: RunFolder, *expected: str | None) -> None:
    await written(folder, lambda choices: choices == list(expected))


# Deciding


async def test_picking_by_keyboard(browser: Browser, server: ReviewServer, folder: RunFolder) -> None:
    page = await browser.open(server)
    await page.keyboard.press("2")
    await expect_text(page, "#name", "set/2.jpg")
    await expect_text(page, "#toast.is-shown", "Picked variation 2: set/1.jpg")
    await page.keyboard.press("r")
    await expect_text(page, "#name", "set/3.jpg")
    await expect_written(folder, "set/1.enhance-2.jpg", "rejected", None)
    await expect_text(page, "#count", "2 of 3 decided")
    await page.keyboard.press("z")
    await expect_text(page, "#name", "set/2.jpg")
    await page.keyboard.press("Control+z")
    await expect_text(page, "#name", "set/1.jpg")
    await expect_written(folder, None, None, None)
    assert await page.locator("#undo").is_disabled()
    for key in ("4", "4", "1"):
        await page.keyboard.press(key)
    await expect_written(folder, "set/1.enhance-4.jpg", "set/2.enhance-4.jpg", "set/3.enhance-1.jpg")
    await expect_text(page, "#empty-words", "Everything is decided: 3 picked, 0 rejected, 0 undecided.")
    await page.keyboard.press("1")  # nothing is shown that could be meant
    await page.locator("#show-all").click()
    await expect_text(page, "#name", "set/3.jpg")
    await page.keyboard.press("ArrowLeft")
    await expect_text(page, "#name", "set/2.jpg")
    await page.keyboard.press("0")
    await expect_written(folder, "set/1.enhance-4.jpg", None, "set/3.enhance-1.jpg")
    await page.keyboard.press("9")  # there is no such variation
    assert await page.locator(".pick[aria-pressed=true]").count() == 0


async def test_picking_by_mouse(browser: Browser, server: ReviewServer, folder: RunFolder) -> None:
    page = await browser.open(server)
    await page.get_by_role("button", name="Pick variation 3").click()
    await expect_written(folder, "set/1.enhance-3.jpg", None, None)
    await page.locator("#strip button").last.click()
    await expect_text(page, "#name", "set/3.jpg")
    await page.get_by_role("button", name="Reject").click()
    await expect_written(folder, "set/1.enhance-3.jpg", None, "rejected")
    await page.get_by_text("Picked 1").click()
    await expect_text(page, "#name", "set/1.jpg")
    picked = page.get_by_role("button", name="Pick variation 3")
    assert await picked.get_attribute("aria-pressed") == "true"
    await page.get_by_role("button", name="Undo").click()
    await expect_written(folder, "set/1.enhance-3.jpg", None, None)
    await page.get_by_text("All 3").click()
    await page.get_by_role("button", name="Previous").click()
    await expect_text(page, "#name", "set/2.jpg")


async def test_a_reload_comes_back_to_the_same_photo_and_can_undo(
    browser: Browser, server: ReviewServer, folder: RunFolder
) -> None:
    page = await browser.open(server)
    await page.keyboard.press("1")
    await expect_written(folder, "set/1.enhance-1.jpg", None, None)
    await page.keyboard.press("ArrowRight")
    await expect_text(page, "#name", "set/3.jpg")
    await page.reload()
    await expect_text(page, "#name", "set/3.jpg")
    await expect_text(page, "#count", "1 of 3 decided")
    await page.keyboard.press("z")
    await expect_text(page, "#name", "set/1.jpg")
    await expect_written(folder, None, None, None)


async def test_two_windows_see_the_same_and_say_what_the_other_did(
    browser: Browser, server: ReviewServer, folder: RunFolder
) -> None:
    context = await browser.context()
    one, two = await browser.open(server, context), await browser.open(server, context)
    await one.keyboard.press("2")
    await expect_text(two, "#toast.is-shown", "In another window: set/1.jpg is picked now")
    await expect_text(two, "#count", "1 of 3 decided")
    assert await two.locator("[aria-label='Pick variation 2']").get_attribute("aria-pressed") == "true"
    await two.keyboard.press("r")  # the last one counts
    await expect_text(one, "#toast.is-shown", "In another window: set/1.jpg is rejected now")
    await expect_written(folder, "rejected", None, None)
    await one.keyboard.press("z")
    await expect_written(folder, "set/1.enhance-2.jpg", None, None)
    await expect_text(two, "#count", "1 of 3 decided")


async def test_what_others_do_elsewhere_leaves_the_eye_where_it_is(browser: Browser, server: ReviewServer) -> None:
    context = await browser.context()
    one, two = await browser.open(server, context), await browser.open(server, context)
    await one.keyboard.press("f")
    await one.locator(".view.is-close.is-there").nth(4).wait_for()
    await two.keyboard.press("ArrowRight")
    await two.keyboard.press("r")
    await expect_text(one, "#toast.is-shown", "In another window: set/2.jpg is rejected now")
    assert await one.locator(".view.is-close.is-there").count() == 5


async def test_picks_as_fast_as_fingers_go(browser: Browser, tmp_path: Path) -> None:
    folder = make_run(tmp_path, items=20, variations=3, size=(600, 400))
    async with serving(folder) as server:
        page = await browser.open(server)
        for number in range(20):
            await page.keyboard.press(str(number % 3 + 1))
        await expect_written(folder, *(f"set/{number + 1}.enhance-{number % 3 + 1}.jpg" for number in range(20)))
        for _ in range(20):
            await page.keyboard.press("z")
        await expect_written(folder, *[None] * 20)
        await expect_text(page, "#name", "set/1.jpg")


async def test_done_asks_once_and_says_what_was_decided(browser: Browser, server: ReviewServer) -> None:
    page = await browser.open(server)
    await page.keyboard.press("1")
    await page.locator("#done").click()
    await expect_text(page, "#done-words", "1 picked, 0 rejected, 2 undecided")
    await page.keyboard.press("Escape")
    await page.keyboard.press("r")
    await page.locator("#done").click()
    await page.keyboard.press("Enter")
    await expect_text(page, "#curtain", "Finished")
    async with asyncio.timeout(PATIENCE / 1000):
        await server.finished()


async def test_a_server_that_is_gone_is_said(browser: Browser, folder: RunFolder) -> None:
    async with serving(folder) as server:
        page = await browser.open(server)
        await page.keyboard.press("1")
        await expect_written(folder, "set/1.enhance-1.jpg", None, None)
    await expect_text(page, "#curtain", "The review has ended")
    await expect_text(page, "#curtain", "1 picked, 0 rejected, 2 undecided. Start phota review again to go on.")


async def test_a_decision_that_cannot_be_written_is_taken_back(
    browser: Browser, server: ReviewServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise DownloadError("picks.jsonl", "No space left on device")

    page = await browser.open(server)
    with monkeypatch.context() as patched:
        patched.setattr(Journal, "append", full)
        await page.keyboard.press("1")
        await expect_text(page, "#toast.is-bad", "No space left on device")
    await expect_text(page, "#count", "0 of 3 decided")
    browser.complaints.clear()  # Chromium says itself that it was answered with 507


# Looking


async def test_close_up_all_pictures_show_the_same_place_at_100_per_cent(
    browser: Browser, server: ReviewServer
) -> None:
    page = await browser.open(server)
    await page.locator("#panes .view.is-there").nth(4).wait_for()
    views = page.locator("#panes .view")
    box = await views.nth(1).bounding_box()
    await page.mouse.click(box["x"] + box["width"] * 0.75, box["y"] + box["height"] * 0.5)
    await page.locator(".view.is-close").nth(4).wait_for()
    assert {(await shown(views.nth(number)))[0] for number in range(5)} == {1200.0}  # CSS pixels, as many as it has
    before = [(await shown(views.nth(number)))[1] for number in range(1, 5)]
    assert len({round(left) for left, _ in before}) == 1
    assert before[0][0] < -400  # the right part
    await page.mouse.down()
    await page.mouse.move(box["x"] + box["width"] * 0.75 + 90, box["y"] + box["height"] * 0.5 + 20, steps=4)
    await page.mouse.up()
    after = [(await shown(views.nth(number)))[1] for number in range(1, 5)]
    assert {round(new[0] - old[0]) for new, old in zip(after, before, strict=True)} == {90}
    await page.keyboard.press("Shift+ArrowLeft")
    assert round((await shown(views.nth(3)))[1][0] - after[2][0]) == 60
    await page.mouse.wheel(0, -200)
    await page.locator("#zoom[aria-pressed=true]").wait_for()
    assert (await shown(views.nth(2)))[0] > 1500
    await page.keyboard.press("Escape")
    await page.locator("#zoom[aria-pressed=false]").wait_for()
    assert (await shown(views.nth(2)))[0] < 1200
    await views.nth(2).focus()
    await page.keyboard.press("Enter")  # the same without a mouse
    await page.locator("#zoom[aria-pressed=true]").wait_for()


async def shown(view: Any) -> tuple[float, tuple[float, float]]:
    """Return how wide a picture is shown, and where it begins in its view."""
    style = await view.locator("img").get_attribute("style")
    width = float(re.search(r"width: ([\d.]+)px", style)[1])  # type: ignore[index]  # it has one
    left, top = re.search(r"translate\((-?[\d.]+)px, (-?[\d.]+)px\)", style).groups()  # type: ignore[union-attr]
    return width, (float(left), float(top))


async def test_the_slider_by_mouse_and_by_keyboard(browser: Browser, server: ReviewServer) -> None:
    page = await browser.open(server)
    await page.keyboard.press("s")
    await page.locator("#lens.is-there").wait_for()
    lens = await page.locator("#lens").bounding_box()
    middle = (lens["x"] + lens["width"] / 2, lens["y"] + lens["height"] / 2)
    await page.mouse.move(*middle)
    await page.mouse.down()
    await page.mouse.move(middle[0] + lens["width"] / 4, middle[1], steps=5)
    await page.mouse.up()
    assert await page.locator("#share").input_value() == "75"
    assert "is-close" not in await page.locator("#lens").get_attribute("class")
    await page.locator("#share").focus()
    await page.keyboard.press("ArrowLeft")
    assert await page.locator("#share").input_value() == "74"
    await expect_text(page, "#name", "set/1.jpg")  # the arrow was the slider's
    await page.keyboard.press("v")
    await expect_text(page, "#after-tag", "Variation 2")
    await page.locator("#panes .view").nth(3).click()
    await expect_text(page, "#after-tag", "Variation 4")
    await page.reload()
    await page.locator("#lens.is-there").wait_for()
    assert await page.locator("#share").input_value() == "74"
    await page.keyboard.press("f")
    await page.locator("#lens.is-close").wait_for()
    await page.keyboard.press("Escape")
    await page.keyboard.press("Escape")
    await page.locator("#slider").wait_for(state="hidden")


async def test_the_keys_are_listed(browser: Browser, server: ReviewServer, folder: RunFolder) -> None:
    page = await browser.open(server)
    await page.keyboard.press("?")
    await expect_text(page, "#help-dialog", "Undo the last decision")
    await page.keyboard.press("1")  # no key decides behind a list
    await page.keyboard.press("Escape")
    await page.keyboard.press("r")
    await expect_written(folder, "rejected", None, None)


async def test_on_a_phone_by_touch(browser: Browser, server: ReviewServer, folder: RunFolder) -> None:
    page = await browser.open(server, **PHONE)
    await page.get_by_role("button", name="Pick variation 4").tap()
    await expect_written(folder, "set/1.enhance-4.jpg", None, None)
    await page.locator("#panes .view.is-there").nth(1).tap()
    await page.locator("#panes .view.is-close").first.wait_for()
    await page.locator("#reject").tap()
    await expect_written(folder, "set/1.enhance-4.jpg", "rejected", None)
    box = await page.locator("main").bounding_box()
    assert box["width"] <= 390


# Asking again


@asynccontextmanager
async def asking(folder: RunFolder, usd: str) -> AsyncIterator[tuple[ReviewServer, Sandbox]]:
    async with AsyncExitStack() as stack:
        sandbox = await stack.enter_async_context(Sandbox(time_scale=0, picture_scale=1 / 8))
        client = await stack.enter_async_context(PhotaClient(sandbox.api_key, sandbox.base_url, QUICK))
        server = await stack.enter_async_context(serving(folder, asking=Asking(client, Budget(usd))))
        yield server, sandbox


async def test_asking_again_shows_the_price_first_and_then_the_picture(browser: Browser, folder: RunFolder) -> None:
    async with asking(folder, "0.20") as (server, sandbox):
        context = await browser.context()
        page, other = await browser.open(server, context), await browser.open(server, context)
        await expect_text(page, "#ask", "up to $0.12")
        await page.keyboard.press("a")
        await expect_text(page, "#ask-words", "costs up to $0.12. $0.20 of the budget of $0.20 is left")
        await page.keyboard.press("Escape")
        assert sandbox.posts("/enhance") == 0
        await page.keyboard.press("a")
        await page.keyboard.press("Enter")
        await expect_text(page, ".pane.ask", "Being made")
        await expect_text(other, ".pane.ask", "Being made")
        await sandbox.wait_for_requests(1)
        await page.reload()
        await expect_text(page, ".pane.ask", "Being made")
        while await page.locator(".pane.variation").count() < 5:
            sandbox.clock.advance(60)
            await asyncio.sleep(0.02)
        await other.locator("#panes .view.is-there").nth(5).wait_for()
        await page.keyboard.press("5")
        await expect_written(folder, "set/1.again-1.enhance-1.jpg", None, None)
        await page.keyboard.press("a")
        await expect_text(page, "#ask-words", "the budget of $0.20 has $0.08 left")
        assert not await page.locator("#ask-yes").is_visible()
        assert sandbox.posts("/enhance") == 1


async def test_without_a_budget_the_button_says_why(browser: Browser, server: ReviewServer) -> None:
    page = await browser.open(server)
    await page.locator("#ask").click()
    await expect_text(page, "#ask-words", "start the review with --max-spend USD")
    assert not await page.locator("#ask-yes").is_visible()
    await page.keyboard.press("Enter")
    await page.locator("#ask-dialog").wait_for(state="hidden")


# Strangers


async def test_the_token_leaves_the_address_and_a_ticket_works_once(browser: Browser, server: ReviewServer) -> None:
    context = await browser.context()
    page = await browser.open(server, context)
    assert page.url == f"{server.address}/"
    again = await context.new_page()
    await again.goto(server.address)  # the browser that was let in once knows
    await again.locator("#panes .view.is-there").first.wait_for()
    ticket = server.url_for_browser()
    page = await (await browser.context()).new_page()
    await page.goto(ticket)
    await page.locator("#panes .view.is-there").first.wait_for()
    for url in (ticket, server.address, f"{server.address}/#guess"):
        page = await (await browser.context()).new_page()
        await page.goto(url)
        await expect_text(page, "#curtain", "open the address that the review printed")
        assert await page.locator("#panes li").count() == 0
    browser.complaints.clear()  # Chromium says itself that it was answered with 401


FOREIGN = """<!doctype html><title>trying</title><body>
<iframe id="frame" src="{target}/"></iframe>
<form id="form" method="post" action="{target}/reject" enctype="text/plain" target="frame2">
  <input name='{{"item": 0, "tab": "' value='"}}'></form><iframe name="frame2"></iframe>
<script>
const target = "{target}", token = "{token}", done = [];
const tried = (name, promise) => promise.then((v) => done.push([name, v]), (e) => done.push([name, "refused"]));
const loads = (name, tag, path) => tried(name, new Promise((yes, no) => {{
  const made = document.createElement(tag);
  made.onload = () => yes("loaded"); made.onerror = no; made.src = target + path; document.body.append(made);
}}));
const header = {{"Phota-Review-Token": token}};
const post = (options) => fetch(target + "/reject", {{method: "POST", body: '{{"item":0}}', ...options}});
const json = {{"Content-Type": "application/json"}};
await0();
async function await0() {{
  await tried("read", fetch(target + "/state").then((r) => r.text()));
  await tried("read with the token", fetch(target + "/state", {{headers: header}}).then((r) => r.text()));
  await tried("post", post({{headers: json}}).then((r) => r.status));
  await tried("post with the token", post({{headers: {{...json, ...header}}}}).then((r) => r.status));
  await tried("post blindly", post({{mode: "no-cors", credentials: "include"}}).then((r) => r.type));
  await loads("picture", "img", "/pictures/1/full");
  await loads("icon", "img", "/icon.svg");
  await loads("script", "script", "/store.js");
  document.getElementById("form").submit();
  document.title = JSON.stringify(done);
}}
</script>"""


async def test_a_page_of_another_origin_gets_nothing(browser: Browser, server: ReviewServer, folder: RunFolder) -> None:
    """It is on the same machine, which browsers call the same site, and even knows the token."""
    async with stranger(server) as address:
        context = await browser.context()
        mine = await browser.open(server, context)
        page = await context.new_page()
        await page.goto(address)
        for _ in range(500):
            if (title := await page.title()).startswith("["):
                break
            await asyncio.sleep(0.02)
        results = dict(msgspec.json.decode(title))
        assert set(results.values()) == {"refused"}, results
        frames = [frame.url for frame in page.frames if frame.url.startswith(server.address)]
        assert all("chrome-error" in url or url.startswith(server.address) for url in frames)
        for frame in page.frames[1:]:
            assert "Review" not in await frame.title()
        await expect_text(mine, "#count", "0 of 3 decided")
        await mine.keyboard.press("1")
        await expect_written(folder, "set/1.enhance-1.jpg", None, None)
    browser.complaints.clear()  # all of what was refused
    browser.requests.clear()


@asynccontextmanager
async def stranger(server: ReviewServer) -> AsyncIterator[str]:
    """Serve a page of another port that tries all it can."""
    token = server.url.partition("#")[2]
    text = FOREIGN.format(target=server.address, token=token)

    async def page(_: web.Request) -> web.Response:
        return web.Response(text=text, content_type="text/html")

    app = web.Application()
    app.router.add_get("/", page)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/"
    finally:
        await runner.cleanup()


async def test_hostile_names_and_prompts_are_shown_as_words(browser: Browser, tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path / "out", operation="edit")
    write_picture(tmp_path / "out" / "a.jpg")
    name = '"><img src=x onerror=document.title=1>.jpg'
    prompt = "<script>document.title=1</script> [[<i>mia</i>]] {{7*7}} \u202egnp"
    source = write_picture(tmp_path / name)
    folder.append(record_with(source, name, ["a.jpg"], request={"prompt": prompt, "names": "x"}))
    async with serving(folder, names={"<i>mia</i>": "<b>Mia</b>"}) as server:
        page = await browser.open(server)
        await expect_text(page, "#name", name)
        await expect_text(page, "#prompt", "<script>document.title=1</script> <b>Mia</b> {{7*7}}")
        assert await page.title() == "Review of out"
        await page.keyboard.press("1")
        await page.keyboard.press("a")
        assert await page.locator("#panes img").count() == 2


async def test_portrait_beside_landscape_each_takes_the_room_it_has(browser: Browser, tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path / "out", operation="edit")
    for name, size in {"a.jpg": (1200, 400), "b.jpg": (400, 1200)}.items():
        write_picture(folder.output / name, size=size)
    source = write_picture(tmp_path / "s.jpg", size=(600, 600))
    folder.append(record_with(source, "s.jpg", ["a.jpg", "b.jpg"]))
    async with serving(folder) as server:
        page = await browser.open(server)
        await page.locator("#panes .view.is-there").nth(2).wait_for()
        filled = await page.evaluate(FILLED)
        assert filled == [True, True, True]


async def test_photos_of_a_run_that_goes_on_appear(browser: Browser, tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path / "out", operation="enhance")

    def add(number: int) -> None:
        name = f"{number}.enhance-1.jpg"
        write_picture(folder.output / name, number, (600, 400))
        folder.append(record_with(None, f"{number}.jpg", [name], number))

    add(1)
    async with serving(folder) as server:
        page = await browser.open(server)
        await expect_text(page, "#subtitle", "enhance, 1 photo so far")
        await page.keyboard.press("1")
        await page.locator("#empty").wait_for()
        add(2)
        await expect_text(page, "#toast.is-shown", "One more photo is there: 2.jpg")
        await expect_text(page, "#name", "2.jpg")
        await expect_text(page, "#count", "1 of 2 decided")
        assert await page.locator("#strip li").count() == 1  # the undecided one
        await page.keyboard.press("1")
        await expect_text(page, "#empty-words", "2 picked")
        folder.finish(exit_code=0)
        await server.session.refresh()
    await expect_written(folder, "1.enhance-1.jpg", "2.enhance-1.jpg")


# Accessibility


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_axe_finds_nothing(browser: Browser, folder: RunFolder, scheme: str) -> None:
    async def check(page: Any, what: str) -> None:
        assert await violations(page, scheme) == [], what

    async with asking(folder, "0.20") as (server, _):
        options = {"color_scheme": scheme, "bypass_csp": True}  # axe comes from outside
        page = await browser.open(server, **options)
        await page.locator("#panes .view.is-there").nth(4).wait_for()
        await check(page, "as it opens")
        await page.keyboard.press("?")
        await check(page, "the keys")
        await page.keyboard.press("Escape")
        await page.keyboard.press("1")
        await page.keyboard.press("r")
        await page.get_by_text("All 3").click()
        await page.locator("#strip button").first.click()
        await page.keyboard.press("a")
        await check(page, "the price")
        await page.keyboard.press("Enter")
        await expect_text(page, ".pane.ask", "Being made")
        await check(page, "a picked photo, one being made")
        await page.keyboard.press("s")
        await page.locator("#lens.is-there").wait_for()
        await check(page, "the slider")
        await page.get_by_text("Undecided 1").click()
        await page.keyboard.press("2")
        await page.locator("#empty").wait_for()
        await check(page, "nothing left")
        phone = await browser.open(server, **PHONE, **options)
        await check(phone, "on a phone")
        await page.locator("#done").click()
        await check(page, "the end")
        await page.keyboard.press("Enter")
        await page.locator("#curtain").wait_for()
        await check(page, "finished")


async def test_without_a_mouse_everything_can_be_reached(browser: Browser, server: ReviewServer) -> None:
    page = await browser.open(server)
    await page.locator("#panes .view.is-there").nth(4).wait_for()
    reached = set()
    for _ in range(40):
        await page.keyboard.press("Tab")
        focused = page.locator(":focus")
        if await focused.count():
            label = await focused.get_attribute("aria-label") or await focused.get_attribute("id") or ""
            reached.add(label)
    assert {
        "help",
        "done",
        "reject",
        "compare",
        "zoom",
        "ask",
        "next",
        "Pick variation 1",
        "Pick variation 4",
    } <= reached
    assert "1, set/1.jpg, undecided" in reached
    assert "Variation 2 of set/1.jpg: look closer" in reached
