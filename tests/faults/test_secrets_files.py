"""What a batch leaves behind, and what it sends: ledger, run records, pages, part files, photos on their way."""

import asyncio
import base64
import os
import signal
import stat
import subprocess
import sys
import textwrap
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import pytest
from photos import samples
from support.canaries import KEY, LINKS, PRIVATE, QUERY, SECRET, WISH, Canary, Search
from support.clients import quick
from support.witness import Witness, log_everything, witness

from phota_async import Batch, BatchItem, EditRequest, EnhanceRequest, GenerateRequest, Outcome, PhotaClient
from phota_async.ledger import Ledger
from phota_async.report import contact_sheet, row_of
from phota_async.requests import AnyRequest
from phota_async.runs import RunFolder, latest_run, record_of
from phota_async.sandbox import Sandbox
from phota_async.sandbox.thread import running_sandbox

from .trial import Trial

__all__ = ["witness"]
HIDDEN = (samples.SERIAL, samples.OWNER, samples.MAKER, samples.THUMBNAIL, samples.CAPTION, samples.TOWN)
PHOTOS = tuple(Canary(text.decode(), text.decode()) for text in HIDDEN)
ALL = Search(*PRIVATE.canaries, *PHOTOS)
PAGES = Search(*LINKS.canaries, *PHOTOS)
"""What may not stand where prompts may."""
STORE = Path(".phota")


class Studio:
    """A service with the canaries' key, and a folder of photos that tell everything."""

    def __init__(self, sandbox: Sandbox, folder: Path, hooks: Any) -> None:
        self.sandbox, self.hooks = sandbox, hooks
        self.photo, self.output = folder / "photo.jpg", folder / "out"
        self.photo.write_bytes(samples.jpeg(6))

    def items(self) -> list[BatchItem]:
        link = f"{self.sandbox.upload(samples.jpeg())}{QUERY}"
        requests: list[AnyRequest] = [
            EditRequest([self.photo, link], WISH.text),
            EnhanceRequest(samples.png(), prompt=WISH.text),
            GenerateRequest(WISH.text, num_output_images=2),
        ]
        return [BatchItem(str(number), request) for number, request in enumerate(requests)]

    async def run(self, look: Any = lambda: None, **options: Any) -> list[Outcome]:
        """Run a batch and let the test look at what lies there after each outcome."""
        outcomes = []
        config = quick(webhook_secret=SECRET.text, download_timeout=2)
        async with (
            PhotaClient(KEY.text, self.sandbox.base_url, config=config, hooks=self.hooks) as client,
            Batch(client, self.items(), output=self.output, ledger=True, **options) as batch,
        ):
            async for outcome in batch:
                outcomes.append(outcome)
                look()
        return outcomes

    def sent(self) -> Iterator[bytes]:
        """Yield each photo that the service was sent."""
        for request in self.sandbox.requests:
            fields = request.body or {}
            photos = [*fields.get("images", ()), fields.get("image", "")]
            yield from (base64.b64decode(each) for each in photos if each and not each.startswith("http"))


@pytest.fixture
async def studio(tmp_path: Path, witness: Witness) -> AsyncIterator[Studio]:
    log_everything()
    async with Sandbox(time_scale=100_000, picture_scale=1 / 16, api_key=KEY.text) as sandbox:
        yield Studio(sandbox, tmp_path, witness.hooks)


def look_at_store(studio: Studio, witness: Witness) -> None:
    """Look at the ledger with all that belongs to it, as it lies there now, and at unfinished files."""
    witness.see_folder(studio.output / STORE, ALL)
    parts = [path for path in studio.output.rglob("*.part") if STORE not in path.parents]
    for part in parts:
        with suppress(FileNotFoundError):  # it has its name by now
            witness.see_text("a part file", part.read_bytes(), LINKS)


async def test_what_a_batch_sends_and_leaves(studio: Studio, witness: Witness, fault: Trial) -> None:
    outcomes = await fault.end_of(studio.run(lambda: look_at_store(studio, witness)))
    assert isinstance(outcomes, list)
    assert [outcome.status for outcome in outcomes] == ["done"] * 3
    witness.look_at(*outcomes)
    look_at_store(studio, witness)
    async with Ledger(studio.output / STORE / "ledger.sqlite") as ledger:
        records = [record async for record in ledger.records()]
    witness.see(*records, pickled=ALL)
    sent = list(studio.sent())
    fault.tried(len(sent))
    assert len(sent) == 2
    assert [leak for photo in sent for leak in samples.leaks(photo)] == []
    for request in studio.sandbox.requests:
        witness.see_text("a body", msgspec.json.encode(request.body), Search(KEY, SECRET))
    assert studio.sandbox.keys_on_links == 0
    witness.see_folder(studio.output, Search(KEY, SECRET, *LINKS.canaries))  # the place is carried over on purpose
    witness.assert_discreet("OperationFinished", "ImageSaved")


