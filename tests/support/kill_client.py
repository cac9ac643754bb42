"""The batch that is killed, as a function of a forked child, and the points at which it can kill itself."""

import asyncio
import os
import signal
import zlib
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from phota_async import Batch, BatchItem, Budget, ClientConfig, EnhanceRequest, PhotaClient, RetryPolicy
from phota_async.batch.photos import PhotoDesk
from phota_async.jobs import Jobs
from phota_async.ledger import Done, Ledger, Submitted
from phota_async.ledger.writer import Writer
from phota_async.media import files
from phota_async.media.download import Downloader
from phota_async.media.sinks import FileSink

CONFIG = ClientConfig(
    retry=RetryPolicy(backoff=0.002, tokens=10**6), timeout=20, job_interval=0.02, max_job_interval=0.05
)
SUBJECT = "anna"
POINTS: dict[str, tuple[Any, str, type | None]] = {
    "begin": (Ledger, "begin", None),
    "commit": (Writer, "_commit", None),
    "prepare": (PhotoDesk, "prepare", None),
    "submit": (Jobs, "_submit", None),
    "submitted": (Ledger, "change", Submitted),
    "poll": (Jobs, "_until_done", None),
    "download": (Downloader, "fetch", None),
    "part": (files, "_write_all", None),
    "carry": (FileSink, "_rework", None),
    "publish": (files.PartFile, "publish", None),
    "link": (files, "_link", None),
    "directory": (files, "_sync_directory", None),
    "done": (Ledger, "change", Done),
}
"""What a crash can come right before and right after."""


async def run(
    folder: Path, base_url: str, *, count: int, name: str, mode: Any = "job", variations: int = 1
) -> Counter[str]:
    """Run the batch once and count its outcomes."""
    subject = f" [[{SUBJECT}]]" if variations > 1 else ""  # whoever is named gets a request for each variation
    items = [
        BatchItem(
            key(number),
            EnhanceRequest(
                image=photo(name, number), prompt=prompt(name, number) + subject, num_output_images=variations
            ),
        )
        for number in range(count)
    ]
    async with PhotaClient("sandbox-key", base_url, config=CONFIG) as client:
        batch = Batch(
            client,
            items,
            output=folder,
            ledger=True,
            name=name,
            mode=mode,
            max_concurrency=24,
            budget=Budget(usd=1000),
        )
        async with batch as outcomes:
            return Counter([outcome.status async for outcome in outcomes])


def photo(name: str, number: int) -> bytes:
    """Return a tiny picture, another one for each item, with something to be carried over."""
    import io  # noqa: PLC0415

    from PIL import Image  # noqa: PLC0415

    buffer, exif = io.BytesIO(), Image.Exif()
    exif[0x010F] = f"Camera {number}"
    exif.get_ifd(0x8769)[0x9003] = "2019:05:04 12:34:56"
    exif.get_ifd(0x8825).update({1: "N", 2: (48.0, 51.0, 29.0)})
    colour = (number % 256, number // 256, zlib.crc32(name.encode()) % 256)
    Image.new("RGB", (16, 16), colour).save(buffer, "PNG", exif=exif)
    return buffer.getvalue()


def key(number: int) -> str:
    """Return an item's key."""
    return f"{number:04}.jpg"


def prompt(name: str, number: int) -> str:
    """Return what tells items apart in the service's books."""
    return f"{name} item {number}"


def child(folder: Path, base_url: str, *, mode: str, **how: Any) -> int:
    """Run in a forked child: 0 when everything is there, 1 when it has to be run again."""
    counts = asyncio.run(run(folder, base_url, mode=mode, **how))
    final = {"done", "skipped", "unknown"} if mode == "sync" else {"done", "skipped"}
    return 0 if set(counts) <= final else 1


def crash_at(label: str, passage: int) -> None:
    """Kill this process at a labelled point: ``"done:before"`` or ``"done:after"``, at its n-th passage."""
    name, _, when = label.partition(":")
    owner, attribute, kind = POINTS[name]
    real = getattr(owner, attribute)
    passed = 0

    def pass_by(args: tuple[Any, ...]) -> None:
        nonlocal passed
        if kind is None or any(isinstance(each, kind) for each in args):
            passed += 1
            if passed == passage:
                os.kill(os.getpid(), signal.SIGKILL)

    setattr(owner, attribute, _wrapped(real, pass_by, when))


def _wrapped(real: Callable[..., Any], pass_by: Callable[[tuple[Any, ...]], None], when: str) -> Callable[..., Any]:
    if asyncio.iscoroutinefunction(real):

        async def later(*args: Any, **kwargs: Any) -> Any:
            if when == "before":
                pass_by(args)
            result = await real(*args, **kwargs)
            if when == "after":
                pass_by(args)
            return result

        return later

    def at_once(*args: Any, **kwargs: Any) -> Any:
        if when == "before":
            pass_by(args)
        result = real(*args, **kwargs)
        if when == "after":
            pass_by(args)
        return result

    return at_once
