"""Photos to train with, a sandbox that trains at once when told, and a real S3 server."""

import random
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from PIL import Image, ImageFilter
from support.bucket import KEYS, Bucket, running_storage
from support.clients import connect

from phota_async.photos import PhotoWorkers
from phota_async.sandbox import Sandbox

__all__ = ["connect"]

SIDE = 1040  # pixels, just above the limit


def draw(seed: int, *, side: int = SIDE, blur: float = 0) -> Image.Image:
    """Return a sharp pattern; another seed gives another one."""
    pattern = Image.frombytes("L", (26, 26), random.Random(seed).randbytes(26 * 26))
    image = pattern.resize((side, side), Image.Resampling.NEAREST)
    return image.filter(ImageFilter.GaussianBlur(blur)) if blur else image


def fill(folder: Path, count: int) -> Path:
    """Write so many photos that nothing speaks against."""
    folder.mkdir(exist_ok=True)
    for number in range(count):
        draw(number).save(folder / f"{number:02}.jpg", quality=60)
    return folder


@pytest.fixture
def mia(tmp_path: Path) -> Path:
    """A folder of six good photos: enough for the fast tier."""
    return fill(tmp_path / "mia", 6)


@pytest.fixture
def photos(mia: Path) -> list[Path]:
    return sorted(mia.iterdir())


@pytest.fixture(scope="session")
def storage() -> Iterator[str]:
    with running_storage() as origin:
        yield origin


@pytest.fixture
def bucket(storage: str, monkeypatch: pytest.MonkeyPatch) -> Bucket:
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    return Bucket(storage)


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    """Its clock stands still."""
    async with Sandbox(time_scale=0, picture_scale=1 / 16) as running:
        yield running


@pytest.fixture
async def workers() -> AsyncIterator[PhotoWorkers]:
    async with PhotoWorkers(max_processes=0) as running:
        yield running
