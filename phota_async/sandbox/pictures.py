"""Make result pictures: seen at a glance what was asked for, and with which photo. Runs in threads."""

import hashlib
import io
from collections import OrderedDict
from threading import Lock

import msgspec
from PIL import Image, ImageEnhance, ImageFilter, ImageOps, ImageStat

from phota_async.hidden import rich_repr
from phota_async.sandbox.drawing import add_badge, add_caption, add_insets, draw_landscape, tint
from phota_async.sandbox.photos import WORKING_SIDE, Photo
from phota_async.sandbox.sizes import Size

JPEG_QUALITY = 88
PNG_LEVEL = 1  # speed over size
CACHE_BYTES = 64 * 1024 * 1024


class Recipe(msgspec.Struct, frozen=True, kw_only=True):
    """All that decides how one result looks; equal recipes give equal bytes."""

    operation: str
    """``edit``, ``generate``, ``enhance`` or ``remix``."""
    prompt: str
    """The caption, and the source of colours."""
    size: Size
    """(width, height) in pixels of the result."""
    output_format: str
    """``png`` or ``jpg``."""
    variation: int
    """Which of up to four outputs; moves the colours a little."""
    photos: tuple[Photo, ...] = ()
    """The inputs; for remix the content, then the style."""
    subjects: tuple[Photo, ...] = ()
    """A training photo of each named profile that is recognised."""

    def __repr__(self) -> str:
        return f"<Recipe {self.operation} {self.size}>"

    __rich_repr__ = rich_repr

    @property
    def key(self) -> str:
        """A digest that tells recipes apart."""
        digests = ([photo.digest for photo in self.photos], [photo.digest for photo in self.subjects])
        text = repr((self.operation, self.prompt, self.size, self.output_format, self.variation, digests))
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


class Kitchen:
    """Renders recipes and remembers what was small and recent."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._cache: OrderedDict[str, bytes] = OrderedDict()
        self._cached_bytes = 0

    def __repr__(self) -> str:
        return f"<Kitchen {len(self._cache)} pictures, {self._cached_bytes} bytes kept>"

    def render(self, recipe: Recipe) -> bytes:
        """Return the encoded picture."""
        key = recipe.key
        with self._lock:
            if key in self._cache:
                self._cache.move_to_end(key)
                return self._cache[key]
        data = render(recipe)
        with self._lock:
            self._remember(key, data)
        return data

    def _remember(self, key: str, data: bytes) -> None:
        if key in self._cache or len(data) > CACHE_BYTES // 8:
            return
        self._cache[key] = data
        self._cached_bytes += len(data)
        while self._cached_bytes > CACHE_BYTES:
            _, oldest = self._cache.popitem(last=False)
            self._cached_bytes -= len(oldest)


def render(recipe: Recipe) -> bytes:
    """Draw at working size, scale up, write the caption sharply, encode."""
    image = _draw(recipe, _working_size(recipe.size))
    if image.size != recipe.size:
        image = image.resize(recipe.size, Image.Resampling.BILINEAR)
    if recipe.operation != "enhance":
        image = add_caption(image, recipe.prompt)
    return encode(image, recipe.output_format)


def encode(image: Image.Image, output_format: str) -> bytes:
    """Encode as ``png`` or ``jpg``."""
    buffer = io.BytesIO()
    if output_format == "png":
        image.save(buffer, "PNG", compress_level=PNG_LEVEL)
    else:
        image.save(buffer, "JPEG", quality=JPEG_QUALITY)
    return buffer.getvalue()


def profile_picture(photo: Photo) -> bytes:
    """Make the JPEG that stands for a profile."""
    return encode(ImageOps.fit(photo.image, (512, 512)), "jpg")


def _working_size(size: Size) -> Size:
    factor = min(1.0, WORKING_SIDE / max(size))
    return max(1, round(size[0] * factor)), max(1, round(size[1] * factor))


def _draw(recipe: Recipe, size: Size) -> Image.Image:
    if recipe.operation == "generate":
        return _generate(recipe, size)
    content = ImageOps.fit(recipe.photos[0].image, size, Image.Resampling.BILINEAR)
    if recipe.operation == "enhance":
        return _enhance(content, recipe.variation)
    if recipe.operation == "remix":
        return _remix(content, recipe.photos[1].image, recipe.variation)
    return _edit(content, recipe)


def _edit(content: Image.Image, recipe: Recipe) -> Image.Image:
    image = tint(content, recipe.prompt, variation=recipe.variation)
    return add_insets(image, [photo.image for photo in recipe.photos[1:4]])


def _generate(recipe: Recipe, size: Size) -> Image.Image:
    image = draw_landscape(size, recipe.prompt, variation=recipe.variation)
    for place, subject in enumerate(recipe.subjects[:3]):
        add_badge(image, subject.image, place=place, places=min(3, len(recipe.subjects)))
    return image


def _enhance(content: Image.Image, variation: int) -> Image.Image:
    image = ImageOps.autocontrast(content, cutoff=0.4, preserve_tone=True)
    image = ImageEnhance.Color(image).enhance(1.18 + 0.06 * variation)
    return image.filter(ImageFilter.UnsharpMask(radius=1.6, percent=90, threshold=2))


def _remix(content: Image.Image, reference: Image.Image, variation: int) -> Image.Image:
    """Give the content the tones of the reference: equal mean and spread in each channel of YCbCr."""
    source, style = content.convert("YCbCr"), reference.convert("YCbCr").resize((64, 64))
    have, want = ImageStat.Stat(source.resize((64, 64))), ImageStat.Stat(style)
    channels = [
        channel.point(_level_table(have.mean[i], have.stddev[i], want.mean[i], want.stddev[i]))
        for i, channel in enumerate(source.split())
    ]
    toned = Image.merge("YCbCr", channels).convert("RGB")
    return Image.blend(content, toned, 0.92 - 0.12 * variation)


def _level_table(mean: float, spread: float, new_mean: float, new_spread: float) -> list[int]:
    gain = min(2.0, max(0.4, new_spread / max(spread, 1.0)))
    return [min(255, max(0, round((level - mean) * gain + new_mean))) for level in range(256)]
