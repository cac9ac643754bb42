"""A request's own photos: what they are, how large, and whether they are what was identified."""

import base64
import io
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from support.pictures import PHOTO, REAL

from phota_async import InputError
from phota_async.batch.originals import is_file, is_local, read_original, size_of
from phota_async.ledger.photos import identify_photo

URI = "data:image/jpeg;base64," + base64.b64encode(REAL).decode()


def kinds(folder: Path) -> dict[str, Any]:
    path = folder / "a.jpg"
    path.write_bytes(REAL)
    return {
        "path": path,
        "text": str(path),
        "bytes": REAL,
        "bytearray": bytearray(REAL),
        "memoryview": memoryview(REAL),
        "BytesIO": io.BytesIO(REAL),
        "data URI": URI,
    }


def test_every_kind_is_read_and_known_by_its_content(tmp_path: Path) -> None:
    identity = identify_photo(REAL)
    for photo in kinds(tmp_path).values():
        assert is_local(photo)
        assert is_file(photo)
        assert read_original(photo, "image") == (REAL, identity)
        assert read_original(photo, "image", identity) == (REAL, identity)
        assert len(REAL) <= size_of(photo) <= 2 * len(REAL)


def test_an_open_file_is_left_where_it_stands(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(b"before" + REAL)
    with path.open("rb") as file:
        file.seek(6)
        assert read_original(file, "image")[0] == REAL
        assert file.tell() == 6
        assert size_of(file) == path.stat().st_size


def test_a_pillow_image_is_known_by_its_pixels() -> None:
    with Image.open(io.BytesIO(REAL)) as image:
        data, identity = read_original(image, "image")
        assert identity == identify_photo(image) != identify_photo(data)
        assert Image.open(io.BytesIO(data)).size == image.size
        assert (is_local(image), is_file(image), size_of(image)) == (True, False, 64)
        image.putpixel((0, 0), 99)
        with pytest.raises(InputError, match="changed since"):
            read_original(image, "image", identity)


def test_a_link_is_none() -> None:
    for link in ("https://photos.example/a.jpg", "http://photos.example/a.jpg"):
        assert not is_local(link)
        assert not is_file(link)


def test_what_has_changed_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(REAL)
    with pytest.raises(InputError) as caught:
        read_original(path, "images[2]", identify_photo(PHOTO))
    assert (
        str(caught.value)
        == f"images[2] ({path}): expected the photo as it was identified, got one that has changed since"
    )


@pytest.mark.parametrize("wrong", [7, None, object(), "", "missing.jpg", "/", [b"x"]])
def test_what_is_no_photo(wrong: Any) -> None:
    assert size_of(wrong) in (0, Path("/").stat().st_size)
    with pytest.raises(InputError, match=r"^image"):
        read_original(wrong, "image")
