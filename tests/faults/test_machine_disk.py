"""A disk that is full, at every page: nothing half lies under a name, what was bought is told and fetched later."""

import shutil
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support.clients import KEY, quick
from support.descriptors import descriptors
from support.disks import PAGE, Disk, full_disk
from support.folders import tree
from support.leftovers import check_nothing_left
from support.memory import folder_in_memory
from support.peer import until
from support.pictures import real_picture
from support.steps import end_threads
from support.till import PICTURES, Till

from phota_async import (
    Batch,
    BatchItem,
    DownloadError,
    EditRequest,
    EnhanceRequest,
    LedgerError,
    Outcome,
    PhotaClient,
    PhotaError,
)
from phota_async.config import Mode

from .trial import Trial

PHOTO = real_picture(90)
EDIT = EditRequest(images=(PHOTO,), prompt="a sea", num_output_images=3)
KINDS = ("disk", "limit")


@pytest.fixture(params=KINDS)
def disk(request: pytest.FixtureRequest) -> Iterator[Disk]:
    with folder_in_memory() as folder, full_disk(folder, request.param) as made:
        yield made


def items() -> list[BatchItem]:
    return [BatchItem(f"{number}", EnhanceRequest(image=PHOTO, prompt=f"item {number}")) for number in range(3)]


async def run_batch(till: Till, output: Path, mode: Mode) -> list[Outcome]:
    async with PhotaClient(KEY, till.peer.url, config=quick()) as client:
        batch = Batch(client, items(), output=output, ledger=True, mode=mode, metadata="none", mark=False)
        try:
            async with batch as ends:
                return [end async for end in ends]
        finally:
            check_nothing_left(client)


def pictures(output: Path) -> list[bytes]:
    return [content for name, content in tree(output).items() if not name.startswith(".phota")]


@pytest.mark.parametrize("mode", ["job", "sync"])
async def test_a_batch_on_a_disk_that_is_full_at_any_page_goes_on_to_exactly_once(
    fault: Trial, disk: Disk, mode: Mode
) -> None:
    statuses = set[str]()
    for page in range(40):
        output = disk.folder / "out"
        async with Till(looks=0) as till:
            with disk.leaving(page * PAGE):
                first = await fault.end_of(run_batch(till, output, mode))
                end_threads()
            if isinstance(first, PhotaError):  # as the batch began
                assert isinstance(first, LedgerError), page
                assert till.sold.total() == 0, page
            else:
                statuses |= {end.status for end in first}
                errors = [end.error for end in first if end.status == "failed"]
                assert all(isinstance(each, LedgerError | DownloadError) for each in errors), errors
            assert all(content in PICTURES for content in pictures(output)), page
            second = await run_batch(till, output, mode)
            ends = [end.status for end in second]
            assert set(ends) <= ({"done", "skipped"} if mode == "job" else {"done", "skipped", "unknown"}), (page, ends)
            fault.lost("paid_twice", till.sold.total() - 3)
            fault.lost("lost_results", 3 - ends.count("unknown") - len(pictures(output)))
        shutil.rmtree(output)
    assert statuses >= {"done", "failed"}


async def save_result(client: PhotaClient, folder: Path) -> None:
    result = await client.send(EDIT)
    await result.save(folder)


async def save_links(client: PhotaClient, folder: Path) -> None:
    result = await client.jobs.wait(await client.jobs.submit(EDIT))
    await result.save(folder)


Save = Callable[[PhotaClient, Path], Awaitable[Any]]
SAVES: dict[str, Save] = {
    "held": lambda client, folder: client.send(EDIT, save_to=folder),
    "hashed": lambda client, folder: client.send(EDIT, save_to=folder, hashed=True),
    "job": lambda client, folder: client.send(EDIT, save_to=folder, mode="job"),
    "result": save_result,
    "links": save_links,
}


@pytest.mark.parametrize("save", SAVES)
async def test_saving_on_a_disk_that_is_full_at_any_page(fault: Trial, disk: Disk, save: str) -> None:
    before = descriptors()
    for room in (0, 1, 100, *(page * PAGE for page in range(1, 7))):
        folder = disk.folder / "out"
        async with Till(looks=0) as till, PhotaClient(KEY, till.peer.url, config=quick()) as client:
            with disk.leaving(room):
                end = await fault.end_of(SAVES[save](client, folder))
                end_threads()
            if isinstance(end, PhotaError):
                assert isinstance(end, DownloadError), end
                assert (end.is_full, end.charged) == (True, "unknown")
            else:
                assert len(tree(folder)) == 3
            assert till.sold.total() == 1
            assert all(content in PICTURES for content in tree(folder).values()), room
            check_nothing_left(client)
        shutil.rmtree(folder, ignore_errors=True)
    await until(lambda: descriptors() == before)  # the service's own go a moment later
    assert not isinstance(end, PhotaError)  # at last there is room
