"""Make one small JPEG picture of a photo, as a ``data:`` address. Blocks; nothing of the photo's metadata is kept.

Only decoders of the usual formats are tried, so that no file can reach that of something rare.
"""

import base64
import io
import stat
import threading
import warnings
from pathlib import Path

import msgspec
from PIL import Image, ImageOps, ImageStat

from ..hidden import rich_repr
from ..media.formats import HEAD, sniff
from .rows import SheetPhoto

QUALITY, SMALL_QUALITY = 80, 68  # about 45 KB at 640 pixels, 5 KB at 200
SMALL = 200  # pixels: from here down, nobody sees the lower quality
CARE = 2.0  # how far above the target reduction by whole numbers may go
MAX_PROFILE = 4096  # bytes; a colour profile above this would weigh more than the picture
LARGE = 16_000_000  # pixels in memory; of more, one picture at a time
MEGABYTE = 1_000_000  # bytes, as file managers count
ORIENTATION, LYING = 0x0112, range(5, 9)  # EXIF's tag, and its values that swap width and height
DECODERS = {"jpg": "JPEG", "png": "PNG", "webp": "WEBP", "avif": "AVIF", "tiff": "TIFF", "gif": "GIF", "bmp": "BMP"}
_opening = threading.Lock()  # filters of warnings are the whole process's
_large = threading.Lock()


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
    original_size: tuple[int, int] | None = None
    """Pixels of the original, (width, height), upright; ``None`` where nobody looked."""
    weight: str
    """The original's bytes in words: ``"210 KB"``."""

    brightness: float = 1.0
    """Of 1: the mean over all pixels."""

    def __repr__(self) -> str:
        return f"<Thumbnail {self.width}x{self.height} of {self.original}>"

    __rich_repr__ = rich_repr


def thumbnail(photo: SheetPhoto, side: int) -> Thumbnail | None:
    """Make a thumbnail of at most ``side`` pixels; ``None`` when the photo cannot be read, or has too many pixels."""
    try:
        size, kind = _look(photo)
        if kind not in DECODERS:
            return None
        with _opened(photo, DECODERS[kind]) as image:
            return _shrink(image, side, size)
    except Exception:  # noqa: BLE001 - decoders raise many kinds; whatever it is, this photo cannot be shown
        return None


def is_heic(photo: SheetPhoto) -> bool:
    """Whether a photo is one for the decoder of HEIC."""
    try:
        return _look(photo)[1] == "heic"
    except (OSError, ValueError):
        return False


def human_size(size: int) -> str:
    """Write bytes as people do: ``210 KB``."""
    if size < MEGABYTE:
        return f"{max(1, round(size / 1000))} KB"
    return f"{size / MEGABYTE:.1f} MB"


def size_of(photo: SheetPhoto) -> int:
    """Return a photo's bytes."""
    return len(photo) if isinstance(photo, bytes) else Path(photo).stat().st_size


def _look(photo: SheetPhoto) -> tuple[int, str | None]:
    """Return a photo's bytes and format."""
    if isinstance(photo, bytes):
        return len(photo), sniff(photo[:HEAD])
    details = Path(photo).stat()
    if not stat.S_ISREG(details.st_mode):  # a pipe would never end
        raise ValueError("expected a file")
    with Path(photo).open("rb") as file:
        return details.st_size, sniff(file.read(HEAD))


def _opened(photo: SheetPhoto, decoder: str) -> Image.Image:
    source = io.BytesIO(photo) if isinstance(photo, bytes) else Path(photo)
    with _opening, warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        return Image.open(source, formats=[decoder])


def _shrink(image: Image.Image, side: int, size: int) -> Thumbnail:
    width, height = image.size
    if image.getexif().get(ORIENTATION) in LYING:
        width, height = height, width
    original = f"{width}\N{MULTIPLICATION SIGN}{height} {image.format}"
    small = _flatten(_reduced(image, side))
    return Thumbnail(
        data_uri=f"data:image/jpeg;base64,{base64.b64encode(_encoded(small)).decode('ascii')}",
        width=small.width,
        height=small.height,
        original=original,
        original_size=(width, height),
        weight=human_size(size),
        brightness=ImageStat.Stat(small.convert("L")).mean[0] / 255,
    )


def _reduced(image: Image.Image, side: int) -> Image.Image:
    whole = image.width * image.height
    image.draft("RGB", (side, side))  # a large JPEG is decoded at an eighth of its size
    in_memory = whole if image.info.get("progressive") else image.width * image.height
    if in_memory <= LARGE:
        return _resized(image, side)
    with _large:
        return _resized(image, side)


def _resized(image: Image.Image, side: int) -> Image.Image:
    small = _in_smooth_colours(image)
    small.thumbnail((side, side), Image.Resampling.LANCZOS, reducing_gap=CARE)
    return ImageOps.exif_transpose(small)


def _in_smooth_colours(image: Image.Image) -> Image.Image:
    """Return the picture in colours that can be mixed: no palettes, bits or 16-bit greys."""
    if image.mode in {"L", "RGB", "CMYK", "RGBA"} and "transparency" not in image.info:
        return image
    if image.has_transparency_data:
        return image.convert("RGBA")
    if image.mode.startswith("I"):
        return image.convert("I").point(lambda value: value * (1 / 256)).convert("L")
    return image.convert("L" if image.mode == "1" else "RGB")


def _flatten(image: Image.Image) -> Image.Image:
    """Lay a picture that can be seen through on white; JPEG knows no alpha."""
    if not image.has_transparency_data:
        return image if image.mode == "RGB" else image.convert("RGB")
    white = Image.new("RGBA", image.size, "white")
    white.alpha_composite(image.convert("RGBA"))
    return white.convert("RGB")


def _encoded(image: Image.Image) -> bytes:
    """Return the picture as a JPEG that carries nothing else, except a small colour profile."""
    profile = image.info.get("icc_profile") or b""
    image.info = {}
    buffer = io.BytesIO()
    image.save(
        buffer,
        "JPEG",
        quality=SMALL_QUALITY if max(image.size) <= SMALL else QUALITY,
        optimize=True,
        progressive=True,
        icc_profile=profile if len(profile) <= MAX_PROFILE else None,
    )
    return buffer.getvalue()
