"""Open input photos as the service does: JPEG, PNG, WebP, HEIC; upright; no larger than is needed."""

import base64
import binascii
import functools
import hashlib
import io
from importlib.util import find_spec

import msgspec
from PIL import Image, ImageDraw, ImageOps

from phota_async.sandbox.errors import ServiceError
from phota_async.sandbox.sizes import Size

FORMATS = ("JPEG", "MPO", "PNG", "WEBP", "HEIF")
HEIC_BRANDS = {b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1"}
WORKING_SIDE = 1024  # pixels of the longest side while drawing; larger outputs are scaled up at the end

if find_spec("pi_heif") is not None:  # pragma: no cover, the extra "heic"
    from pi_heif import register_heif_opener  # type: ignore[import-not-found,unused-ignore]  # an extra

    register_heif_opener()


class Photo(msgspec.Struct, frozen=True, kw_only=True):
    """A decoded input photo."""

    digest: str
    """SHA-256 of the file, or of the URL where the file was not fetched; tells photos apart."""
    size: Size
    """(width, height) in pixels of the upright original."""
    image: Image.Image
    """An RGB working copy, at most 1024 pixels long."""


def decode_base64(text: str) -> bytes:
    """Decode bare base64; data URIs and white space are refused, since nobody says that they are taken."""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise ServiceError(400, "The image is neither valid base64 nor a URL") from None


@functools.lru_cache(maxsize=16)
def open_photo(data: bytes) -> Photo:
    """Decode a photo wholly, or refuse it with 400. Runs in a thread."""
    digest = hashlib.sha256(data).hexdigest()
    try:
        return _decode(data, digest)
    except Exception as exc:  # Pillow's plugins raise what they like on broken files
        if _is_heic(data):
            return placeholder(digest)  # a picture that this machine cannot decode
        raise ServiceError(400, "The image could not be decoded") from exc


@functools.lru_cache(maxsize=16)
def placeholder(seed: str) -> Photo:
    """Draw a portrait to stand for a photo that is not at hand."""
    digest = hashlib.sha256(seed.encode()).hexdigest()
    hue = int(digest[:4], 16) % 360
    image = Image.new("RGB", (768, 1024), f"hsl({hue}, 45%, 78%)")
    pen = ImageDraw.Draw(image)
    pen.ellipse((84, 700, 684, 1500), fill=f"hsl({(hue + 150) % 360}, 40%, 40%)")
    pen.rounded_rectangle((324, 560, 444, 780), 50, fill="#d9a383")
    pen.ellipse((224, 230, 544, 660), fill="#e8b796")
    pen.chord((204, 190, 564, 620), 180, 360, fill=f"hsl({hue // 9}, 40%, {18 + hue % 30}%)")
    pen.ellipse((300, 440, 330, 470), fill="#3b2a22")
    pen.ellipse((438, 440, 468, 470), fill="#3b2a22")
    pen.arc((324, 490, 444, 580), 20, 160, fill="#8c4a3c", width=8)
    return Photo(digest=digest, size=image.size, image=image)


def _decode(data: bytes, digest: str) -> Photo:
    with Image.open(io.BytesIO(data), formats=_known_formats()) as source:
        width, height = source.size
        source.draft("RGB", (WORKING_SIDE, WORKING_SIDE))  # decodes a large JPEG at a fraction of its size
        source.load()
        turned = source.getexif().get(0x0112, 1) >= 5  # noqa: PLR2004, EXIF orientations 5 to 8 lie on their side
        image = ImageOps.exif_transpose(source).convert("RGB")
    image.thumbnail((WORKING_SIDE, WORKING_SIDE), Image.Resampling.BILINEAR)
    return Photo(digest=digest, size=(height, width) if turned else (width, height), image=image)


def _known_formats() -> list[str]:
    Image.init()
    return [name for name in FORMATS if name in Image.OPEN]


def _is_heic(data: bytes) -> bool:
    return data[4:8] == b"ftyp" and data[8:12] in HEIC_BRANDS
