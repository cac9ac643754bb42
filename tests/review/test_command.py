"""``phota review`` as a program: its streams, its exit codes, signals, and kills between picks."""

import asyncio
import os
import re
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest
from click.testing import CliRunner
from PIL import Image
from support.folders import tree
from support.reviews import Visitor, make_run

from phota_async.cli.main import cli
from phota_async.review import Journal, read_picks
from phota_async.review.events import event_of
from phota_async.runs import RunFolder
from phota_async.sandbox import Sandbox

PHOTA = (sys.executable, "-m", "phota_async", "review")
SECONDS = 30.0

CAMERA_MAKE = 0x010F  # EXIF's tag


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return make_run(tmp_path)


class Review:
    """A review that runs as a program."""

    def __init__(self, process: Process, url: str) -> None:
        self.process, self.url = process, url

    async def end(self) -> tuple[int, list[str], str]:
        """Return its exit code, the lines of its standard output, and its standard error."""
        async with asyncio.timeout(SECONDS):
            out, err = await self.process.communicate()
        assert self.process.returncode is not None
        return self.process.returncode, out.decode().splitlines(), err.decode()


@asynccontextmanager
async def reviewing(folder: RunFolder, *flags: str, **environment: str) -> AsyncIterator[Review]:
    process = await start(str(folder.output), *flags, **environment)
    assert process.stderr is not None
    try:
        async with asyncio.timeout(SECONDS):
            line = (await process.stderr.readline()).decode()
        found = re.search(r"http://127\.0\.0\.1:\d+/#\S+", line)
        assert found, line + (await process.stderr.read()).decode()
        yield Review(process, found[0])
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def start(*arguments: str, **environment: str) -> Process:
    clean = {name: value for name, value in os.environ.items() if name not in ("DISPLAY", "WAYLAND_DISPLAY")}
    return await asyncio.create_subprocess_exec(*PHOTA, *arguments, stdout=PIPE, stderr=PIPE, env=clean | environment)


def run(*arguments: str) -> tuple[int, list[str], str]:
    """Run it in this process: where there is no page, there is no loop."""
    result = CliRunner().invoke(cli, ["review", *arguments])
    return result.exit_code, result.stdout.splitlines(), result.stderr


def decide(folder: RunFolder) -> None:
    with Journal(folder) as journal:
        journal.append(event_of("pick", "set/1.jpg", output="set/1.enhance-2.jpg"))
        journal.append(event_of("reject", "set/2.jpg"))


async def test_done_on_the_page_ends_it_with_0_and_the_picked_paths(folder: RunFolder) -> None:
    async with reviewing(folder) as review, Visitor(review.url) as visitor:
        picture = (await visitor.get("/state"))["items"][0]["variations"][2]["picture"]
        await visitor.post("/pick", item=0, picture=picture)
        await visitor.post("/finish")
        code, out, err = await review.end()
    assert (code, out) == (0, [str(folder.output / "set/1.enhance-3.jpg")])
    assert "1 picked, 0 rejected, 2 undecided" in err
    assert "Traceback" not in err


