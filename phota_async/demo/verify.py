"""Look whether pictures on disk are whole, by decoding every pixel of each. Off the event loop."""

from collections.abc import Iterable
from pathlib import Path

import anyio
import anyio.to_thread
from PIL import Image

THREADS = 2


async def unreadable(paths: Iterable[Path]) -> frozenset[Path]:
    """Return the pictures that are missing, cut short or not pictures at all."""
    limiter = anyio.CapacityLimiter(THREADS)
    broken: set[Path] = set()

    async def look(path: Path) -> None:
        if not await anyio.to_thread.run_sync(is_whole, path, limiter=limiter):
            broken.add(path)

    async with anyio.create_task_group() as tasks:
        for path in paths:
            tasks.start_soon(look, path)
    return frozenset(broken)


def is_whole(path: Path) -> bool:
    """Whether a picture can be decoded from its first pixel to its last."""
    try:
        with Image.open(path) as image:
            image.load()
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return False
    return True
