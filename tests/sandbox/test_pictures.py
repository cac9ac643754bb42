import io
import time
from typing import Any

import pytest
from PIL import Image, ImageChops, ImageStat

from phota_async.sandbox import Sandbox, pictures
from phota_async.sandbox.drawing import caption_text, prompt_hue
from phota_async.sandbox.errors import ServiceError
from phota_async.sandbox.photos import open_photo, placeholder
from phota_async.sandbox.pictures import Kitchen, Recipe, render
from phota_async.sandbox.sizes import SIZES_1K, output_size

from .conftest import Api, draw_photo


def bake(operation: str, **fields: Any) -> Image.Image:
    plain: dict[str, Any] = {"prompt": "", "size": (96, 64), "output_format": "png", "variation": 0}
    recipe = Recipe(operation=operation, **(plain | fields))
    return Image.open(io.BytesIO(render(recipe)))


def difference(one: Image.Image, other: Image.Image) -> float:
    return sum(ImageStat.Stat(ImageChops.difference(one.convert("RGB"), other.convert("RGB"))).mean)


@pytest.mark.parametrize(("resolution", "factor"), [("1K", 1), ("2K", 2), ("4K", 4)])
@pytest.mark.parametrize("aspect_ratio", SIZES_1K)
def test_true_sizes(aspect_ratio: str, resolution: str, factor: int) -> None:
    width, height = output_size(aspect_ratio, resolution)
    across, down = map(int, aspect_ratio.split(":"))

    assert width / height == pytest.approx(across / down, rel=0.02)
    assert width * height == pytest.approx(1024 * 1024 * factor**2, rel=0.03)


@pytest.mark.parametrize(
    ("input_size", "expected"),
    [(None, (1024, 1024)), ((4000, 3000), (1184, 880)), ((1, 5000), (512, 2048)), ((5000, 1), (2048, 512))],
)
def test_auto_takes_the_inputs_ratio(input_size: tuple[int, int] | None, expected: tuple[int, int]) -> None:
    assert output_size("auto", "1K", input_size=input_size) == expected


def test_pictures_can_be_small() -> None:
    assert output_size("1:1", "1K", picture_scale=0.125) == (128, 128)
    assert output_size("9:16", "1K", picture_scale=0.001) == (16, 16)


async def test_sizes_on_the_wire(session: Any) -> None:
    async with Sandbox() as sandbox:
        api = Api(sandbox, session)
        image = sandbox.upload(draw_photo(400, 300))
        edit = await api.post("/edit", {"images": [image], "aspect_ratio": "16:9"})
        auto = await api.post("/edit", {"images": [image]})
        enhance = await api.post("/enhance", {"image": image})

    sizes = [answer.pictures()[0].size for answer in (edit, auto, enhance)]
    assert sizes == [(1376, 768), (1184, 880), (2368, 1760)]


@pytest.mark.parametrize("operation", ["edit", "enhance", "remix"])
def test_a_result_comes_from_its_photo(operation: str) -> None:
    left, right = Image.new("RGB", (48, 64), "black"), Image.new("RGB", (96, 64), "white")
    right.paste(left, (0, 0))
    buffer = io.BytesIO()
    right.save(buffer, "PNG")
    photo, style = open_photo(buffer.getvalue()), open_photo(draw_photo(colour="orange"))
    picture = bake(operation, photos=(photo, style)).convert("L")

    assert (
        ImageStat.Stat(picture.crop((0, 0, 40, 56))).mean[0] + 30
        < ImageStat.Stat(picture.crop((56, 0, 96, 56))).mean[0]
    )


