"""Draw the parts of result pictures: captions, tints, landscapes, badges. No I/O."""

import colorsys
import functools
import hashlib
import math
import random
import re
from collections.abc import Sequence

from PIL import Image, ImageDraw, ImageFont, ImageOps

from phota_async.sandbox.sizes import Size

Colour = tuple[int, int, int]

COLOURS: dict[str, float] = {  # a word of the prompt to a hue, in degrees
    "red": 0, "sunset": 22, "orange": 28, "autumn": 30, "warm": 35, "gold": 45, "golden": 45, "yellow": 52,
    "forest": 110, "green": 125, "mint": 155, "sea": 185, "teal": 180, "winter": 200, "sky": 205, "cold": 210,
    "blue": 220, "night": 235, "violet": 270, "purple": 280, "neon": 300, "pink": 330, "rose": 345,
}  # fmt: skip
CAPTION_LENGTH = 90
MARKUP = re.compile(r"\[\[([^\[\]]+)\]\]")
WHITE: Colour = (255, 255, 255)


def prompt_hue(prompt: str) -> float:
    """Choose a hue in degrees: of the first colour word, else by the prompt's digest."""
    for word in re.findall(r"[a-z]+", prompt.lower()):
        if word in COLOURS:
            return COLOURS[word]
    return int.from_bytes(hashlib.sha256(prompt.encode("utf-8", "replace")).digest()[:2], "big") % 360


def colour(hue: float, lightness: float, saturation: float) -> Colour:
    """Convert hue in degrees, lightness and saturation in 0 to 1, to RGB."""
    red, green, blue = colorsys.hls_to_rgb((hue % 360) / 360, lightness, saturation)
    return round(red * 255), round(green * 255), round(blue * 255)


def tint(image: Image.Image, prompt: str, *, variation: int) -> Image.Image:
    """Wash a photo in the prompt's colour: soft light from a corner, shade from the other."""
    hue = prompt_hue(prompt) + 18 * variation
    light = Image.linear_gradient("L").rotate(90 * (variation % 4)).resize(image.size)
    shade = Image.new("RGB", image.size, colour(hue + 30, 0.22, 0.6))
    glow = Image.new("RGB", image.size, colour(hue, 0.62, 0.85))
    toned = Image.composite(shade, glow, light)
    washed = Image.blend(image, toned, 0.3)
    vignette = Image.radial_gradient("L").resize(image.size).point([level // 3 for level in range(256)])
    return Image.composite(Image.new("RGB", image.size, colour(hue + 30, 0.08, 0.5)), washed, vignette)


def draw_landscape(size: Size, prompt: str, *, variation: int) -> Image.Image:
    """Draw a sky, a sun and hills in the prompt's colours."""
    width, height = size
    hue = prompt_hue(prompt) + 18 * variation
    sky = Image.composite(
        Image.new("RGB", size, colour(hue + 25, 0.86, 0.8)),
        Image.new("RGB", size, colour(hue - 20, 0.45, 0.6)),
        Image.linear_gradient("L").resize(size),
    )
    chance = random.Random(f"{prompt}:{variation}")  # noqa: S311, for looks
    pen = ImageDraw.Draw(sky, "RGBA")
    sun = min(size) * 0.13
    middle = (width * chance.uniform(0.25, 0.75), height * chance.uniform(0.22, 0.42))
    for ring in (1.9, 1.4, 1.0):
        pen.circle(middle, sun * ring, fill=(*colour(hue + 40, 0.9, 1.0), 90 if ring > 1 else 235))
    for layer in range(4):
        ridge = _ridge(size, chance, base=0.5 + 0.12 * layer)
        pen.polygon(ridge, fill=colour(hue + 12 * layer, 0.5 - 0.1 * layer, 0.42))
    return sky


def add_badge(image: Image.Image, portrait: Image.Image, *, place: int, places: int) -> None:
    """Set a round portrait into a picture, in a row of ``places``."""
    side = max(8, round(min(image.size) * (0.52 if places == 1 else 0.34)))
    rim = max(1, side // 28)
    mask = Image.new("L", (side, side), 0)
    ImageDraw.Draw(mask).ellipse((0, 0, side - 1, side - 1), fill=255)
    left = round(image.width * (place + 1) / (places + 1) - side / 2)
    top = round(image.height * 0.5 - side / 2)
    ImageDraw.Draw(image).ellipse((left - rim, top - rim, left + side + rim, top + side + rim), fill=WHITE)
    image.paste(ImageOps.fit(portrait, (side, side), centering=(0.5, 0.35)), (left, top), mask)


def add_insets(image: Image.Image, others: Sequence[Image.Image]) -> Image.Image:
    """Lay further input photos as small prints into the upper right corner."""
    side = max(4, round(min(image.size) * 0.17))
    rim = max(1, side // 16)
    for place, other in enumerate(others):
        edge = ImageOps.expand(ImageOps.fit(other, (side, side)), rim, fill=WHITE)
        image.paste(edge, (image.width - (place + 1) * (edge.width + rim) - rim, 2 * rim))
    return image


def add_caption(image: Image.Image, prompt: str) -> Image.Image:
    """Write the prompt onto a dark band along the bottom; without a prompt nothing is added."""
    text = caption_text(prompt)
    height = max(6, image.height // 18)
    if text:
        band = Image.new("RGBA", (image.width, height), (12, 14, 20, 150))
        ImageDraw.Draw(band).text((height * 0.6, height / 2), text, font=_font(height * 0.48), fill=WHITE, anchor="lm")
        image.paste(band, (0, image.height - height), band)
    return image


def caption_text(prompt: str) -> str:
    """Make one short printable line of a prompt."""
    plain = " ".join(MARKUP.sub(r"\1", prompt).split())
    text = "".join(letter for letter in plain if letter.isprintable())
    return text if len(text) <= CAPTION_LENGTH else text[: CAPTION_LENGTH - 1] + "…"


@functools.lru_cache(maxsize=16)
def _font(height: float) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(max(4.0, height))


def _ridge(size: Size, chance: random.Random, *, base: float) -> list[tuple[float, float]]:
    width, height = size
    swing, shift, waves = chance.uniform(0.03, 0.08), chance.uniform(0, 6), chance.uniform(1.0, 2.6)
    step = max(1, width // 64)
    line = [
        (float(x), height * (base + swing * math.sin(shift + waves * math.tau * x / width)))
        for x in range(0, width + step, step)
    ]
    return [*line, (float(width + step), float(height)), (0.0, float(height))]
