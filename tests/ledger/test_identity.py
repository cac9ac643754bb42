"""What is bought, as ids: pinned, since a changed recipe would buy everything again."""

import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from phota_async import EditRequest, EnhanceRequest, GenerateRequest, InputError, RemixRequest
from phota_async.ledger.identity import parameters_of, purchase_of, request_id_of
from phota_async.ledger.photos import identify_photos

PNG = b"\x89PNG\r\n\x1a\n a picture"
PHOTO = "sha256:6ae5b1a4"


def test_the_recipe_is_pinned() -> None:
    edit = EditRequest(images=(b"photo",), prompt="at sunset", profile_ids=("anna",))
    purchase = purchase_of(edit, [PHOTO], batch="summer", take=1)
    assert purchase == "131d0f15a3f852bec9e76437ac5fd936"
    assert request_id_of(purchase, 1, 0) == "be48f186-ab94-3e9e-0828-96de67e923a4"
    assert purchase_of(GenerateRequest(prompt="a sea"), [], batch="", take=2) == "85176b9d3b11acdfe77d960fb5c49bac"
    assert purchase_of(edit, [PHOTO], batch="summer", take=1, variation=1) == purchase
    assert purchase_of(edit, [PHOTO], batch="summer", take=1, variation=2) == "b368ba2cf04c7319bf22d3ca81c585c3"


def test_only_what_differs_from_a_default_counts() -> None:
    request = EditRequest(images=(b"",), resolution="2K", response_mode="urls", extra={"style": "film"})
    assert parameters_of(request) == {"resolution": "2K", "style": "film"}


OTHERS = {
    "operation": lambda: purchase_of(EnhanceRequest(image=b"", prompt="x"), [PHOTO], batch="b", take=1),
    "prompt": lambda: purchase_of(EditRequest(images=(b"",), prompt="y"), [PHOTO], batch="b", take=1),
    "photo": lambda: purchase_of(EditRequest(images=(b"",), prompt="x"), ["sha256:00"], batch="b", take=1),
    "photos": lambda: purchase_of(EditRequest(images=(b"",), prompt="x"), [PHOTO, PHOTO], batch="b", take=1),
    "batch": lambda: purchase_of(EditRequest(images=(b"",), prompt="x"), [PHOTO], batch="c", take=1),
    "take": lambda: purchase_of(EditRequest(images=(b"",), prompt="x"), [PHOTO], batch="b", take=2),
    "variation": lambda: purchase_of(EditRequest(images=(b"",), prompt="x"), [PHOTO], batch="b", take=1, variation=2),
    "extra": lambda: purchase_of(EditRequest(images=(b"",), prompt="x", extra={"a": 1}), [PHOTO], batch="b", take=1),
}


@pytest.mark.parametrize("what", OTHERS)
def test_another_thing_is_another_purchase(what: str) -> None:
    usual = purchase_of(EditRequest(images=(b"",), prompt="x"), [PHOTO], batch="b", take=1)
    assert OTHERS[what]() != usual


def test_the_order_of_extra_fields_means_nothing() -> None:
    one, other = ({"a": {"b": 1, "c": 2}, "d": 3}, {"d": 3, "a": {"c": 2, "b": 1}})
    ids = {purchase_of(GenerateRequest(prompt="x", extra=extra), [], batch="", take=1) for extra in (one, other)}
    assert len(ids) == 1


def test_extra_that_json_cannot_carry_is_an_input_error() -> None:
    with pytest.raises(InputError, match=r"^extra: expected values that JSON can carry, got TypeError$"):
        purchase_of(GenerateRequest(prompt="x", extra={"a": object()}), [], batch="", take=1)


@given(st.text(alphabet="0123456789abcdef", min_size=32, max_size=32), st.integers(1, 99), st.integers(0, 99))
def test_request_ids_look_like_uuids_and_differ(purchase: str, copy: int, generation: int) -> None:
    own = request_id_of(purchase, copy, generation)
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", own)
    others = {request_id_of(purchase, copy + 1, generation), request_id_of(purchase, copy, generation + 1)}
    assert own not in others
    assert len(others) == 2


async def test_a_photo_is_known_by_its_bytes_wherever_they_come_from(tmp_path: Path) -> None:
    path = tmp_path / "photo.png"
    path.write_bytes(PNG)
    with path.open("rb") as opened:
        sources: list[Any] = [path, str(path), PNG, bytearray(PNG), memoryview(PNG), io.BytesIO(PNG), opened]
        found = {await identify_photos(EnhanceRequest(image=source)) for source in sources}
    assert len(found) == 1
    assert found.pop()[0].startswith("sha256:")


async def test_a_link_is_known_by_its_whole_text() -> None:
    link = "https://photos.example/1.jpg?signature=a"
    assert await identify_photos(EnhanceRequest(image=link)) == (f"link:{link}",)


async def test_several_photos_keep_their_order() -> None:
    one, two = PNG + b"1", PNG + b"2"
    here = await identify_photos(RemixRequest(input_image=one, reference_image=two))
    there = await identify_photos(RemixRequest(input_image=two, reference_image=one))
    assert here == there[::-1]
    assert here != there


async def test_a_pillow_image_is_known_by_its_pixels() -> None:
    image = Image.new("RGB", (3, 2), (1, 2, 3))
    ids = [await identify_photos(EnhanceRequest(image=each)) for each in (image, image.copy(), image.rotate(90))]
    assert ids[0] == ids[1]
    assert (await identify_photos(EnhanceRequest(image=Image.new("RGB", (2, 3), (1, 2, 3)))))[0] != ids[0][0]
    assert (await identify_photos(EnhanceRequest(image=Image.new("P", (3, 2)))))[0].startswith("sha256:")


class Stream(io.RawIOBase):
    """Can be read once."""

    def tell(self) -> int:
        raise io.UnsupportedOperation("tell")

    def read(self, size: int = -1) -> bytes:
        return PNG


async def test_a_stream_that_can_be_read_only_once_is_refused() -> None:
    with pytest.raises(InputError, match="read twice"):
        await identify_photos(EnhanceRequest(image=Stream()))


class Odd:
    """A file of somebody's making, which can seek."""

    def __init__(self) -> None:
        self._place = 0

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._place

    def seek(self, place: int) -> int:
        self._place = place
        return place

    def read(self) -> bytes:
        data, self._place = PNG[self._place :], len(PNG)
        return data


async def test_an_open_file_is_left_where_it_stands() -> None:
    odd: Any = Odd()
    assert await identify_photos(EnhanceRequest(image=odd)) == await identify_photos(EnhanceRequest(image=PNG))
    assert odd.tell() == 0


async def test_a_missing_photo_is_an_input_error() -> None:
    with pytest.raises(InputError, match="no such file"):
        await identify_photos(EnhanceRequest(image="/no/such/photo.jpg"))


def test_pieces_are_hashed_one_by_one() -> None:
    from phota_async.ledger.photos import sha256_of  # noqa: PLC0415

    def pieces() -> Iterator[bytes]:
        yield b"ab"
        yield b"c"

    assert sha256_of(pieces()) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
