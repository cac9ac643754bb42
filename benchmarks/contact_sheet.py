"""How fast a large contact sheet opens and scrolls: ``python -m benchmarks.contact_sheet [--photos 2000]``.

A run of so many photos, each with one result, is laid on a sheet; a ticker notes how late the event loop wakes up
meanwhile. Debian's Chromium then opens the file from disk and a wheel turns to its end: every frame's time is noted.
Needs the group `system` and ``/usr/bin/chromium``. Some 90 s, most of them for making the photos and the wheel.
"""

import argparse
import asyncio
import os
import tempfile
import time
from decimal import Decimal
from importlib import resources
from pathlib import Path
from statistics import median, quantiles
from typing import Any, NamedTuple

from PIL import Image, ImageEnhance
from playwright.async_api import Page, async_playwright

from phota_async.report import sheet_of_run
from phota_async.runs import ItemRecord, OutputRecord, RunFolder
from phota_async.runs.records import Cost, ErrorRecord, Identity

from .measure import Ticker, forget_peak, memory, peak_memory

CHROMIUM = "/usr/bin/chromium"
FLAGS = ("--no-sandbox", "--disable-background-networking", "--disable-component-update", "--disable-sync")
DISTINCT = 40  # photos; the others are the same files under names of their own
SIDE = 1600  # pixels
ROUNDS = 3  # openings; the median is told
SLOW, FAST = 240, 1200  # pixels a turn of the wheel: somebody who looks for a picture, and a dash to the end
TURNS, PAUSE = 20, 0.016  # turns between two looks at where one is; seconds between two turns
LOOKED_AT = 240  # turns of the slow pace: 64 screens
NOTE_FRAMES = """() => {
  const isNew = !window.noted;
  window.noted = [];
  if (!isNew) return;
  let last = performance.now();
  const note = (now) => { noted.push(now - last); last = now; requestAnimationFrame(note); };
  requestAnimationFrame(note);
}"""
OPENING = """() => {
  const [navigation] = performance.getEntriesByType("navigation");
  const paint = performance.getEntriesByName("first-contentful-paint")[0];
  return [paint ? paint.startTime : NaN, navigation.domInteractive, navigation.loadEventEnd];
}"""


class Opening(NamedTuple):
    """Milliseconds from the start of the navigation."""

    painted: float
    interactive: float
    loaded: float


def make_photos(folder: Path, count: int) -> list[tuple[Path, Path]]:
    """Write photos and results: a few pictures under many names."""
    photos = [each for each in resources.files("phota_async.demo").joinpath("photos").iterdir() if ".jpg" in each.name]
    pairs: list[tuple[Path, Path]] = []
    for number in range(count):
        pair = (folder / f"photos/{number:04}.jpg", folder / f"out/{number:04}.enhance-1.jpg")
        if number < DISTINCT:
            with Image.open(str(photos[number % len(photos)])) as image:
                shaded = ImageEnhance.Color(image.convert("RGB").resize((SIDE, SIDE))).enhance(0.3 + number / DISTINCT)
            for path, brightness in zip(pair, (0.9, 1.1), strict=True):
                path.parent.mkdir(exist_ok=True)
                ImageEnhance.Brightness(shaded).enhance(brightness).save(path, quality=88)
        else:
            for path, original in zip(pair, pairs[number % DISTINCT], strict=True):
                path.hardlink_to(original)
        pairs.append(pair)
    return pairs


def make_run(folder: Path, pairs: list[tuple[Path, Path]]) -> RunFolder:
    """Write the records of a run: every twentieth fails, every fifteenth misses somebody."""
    run = RunFolder.create(folder / "out", operation="enhance")
    for number, (photo, result) in enumerate(pairs, start=1):
        is_done = bool(number % 20)
        missing = ("prof_mia",) if is_done and not number % 15 else ()
        run.append(
            ItemRecord(
                run=run.run,
                number=number,
                key=f"2026/{photo.name}",
                operation="enhance",
                status="done" if is_done else "failed",
                sources=(str(photo),),
                request={"profile_ids": ["prof_mia"], "prompt": "brighter, and keep the colours of the evening"},
                outputs=(OutputRecord(path=result.name),) if is_done else (),
                identity=Identity(
                    expected=("prof_mia",), recognised={} if missing else {"prof_mia": 1}, missing=missing
                ),
                cost=Cost(settled=Decimal("0.15") if is_done else Decimal(0)),
                seconds=20 + number % 60,
                error=None if is_done else ErrorRecord(type="ServerError", message="HTTP 503", hint="try again later"),
            )
        )
    run.finish(exit_code=5)
    return run


async def make_sheet(run: RunFolder) -> Path:
    """Write the sheet and say what it took."""
    await asyncio.to_thread(forget_peak)
    before, began = memory(), time.perf_counter()
    async with Ticker() as ticker:
        page = await sheet_of_run(run, names={"prof_mia": "Mia"})
    seconds, peak = time.perf_counter() - began, (peak_memory() - before) / 2**20
    print(
        f"made        {seconds:.1f} s, {peak:.0f} MB at most, event loop late by {ticker.worst * 1000:.0f} ms at most"
    )
    print(f"file        {page.stat().st_size / 1e6:.1f} MB")
    return page


async def open_page(page: Page, path: Path) -> Opening:
    await page.goto(path.as_uri(), wait_until="load")
    await page.wait_for_function("() => performance.getEntriesByName('first-contentful-paint').length > 0")
    return Opening(*await page.evaluate(OPENING))


async def scroll(page: Page, turn: int, most: int | None = None) -> None:
    """Turn the wheel by so many pixels at a time until the page ends, or for so many turns, and tell the frames."""
    await page.evaluate(NOTE_FRAMES)
    await page.mouse.move(640, 600)
    start, at, turns = await page.evaluate("() => scrollY"), -1, 0
    while (now := await page.evaluate("() => scrollY")) != at and (most is None or turns < most):
        at = now
        for _ in range(TURNS):
            await page.mouse.wheel(0, turn)
            await asyncio.sleep(PAUSE)
        turns += TURNS
    frames: list[float] = await page.evaluate("() => noted")
    cuts, seconds = quantiles(frames, n=100), sum(frames) / 1000
    print(
        f"scrolled    {now - start:,} px in {seconds:.1f} s, {len(frames)} frames: "
        f"median {cuts[49]:.1f} ms, p95 {cuts[94]:.1f} ms, longest {max(frames):.0f} ms"
    )


async def measure(path: Path) -> None:
    async with async_playwright() as driver:
        browser = await driver.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        rounds = []
        for _ in range(ROUNDS):
            page = await browser.new_page(viewport={"width": 1280, "height": 900})
            rounds.append(await open_page(page, path))
        for name, values in zip(Opening._fields, zip(*rounds, strict=True), strict=True):
            print(f"{name:<12}{median(values):.0f} ms (of {', '.join(f'{each:.0f}' for each in values)})")
        await scroll(page, SLOW, LOOKED_AT)
        await scroll(page, FAST)
        await browser.close()


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=int, default=2000)
    count: Any = parser.parse_args().photos
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        pairs = await asyncio.to_thread(make_photos, folder, count)
        run = await asyncio.to_thread(make_run, folder, pairs)
        print(f"{count} photos of {SIDE} px and as many results, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
        await measure(await make_sheet(run))


if __name__ == "__main__":
    asyncio.run(main())