@pytest.mark.parametrize(("number", "expected"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
async def test_a_signal_ends_it_and_loses_nothing(folder: RunFolder, number: signal.Signals, expected: int) -> None:
    async with reviewing(folder) as review, Visitor(review.url) as visitor:
        await visitor.post("/reject", item=1)
        waiting = asyncio.create_task(visitor.ask("GET", "/changes?after=99"))
        await visitor.sent["/changes?after=99"].wait()
        await visitor.get("/state")
        review.process.send_signal(number)
        code, out, err = await review.end()
        assert (await waiting)[2]["finished"]  # a page that waits keeps nobody from ending
    assert (code, out) == (expected, [])
    assert "0 picked, 1 rejected, 2 undecided" in err
    assert "Traceback" not in err


@pytest.mark.parametrize("turns", [0, 1, 3, 10, 40])
async def test_killed_while_it_writes_it_keeps_what_it_answered(folder: RunFolder, turns: int) -> None:
    """The pick that was under way may have been written or not; nothing else may be otherwise."""
    async with reviewing(folder) as review, Visitor(review.url) as visitor:
        items = (await visitor.get("/state"))["items"]
        answered = [await pick(visitor, items, number) for number in range(5)]
        last = asyncio.create_task(pick(visitor, items, 5))
        for _ in range(turns):
            await asyncio.sleep(0)
        review.process.kill()
        with suppress(aiohttp.ClientError, OSError):
            answered.append(await last)
        await review.process.wait()
    lines = [line for line in (folder.path / "picks.jsonl").read_bytes().splitlines() if line.endswith(b"}")]
    written = [(line["item"], line["output"]) for line in map(msgspec.json.decode, lines)]
    assert written[: len(answered)] == answered
    assert len(written) <= 6
    async with reviewing(folder) as review, Visitor(review.url) as visitor:
        state = await visitor.get("/state")
    assert [item["key"] for item in state["items"] if item["choice"]] == [item["key"] for item in items]


async def pick(visitor: Visitor, items: list[Any], number: int) -> tuple[str, str]:
    """Pick a picture, and return what must be on the disk by then."""
    item = items[number % len(items)]
    variation = item["variations"][number % 4]
    await visitor.post("/pick", item=item["number"], picture=variation["picture"])
    return item["key"], f"set/{variation['name']}"


async def test_an_answer_survives_the_kill_that_follows_it(folder: RunFolder) -> None:
    for number in range(3):
        async with reviewing(folder) as review, Visitor(review.url) as visitor:
            await visitor.post("/reject", item=number)
            review.process.kill()
            await review.process.wait()
        picks = read_picks(folder)
        assert [picks.choice(f"set/{each}.jpg") is not None for each in (1, 2, 3)] == [
            each <= number for each in range(3)
        ]


def test_an_export_needs_no_page(folder: RunFolder, tmp_path: Path) -> None:
    decide(folder)
    code, out, err = run(str(folder.output), "--export", str(tmp_path / "picks"))
    assert (code, out, err) == (0, [str(tmp_path / "picks/set/1.enhance-2.jpg")], "")
    code, out, err = run(str(folder.output), "--export", str(tmp_path / "picks"), "--json")
    line = msgspec.json.decode(out[0])
    assert code == 0
    assert (line["schema"], line["status"], line["choice"]) == ("phota.choice/1", "there", "picked")
    assert len(out) == 2


async def test_with_a_page_it_is_copied_when_the_person_is_done(folder: RunFolder, tmp_path: Path) -> None:
    decide(folder)
    arguments = ("--export", str(tmp_path / "picks"), "--page")
    async with reviewing(folder, *arguments) as review:
        review.process.send_signal(signal.SIGINT)
        code, out, err = await review.end()
    assert (code, out) == (130, [str(folder.output / "set/1.enhance-2.jpg")])
    assert "nothing was copied yet" in err
    assert not (tmp_path / "picks").exists()
    async with reviewing(folder, *arguments) as review, Visitor(review.url) as visitor:
        await visitor.post("/finish")
        code, out, err = await review.end()
    assert (code, out) == (0, [str(tmp_path / "picks/set/1.enhance-2.jpg")])
    assert list(tree(tmp_path / "picks")) == ["set/1.enhance-2.jpg"]


def test_json_lists_what_was_decided(folder: RunFolder) -> None:
    decide(folder)
    code, out, _ = run(str(folder.output), "--json")
    lines = [msgspec.json.decode(line) for line in out]
    assert code == 0
    assert [(line["key"], line["choice"]) for line in lines] == [("set/1.jpg", "picked"), ("set/2.jpg", "rejected")]


def test_an_export_that_fails_says_so_in_its_code(folder: RunFolder, tmp_path: Path) -> None:
    decide(folder)
    (folder.output / "set/1.enhance-2.jpg").unlink()
    code, out, err = run(str(folder.output), "--export", str(tmp_path / "picks"))
    assert (code, out) == (6, [])
    assert "set/1.jpg: 1.enhance-2.jpg: No such file" in err
    with Journal(folder) as journal:
        journal.append(event_of("pick", "set/3.jpg", output="set/3.enhance-1.jpg"))
    code, out, _ = run(str(folder.output), "--export", str(tmp_path / "picks"))
    assert (code, len(out)) == (5, 1)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--run", "nothing"], "expected one of those below"),
        (["--run", "../.."], "expected one of those below"),
        (["--max-spend", "much"], "expected US dollars such as 20 or 0.15, got 'much'"),
        (["--max-spend", "1", "--price", "-1"], "expected US dollars such as 20 or 0.15, got '-1'"),
        (["--port", "70000"], "--port"),
        (["--exists", "replace", "--export", "x"], "--exists"),
    ],
)
def test_wrong_arguments_are_usage(folder: RunFolder, arguments: list[str], words: str) -> None:
    code, out, err = run(str(folder.output), *arguments)
    assert (code, out) == (2, [])
    assert words in err
    assert "Traceback" not in err