def test_enhancing_stretches_the_tones() -> None:
    grey = Image.linear_gradient("L").point([100 + level // 8 for level in range(256)])
    buffer = io.BytesIO()
    grey.save(buffer, "PNG")
    low, high = bake("enhance", photos=(open_photo(buffer.getvalue()),)).convert("L").getextrema()

    assert (low, high) == (0, 255)


def test_a_remix_takes_the_tones_of_its_reference() -> None:
    content = placeholder("content")
    red, blue = (open_photo(draw_photo(colour=colour)) for colour in ("red", "blue"))
    means = [ImageStat.Stat(bake("remix", photos=(content, style)).convert("RGB")).mean for style in (red, blue)]

    assert means[0][0] > means[1][0]
    assert means[0][2] < means[1][2]


def test_edits_differ_by_prompt_variation_and_further_photos() -> None:
    photo, other = placeholder("a"), placeholder("b")
    plain = bake("edit", photos=(photo,), prompt="a red coat")

    assert difference(plain, bake("edit", photos=(photo,), prompt="a blue coat")) > 5
    assert difference(plain, bake("edit", photos=(photo,), prompt="a red coat", variation=1)) > 1
    assert difference(plain, bake("edit", photos=(photo, other), prompt="a red coat")) > 1


def test_a_named_subject_is_in_the_picture() -> None:
    plain = bake("generate", prompt="a red hill")
    one = bake("generate", prompt="a red hill", subjects=(placeholder("a"),))
    many = bake("generate", prompt="a red hill", subjects=tuple(placeholder(name) for name in "abcd"))

    assert difference(plain, one) > 5
    assert difference(one, many) > 5


def test_large_outputs_are_fast() -> None:
    photo = placeholder("a")
    started = time.perf_counter()
    picture = bake("enhance", photos=(photo,), size=(2048, 2048), output_format="jpg")

    assert picture.size == (2048, 2048)
    assert time.perf_counter() - started < 2  # some 60 ms on an idle machine


def test_captions() -> None:
    assert caption_text("  [[anna]]\n at\tthe \x00 sea ") == "anna at the  sea"
    assert caption_text("x" * 91) == "x" * 89 + "…"
    assert difference(bake("generate", prompt=""), bake("generate", prompt=" ")) < 200


def test_colours_of_prompts() -> None:
    assert prompt_hue("A Blue hat, red shoes") == 220
    assert prompt_hue("a hat") == prompt_hue("a hat") != prompt_hue("a cap")


def test_photos_stand_upright() -> None:
    source = Image.new("RGB", (80, 40), "teal")
    exif = source.getexif()
    exif[0x0112] = 6
    buffer = io.BytesIO()
    source.save(buffer, "JPEG", exif=exif)
    photo = open_photo(buffer.getvalue())

    assert photo.size == photo.image.size == (40, 80)


def test_a_large_photo_is_worked_on_smaller() -> None:
    photo = open_photo(draw_photo(3000, 1500))

    assert photo.size == (3000, 1500)
    assert max(photo.image.size) <= 1024


def test_a_transparent_photo_is_taken() -> None:
    buffer = io.BytesIO()
    Image.new("RGBA", (10, 10), (255, 0, 0, 0)).save(buffer, "PNG")

    assert open_photo(buffer.getvalue()).image.mode == "RGB"


@pytest.mark.parametrize("data", [b"", b"x", draw_photo()[:300], draw_photo(kind="PNG")[:60], draw_photo(kind="BMP")])
def test_broken_photos(data: bytes) -> None:
    with pytest.raises(ServiceError) as caught:
        open_photo(data)

    assert caught.value.status == 400


def test_equal_recipes_are_drawn_once(monkeypatch: Any) -> None:
    kitchen = Kitchen()
    recipe = Recipe(operation="generate", prompt="", size=(32, 32), output_format="jpg", variation=0)
    first = kitchen.render(recipe)
    monkeypatch.setattr(pictures, "render", None)

    assert kitchen.render(recipe) is first
    assert repr(kitchen) == f"<Kitchen 1 pictures, {len(first)} bytes kept>"


def test_the_cache_has_a_size(monkeypatch: Any) -> None:
    monkeypatch.setattr(pictures, "CACHE_BYTES", 8000)
    kitchen = Kitchen()
    kitchen._remember("large", b"x" * 1001)
    for number in range(9):
        kitchen._remember(str(number), b"x" * 1000)
    kitchen._remember("8", b"x" * 1000)

    assert repr(kitchen) == "<Kitchen 8 pictures, 8000 bytes kept>"