async def test_without_a_place_there_is_none_in_the_results_either(studio: Studio, fault: Trial) -> None:
    outcomes = await studio.run(gps=False, metadata="basic")
    pictures = [path.read_bytes() for outcome in outcomes for path in outcome.paths]
    fault.tried(len(pictures))
    assert len(pictures) == 4
    assert [leak for picture in pictures for leak in samples.leaks(picture) if b"adobe" not in leak] == []


FAULTS: dict[str, dict[str, Any]] = {
    "refused": {"route": "POST /edit", "status": 400, "body": {"detail": f"refused: {WISH.text}"}},
    "broken": {"route": "POST /enhance", "status": 500},
    "reset": {"route": "POST /generate", "reset": "after"},
    "wrong key": {"route": "POST /edit", "status": 401, "body": {"detail": f"wrong key {KEY.text}"}},
    "a cut download": {"route": "GET /cdn/{name}", "cut_after": 30},
}


@pytest.mark.parametrize("kind", FAULTS)
async def test_what_a_batch_leaves_that_fails(kind: str, studio: Studio, witness: Witness, fault: Trial) -> None:
    fields = dict(FAULTS[kind])
    asyncio.get_running_loop().set_debug(kind != "refused")  # it logs errors, with what the service says in them
    studio.sandbox.fail(fields.pop("route"), times=None, **fields)
    outcomes = await fault.end_of(studio.run(lambda: look_at_store(studio, witness)))
    assert isinstance(outcomes, list)
    assert {outcome.status for outcome in outcomes} - {"done"}
    witness.look_at(*outcomes)
    for outcome in outcomes:
        if outcome.error is not None and kind != "refused":  # whoever asked is told the service's reason
            witness.see_error(outcome.error, pickled=Search(KEY, SECRET))
    look_at_store(studio, witness)
    witness.assert_discreet()


async def test_what_runs_and_pages_tell(studio: Studio, witness: Witness, fault: Trial) -> None:
    studio.sandbox.fail("POST /generate", status=400, body={"detail": f"see https://me:pw@x.example/{QUERY}"})
    folder = RunFolder.create(studio.output, operation="mixed", settings={"max_spend": "1"})
    outcomes = await studio.run()
    records = [record_of(each, output=studio.output, run=folder.run, number=1) for each in outcomes]
    for record in records:
        fault.tried()
        folder.append(record)
    folder.finish(exit_code=5, totals={"done": 2})
    page = await contact_sheet(map(row_of, outcomes), studio.output / "sheet.html")
    witness.look_at(folder, *records, *latest_run(studio.output).records(), folder.record(), *map(row_of, outcomes))
    witness.see_folder(folder.path, PAGES)
    witness.see_text("the page", page.read_bytes(), PAGES)
    assert Search(WISH).hits((folder.path / "items.jsonl").read_bytes())  # for their owner, and nobody else
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.path.iterdir()} == {0o600}
    assert stat.S_IMODE(folder.path.stat().st_mode) == 0o700
    for each in records:
        witness.see_text("a record for others", msgspec.json.encode(each.without_prompt()), PRIVATE)
    witness.assert_discreet()


# Killed in the middle.

KILLED = """
    import asyncio, os, sys
    from pathlib import Path
    from phota_async import Batch, BatchItem, EditRequest, PhotaClient
    from phota_async.runs import RunFolder

    async def main(output, photo, prompt):
        RunFolder.create(output, operation="edit")
        items = [BatchItem(str(number), EditRequest([photo], f"{prompt} {number}")) for number in range(4)]
        async with PhotaClient() as client, Batch(client, items, output=output, ledger=True) as outcomes:
            async for outcome in outcomes:
                pass

    asyncio.run(main(*sys.argv[1:]))
"""


@pytest.mark.skipif(os.name == "nt", reason="signals to a child are another thing there")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGABRT])
def test_what_a_killed_batch_leaves(number: int, tmp_path: Path, witness: Witness, fault: Trial) -> None:
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(samples.jpeg())
    with running_sandbox(api_key=KEY.text, time_scale=0) as sandbox:  # no job ever ends
        env = {"PHOTA_API_KEY": KEY.text, "PHOTA_BASE_URL": sandbox.base_url, "PYTHONFAULTHANDLER": "1"}
        arguments = [str(tmp_path / "out"), str(photo), WISH.text]
        command = [sys.executable, "-X", "dev", "-c", textwrap.dedent(KILLED), *arguments]
        with subprocess.Popen(command, env=os.environ | env, stderr=subprocess.PIPE, cwd=tmp_path) as process:
            loop = sandbox.call(lambda _: asyncio.get_running_loop())
            asyncio.run_coroutine_threadsafe(sandbox.sandbox.wait_for_requests(8), loop).result(30)
            process.send_signal(number)
            _, said = process.communicate(timeout=20)
    fault.tried()
    assert process.returncode == -number
    assert (b"Fatal Python error" in said) == (number == signal.SIGABRT)
    assert (tmp_path / "out" / STORE / "ledger.sqlite-wal").stat().st_size > 0
    photo.unlink()
    witness.see_text("what it said", said, ALL)
    witness.see_folder(tmp_path, ALL)
    witness.assert_discreet()