def test_a_folder_without_runs_is_usage(tmp_path: Path) -> None:
    code, _, err = run(str(tmp_path))
    assert code == 2
    assert "expected a folder that a run wrote to" in err


def test_one_of_several_runs_can_be_named(folder: RunFolder, tmp_path: Path) -> None:
    decide(folder)
    other = make_run(tmp_path, items=1)
    assert other.run != folder.run
    _, out, _ = run(str(folder.output), "--run", folder.run, "--json")
    assert len(out) == 2


async def test_the_browser_gets_a_ticket_and_not_the_token(folder: RunFolder, tmp_path: Path) -> None:
    browser, opened = tmp_path / "browser", tmp_path / "opened"
    browser.write_text(f'#!/bin/sh\necho loud\necho "$1" > {opened}.part\nmv {opened}.part {opened}\n')
    browser.chmod(0o755)
    async with reviewing(folder, BROWSER=str(browser), DISPLAY=":99") as review, Visitor(review.url) as visitor:
        async with asyncio.timeout(SECONDS):
            while not opened.exists():  # noqa: ASYNC110 - another program makes it
                await asyncio.sleep(0.01)
        url = opened.read_text().strip()
        assert url.startswith(f"{visitor.address}/#ticket=")
        assert visitor.token not in url
        await visitor.post("/finish")
        code, out, _ = await review.end()
    assert (code, out) == (0, [])  # what the browser says is no result


async def test_the_browser_stays_closed_if_told_so(folder: RunFolder, tmp_path: Path) -> None:
    browser = tmp_path / "browser"
    browser.write_text(f"#!/bin/sh\ntouch {tmp_path / 'opened'}\n")
    browser.chmod(0o755)
    async with reviewing(folder, "--no-open", BROWSER=str(browser), DISPLAY=":99") as review:
        async with Visitor(review.url) as visitor:
            await visitor.post("/finish")
        await review.end()
    assert not (tmp_path / "opened").exists()


async def asked(visitor: Visitor) -> tuple[int, Any]:
    further = (await visitor.get("/state"))["items"][0]["further"]
    body = {"item": 0, "id": "one", "price": further["price"] or "1"}
    status, _, answer = await visitor.ask("POST", "/ask", body)
    return status, answer


async def test_asking_again_needs_a_cap_and_a_key(folder: RunFolder) -> None:
    async with reviewing(folder) as review, Visitor(review.url) as visitor:
        assert "--max-spend" in (await asked(visitor))[1]["error"]
    async with reviewing(folder, "--max-spend", "1") as review, Visitor(review.url) as visitor:
        status, answer = await asked(visitor)
        assert status == 409
        assert "PHOTA_API_KEY" in answer["error"]


@pytest.mark.parametrize("metadata", ["none", "copy"])
async def test_asking_again_buys_on_the_sandbox_with_the_runs_settings(tmp_path: Path, metadata: str) -> None:
    folder = make_run(tmp_path, items=1)
    exif = Image.Exif()
    exif[CAMERA_MAKE] = "CAMERA-OF-MINE"
    Image.new("RGB", (60, 40)).save(tmp_path / "photos" / "1.jpg", exif=exif)
    record = msgspec.json.decode((folder.path / "run.json").read_bytes())
    record["settings"] = {"run": {"metadata": metadata, "no_gps": "a word", "max_spend": "20"}}
    (folder.path / "run.json").write_bytes(msgspec.json.encode(record))
    async with Sandbox(time_scale=1000, picture_scale=1 / 16) as sandbox:
        environment = {"PHOTA_API_KEY": sandbox.api_key, "PHOTA_BASE_URL": sandbox.base_url}
        async with (
            reviewing(folder, "--max-spend", "0.20", **environment) as review,
            Visitor(review.url) as visitor,
        ):
            assert (await asked(visitor))[0] == 200
            async with asyncio.timeout(SECONDS):
                version = 1
                while len((await visitor.get("/state"))["items"][0]["variations"]) < 5:
                    version = (await visitor.get(f"/changes?after={version}"))["version"]
            await visitor.post("/finish")
            code, _, err = await review.end()
    assert code == 0
    assert sandbox.api_key not in err
    made = (folder.output / "set/1.again-1.enhance-1.jpg").read_bytes()
    assert b"DigitalSourceType" in made
    assert (b"CAMERA-OF-MINE" in made) is (metadata == "copy")
