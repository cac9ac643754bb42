"""Decode a picture, turn it upright, reduce it, and encode it again. Here and in `looks` Pillow is at home.

Decoders get files without metadata where that can be had (JPEG, PNG, WebP), and only the formats named here are
tried, so that no picture can reach a decoder of something rare.
"""

import contextlib
import io
import threading
import warnings
from collections.abc import Iterator

from PIL import Image, ImageOps, JpegImagePlugin

from ..errors import ConfigError
from . import exif as tiff
from . import heif
from .embedded import BrokenImageError, Embedded, Picture, fits
from .extras import needed
from .tags import Tag

QUALITY = 95  # as the service makes JPEGs of PNGs
PNG_EFFORT = 3  # of 9: more takes seconds and saves little
CARE = 3.0  # how far above the target reduction by whole numbers may go; indistinguishable from full Lanczos
HALF_COLOUR, FULL_COLOUR = 2, 0  # Pillow's words for 4:2:0 and 4:4:4
_NAMES = {"jpg": "JPEG", "png": "PNG", "webp": "WEBP", "avif": "AVIF", "tiff": "TIFF", "gif": "GIF", "bmp": "BMP"}
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_RAW = (Tag.DNG_VERSION, Tag.TIFF_SUB_IMAGES)
_opening = threading.Lock()  # filters of warnings are the whole process's


def encode_again(data: bytes, image_format: str, embedded: Embedded | None, max_side: int | None) -> Picture:
    """Return the picture as a JPEG of quality 95, or as a PNG when it can be seen through.

    Args:
        data: The file.
        image_format: One of our words for formats.
        embedded: What the original carries; ``None`` lets the decoder say.
        max_side: Pixels of the longest side at most, or ``None``.

    Raises:
        BrokenImageError: It cannot be decoded, or has too many pixels.
        ConfigError: It is HEIC, and pi-heif is missing.
    """
    with translated(), opened(data, image_format) as image:
        embedded = embedded or embedded_in(image, data, image_format)
        sampling = _sampling(image, image_format)
        turned = upright(_reduced(image, max_side), embedded, image_format)
        final = in_colours_we_write(turned)
        return _encode(final, sampling, embedded)


@contextlib.contextmanager
def translated() -> Iterator[None]:
    """Turn what decoders raise into a `BrokenImageError` that says expected and got."""
    try:
        yield
    except (BrokenImageError, ConfigError):
        raise
    except Image.DecompressionBombError as error:
        raise BrokenImageError(f"expected a picture that is no bomb, got one of too many pixels: {error}") from None
    except MemoryError:
        raise BrokenImageError("expected a picture that fits into memory, got a larger one") from None
    except Exception as error:  # noqa: BLE001 - decoders raise many kinds; whatever it is, this photo cannot be read
        reason = str(error) or type(error).__name__
        raise BrokenImageError(f"expected a whole picture, got one that cannot be decoded: {reason}") from None


def opened(data: bytes, image_format: str) -> Image.Image:
    """Open a picture as the format that its bytes say, and as no other."""
    if image_format == "tiff" and any(tag in tiff.parse(data).main for tag in _RAW):
        raise BrokenImageError("expected a picture, got a camera's raw file: develop it first")
    with _opening, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow warns below its limit; above it, it raises
        if image_format == "heic":
            return _opened_heic(data)
        return Image.open(io.BytesIO(data), formats=[_NAMES[image_format]])


def _opened_heic(data: bytes) -> Image.Image:
    plugin = needed("pi_heif.as_plugin", "a HEIC photo needs pi-heif", "heic")
    image: Image.Image = plugin.HeifImageFile(io.BytesIO(data))  # not registered: Pillow is our host's too
    Image._decompression_bomb_check(image.size)  # noqa: SLF001 - what Image.open does
    return image


def embedded_in(image: Image.Image, data: bytes, image_format: str) -> Embedded:
    """Return what only the decoder can tell of a picture's metadata."""
    if image_format in {"heic", "avif"}:
        return heif.read(data)
    exif = data if image_format == "tiff" else b""  # a TIFF file is its own EXIF
    return Embedded(exif=exif, xmp=bytes(image.info.get("xmp") or b""), profile=image.info.get("icc_profile") or b"")


def _sampling(image: Image.Image, image_format: str) -> int:
    """Return how finely colours are kept: as finely as the original did."""
    if image_format == "heic":
        return HALF_COLOUR
    if not isinstance(image, JpegImagePlugin.JpegImageFile):
        return FULL_COLOUR
    found = JpegImagePlugin.get_sampling(image)
    return found if found in {0, 1, 2} else HALF_COLOUR


def _reduced(image: Image.Image, max_side: int | None) -> Image.Image:
    """Reduce a picture, letting the JPEG decoder do the first halvings."""
    longest = max(image.size)
    if max_side is None or longest <= max_side:
        return image
    size = tuple(max(1, round(side * max_side / longest)) for side in image.size)
    image.draft(None, (size[0], size[1]))
    return in_colours_we_write(image).resize((size[0], size[1]), Image.Resampling.LANCZOS, reducing_gap=CARE)


def upright(image: Image.Image, embedded: Embedded, image_format: str) -> Image.Image:
    """Turn a picture as its metadata say."""
    if image_format in {"jpg", "png", "webp"}:
        turn = _TURNS.get(tiff.orientation(tiff.parse(embedded.exif)))
        return image if turn is None else image.transpose(turn)
    if image_format == "heic":  # pi-heif has turned it
        return image
    return ImageOps.exif_transpose(image)


def in_colours_we_write(image: Image.Image) -> Image.Image:
    """Return the picture in grey, RGB, CMYK, or RGBA where it can be seen through."""
    if image.mode in {"L", "RGB", "CMYK"} and not image.has_transparency_data:
        return image
    if image.has_transparency_data:
        clear = image.convert("RGBA")
        return clear if clear.getchannel("A").getextrema() != (255, 255) else clear.convert("RGB")
    if image.mode == "1":
        return image.convert("L")
    if image.mode.startswith("I"):  # 16 bits of grey
        return image.convert("I").point(lambda value: value * (1 / 256)).convert("L")
    return image.convert("RGB")


def _encode(image: Image.Image, sampling: int, embedded: Embedded) -> Picture:
    buffer = io.BytesIO()
    image.load()
    image.info = {}  # some of it would be written
    image_format = "png" if image.mode == "RGBA" else "jpg"
    if image_format == "png":
        image.save(buffer, "PNG", compress_level=PNG_EFFORT)
    else:
        image.save(buffer, "JPEG", quality=QUALITY, subsampling=sampling)
    profile = embedded.profile if fits(embedded.profile, {"L": 1, "CMYK": 4}.get(image.mode, 3)) else b""
    return Picture(
        data=buffer.getvalue(),
        format=image_format,
        size=image.size,
        embedded=Embedded(size=image.size, exif=embedded.exif, xmp=embedded.xmp, profile=profile),
    )
