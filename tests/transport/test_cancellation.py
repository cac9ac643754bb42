"""Cut off at any step, a call leaves nothing: no place taken, no task, no connection, no half file."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from support.clients import KEY, quick
from support.leftovers import check_nothing_left
from support.peer import Behaviour, Peer, answer, by_path, script, until
from support.pictures import image_answer, job_answer, picture
from support.steps import SteppingLoop, every_step

from phota_async import Batch, BatchItem, EditRequest, GenerateRequest, Limiter, OutputImage, PhotaClient
from phota_async.config import Mode

PHOTO = picture(1_000_000)
BOUGHT = [picture(100_000, seed=1), picture(2000, "png", seed=2)]
REQUEST = EditRequest(images=(PHOTO,), prompt="at sea", num_output_images=2)


def service(peer: Peer) -> Behaviour:
    links = [peer.link("/1.jpg"), peer.link("/2.png")]

    async def image_call(exchange: Any) -> None:
        await exchange.body()
        is_job = exchange.request.json.get("async")
        await answer(202 if is_job else 200, job_answer() if is_job else image_answer(*BOUGHT))(exchange)

    looks = script(
        answer(200, job_answer(status="running")), answer(200, job_answer(status="done", download_urls=links))
    )
    files = {"/1.jpg": answer(200, BOUGHT[0]), "/2.png": answer(200, BOUGHT[1])}
    profiles = {"/ids": answer(200, b'{"profiles": []}')}
    return by_path({"/edit": image_call, "/generate": image_call, "/job-1": looks} | files | profiles)


async def one_photo(client: PhotaClient, folder: Path) -> None:
    path = folder.parent / "photo.jpg"
    path.write_bytes(PHOTO)
    await client.edit(path, "at sea", num_output_images=2)


async def a_batch(client: PhotaClient, folder: Path, mode: Mode = "sync") -> None:
    items = [BatchItem(f"{number}", GenerateRequest(prompt="a sea")) for number in range(2)]
    as_they_come: dict[str, Any] = {"metadata": "none", "mark": False}
    async with Batch(client, items, max_concurrency=2, mode=mode, output=folder, **as_they_come) as outcomes:
        assert [outcome.status async for outcome in outcomes] == ["done"] * 2


async def a_download(client: PhotaClient, folder: Path) -> None:
    link = client.base_url.removesuffix("/v1/phota") + "/1.jpg"
    await OutputImage(url=link, fetch=fetcher(client)).save(folder / "1.jpg")


def fetcher(client: PhotaClient) -> Any:
    async def fetch(image: OutputImage, sink: Any) -> None:
        await client._get_downloader().fetch(image.url or "", sink)

    return fetch


async def a_watch(client: PhotaClient, _: Path) -> None:
    async with client.jobs.watch("job-1") as changes:
        assert [change.status async for change in changes] == ["running", "done"]


async def two_waits(client: PhotaClient, _: Path) -> None:
    """One is cut off while the other goes on: both are, at any step, in both roles."""
    async with asyncio.TaskGroup() as group:
        for _number in range(2):
            group.create_task(client.jobs.wait("job-1"))


FLOWS: dict[str, Callable[[PhotaClient, Path], Awaitable[Any]]] = {
    "list": lambda client, folder: client.profiles.list(),
    "sync": one_photo,
    "job": lambda client, folder: client.send(REQUEST, mode="job"),
    "save": lambda client, folder: client.send(REQUEST, save_to=folder),
    "save a job": lambda client, folder: client.send(REQUEST, mode="job", save_to=folder),
    "save later": lambda client, folder: OutputImage(pieces=BOUGHT[:1]).save(folder / "1.jpg"),
    "download": a_download,
    "wait": lambda client, folder: client.jobs.wait("job-1"),
    "two waits": two_waits,
    "watch": a_watch,
    "batch": a_batch,
    "batch of jobs": lambda client, folder: a_batch(client, folder, "job"),
}


RUNS = [(flow, is_cold) for flow in FLOWS for is_cold in (True, False) if not (is_cold and "batch" in flow)]
LEAST = {
    "list": 5,
    "save later": 4,
    "wait": 10,
    "two waits": 10,
    "watch": 10,
}  # steps; so few would mean that the others were never really cut


@pytest.mark.parametrize(("flow", "is_cold"), RUNS)
def test_a_cut_at_any_step_leaves_nothing(tmp_path: Path, flow: str, is_cold: bool) -> None:
    """On new connections and, where calls before have made some, on kept ones."""
    folder = tmp_path / "out"
    folder.mkdir()
    cuts = 0

    async def run(loop: SteppingLoop) -> None:
        async with Peer() as peer:
            peer.script = [service(peer)]
            limiter = Limiter(4, max_bytes=2**20)
            client = PhotaClient(KEY, peer.url, config=quick(), limiter=limiter)
            if not is_cold:
                await client.profiles.list()
                await client.generate("a sea")
            await loop.cut(FLOWS[flow](client, folder))
            check_nothing_left(client)
            await until(lambda: not tasks_besides(peer))
            assert await client.profiles.list() == []
            await client.aclose()

    for loop in every_step(run):
        cuts += loop.was_cut
        for path in folder.iterdir():
            assert path.read_bytes() in BOUGHT, f"step {loop.at}: {path.name}"
            path.unlink()
    assert cuts >= LEAST.get(flow, 25)


def tasks_besides(peer: Peer) -> set[asyncio.Task[Any]]:
    return asyncio.all_tasks() - peer.tasks - {asyncio.current_task()}
