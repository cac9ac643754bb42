"""Make small JPEG pictures as ``data:`` addresses, in threads of their own, off the event loop."""

import base64
import io
import os
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path

import anyio
import anyio.to_thread
import msgspec
from PIL import Image, ImageOps, UnidentifiedImageError

from ..hidden import rich_repr
from .rows import SheetPhoto

QUALITY = 82  # about 25 KB at 480 pixels
THREADS = min(4, os.cpu_count() or 1)
MAX_PROFILE = 4096  # bytes; a colour profile above this would weigh more than the picture
SIDES = ((120, 480), (600, 320))  # up to 120 pictures: 480 pixels; so a page stays below some 10 MB
SMALLEST_SIDE = 200
MEGABYTE = 1_000_000  # bytes, as file managers count


class Thumbnail(msgspec.Struct, frozen=True, kw_only=True):
    """A small picture and what its original is."""

    data_uri: str
    """A JPEG as a ``data:`` address."""
    width: int
    """Pixels of the small picture."""
    height: int
    """Pixels of the small picture."""
    original: str
    """The original's size and format: ``"1024x768 JPEG"``, with a proper times sign."""
    weight: str
    """The original's bytes in words: ``"210 KB"``."""

    def __repr__(self) -> str:
        return f"<Thumbnail {self.width} x {self.height}>"

    __rich_repr__ = rich_repr


def side_for(count: int) -> int:
    """Return the longest side, in pixels, that thumbnails of a page with ``count`` pictures should have."""
    return next((side for limit, side in SIDES if count <= limit), SMALLEST_SIDE)


async def thumbnails(photos: Iterable[SheetPhoto]) -> dict[SheetPhoto, Thumbnail]:
    """Make a thumbnail of every photo that can be read; the others are left out.

    Args:
        photos: Paths and bytes; equal ones are made once. Addresses are never fetched.
    """
    wanted = list(dict.fromkeys(photo for photo in photos if not is_address(photo)))
    side = side_for(len(wanted))
    made: dict[SheetPhoto, Thumbnail] = {}
    limiter = anyio.CapacityLimiter(THREADS)  # of its own: other threads' work is not held up

    async def work(queue: Iterator[SheetPhoto]) -> None:
        for photo in queue:
            small = await anyio.to_thread.run_sync(thumbnail, photo, side, limiter=limiter)
            if small is not None:
                made[photo] = small

    queue = iter(wanted)
    async with anyio.create_task_group() as tasks:
        for _ in range(THREADS):
            tasks.start_soon(work, queue)
    return made


def thumbnail(photo: SheetPhoto, side: int) -> Thumbnail | None:
    """Make one thumbnail of at most ``side`` pixels; ``None`` when the photo cannot be read."""
    source = io.BytesIO(photo) if isinstance(photo, bytes) else Path(photo)
    try:
        size = len(photo) if isinstance(photo, bytes) else Path(photo).stat().st_size
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(source) as image:
                return _shrink(image, side, size)
    except (OSError, ValueError, SyntaxError, UnidentifiedImageError, Image.DecompressionBombError):
        return None
    except Image.DecompressionBombWarning:
        return None


def _shrink(image: Image.Image, side: int, size: int) -> Thumbnail:
    width, height = image.size
    original = f"{width}\N{MULTIPLICATION SIGN}{height} {image.format}"
    profile = image.info.get("icc_profile") or b""
    image.draft("RGB", (side, side))  # a large JPEG is decoded at an eighth of its size
    small = ImageOps.exif_transpose(image)
    small.thumbnail((side, side), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    # Nothing of the original's metadata travels along, except a small colour profile.
    _flatten(small).save(
        buffer,
        "JPEG",
        quality=QUALITY,
        optimize=True,
        progressive=True,
        comment=b"",
        icc_profile=profile if len(profile) <= MAX_PROFILE and small.mode == "RGB" else None,
    )
    data = base64.b64encode(buffer.getvalue()).decode("ascii")
    return Thumbnail(
        data_uri=f"data:image/jpeg;base64,{data}",
        width=small.width,
        height=small.height,
        original=original,
        weight=human_size(size),
    )


def _flatten(image: Image.Image) -> Image.Image:
    """Lay a picture that can be seen through on white; JPEG knows no alpha."""
    if not image.has_transparency_data:
        return image.convert("RGB")
    white = Image.new("RGBA", image.size, "white")
    white.alpha_composite(image.convert("RGBA"))
    return white.convert("RGB")


def is_address(photo: SheetPhoto) -> bool:
    """Whether a photo is named by an address, which a page without network only names."""
    return isinstance(photo, str) and photo.lower().startswith(("http://", "https://", "data:"))


def human_size(size: int) -> str:
    """Write bytes as people do: ``210 KB``."""
    if size < MEGABYTE:
        return f"{max(1, round(size / 1000))} KB"
    return f"{size / MEGABYTE:.1f} MB"
