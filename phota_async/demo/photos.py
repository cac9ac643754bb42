"""The photos that ship with the demo, and the crops that its two subjects are trained from."""

import io
from collections.abc import Mapping
from importlib import resources
from pathlib import Path

import anyio.to_thread
import msgspec
from PIL import Image

from .folder import DemoFolder

PHOTOS = ("astronaut", "cat", "coffee", "rocket")  # photos/CREDITS.md says whose they are
CROP_SIDE = 1024  # pixels; the service wants training photos of about 1K and more
CROP_QUALITY = 90

Box = tuple[int, int, int, int]  # left, upper, right, lower: pixels of the shipped photo


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody whom the demo trains a profile of."""

    photo: str
    """The shipped photo that shows them."""
    name: str
    """What the contact sheet calls them."""
    words: str
    """How a prompt speaks of them without a profile."""
    boxes: tuple[Box, ...]
    """Five crops; a fast training takes 5 to 10 photos."""


ASTRONAUT = Subject(
    photo="astronaut",
    name="the astronaut",
    words="the astronaut",
    boxes=((0, 0, 512, 512), (60, 0, 400, 400), (120, 0, 340, 210), (20, 0, 380, 512), (100, 5, 320, 300)),
)
CAT = Subject(
    photo="cat",
    name="Chelsea",
    words="the cat",
    boxes=((0, 0, 451, 300), (60, 0, 451, 300), (100, 0, 400, 300), (30, 0, 400, 280), (120, 40, 380, 300)),
)
SUBJECTS = (ASTRONAUT, CAT)


class Prepared(msgspec.Struct, frozen=True, kw_only=True):
    """Photos on disk, ready to be sent."""

    photos: Mapping[str, Path]
    """Each shipped photo by its name."""
    crops: Mapping[str, tuple[Path, ...]]
    """The crops of each subject by the name of its photo."""


async def prepare(folder: DemoFolder) -> Prepared:
    """Write the shipped photos and the subjects' crops below ``sources/``, off the event loop."""
    return await anyio.to_thread.run_sync(_prepare, folder)


def _prepare(folder: DemoFolder) -> Prepared:
    photos = {name: folder.write(f"sources/{name}.jpg", photo_bytes(name)) for name in PHOTOS}
    crops = {
        subject.photo: tuple(
            folder.write(f"sources/training/{subject.photo}-{number}.jpg", crop(photo_bytes(subject.photo), box))
            for number, box in enumerate(subject.boxes, start=1)
        )
        for subject in SUBJECTS
    }
    return Prepared(photos=photos, crops=crops)


def photo_bytes(name: str) -> bytes:
    """Return a shipped photo's JPEG bytes."""
    return resources.files(__package__).joinpath("photos", f"{name}.jpg").read_bytes()


def crop(photo: bytes, box: Box) -> bytes:
    """Cut ``box`` out of a photo and enlarge it to `CROP_SIDE` on its shorter side; return JPEG bytes."""
    with Image.open(io.BytesIO(photo)) as image:
        part = image.crop(box)
    scale = CROP_SIDE / min(part.size)
    larger = part.resize((round(part.width * scale), round(part.height * scale)), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    larger.save(buffer, "JPEG", quality=CROP_QUALITY)
    return buffer.getvalue()
