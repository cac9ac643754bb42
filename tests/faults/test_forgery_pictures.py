"""Pictures from strangers, everywhere one is opened: bombs are not lit, and no name from outside names a file."""

import struct
import tracemalloc
import zlib
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from support.clients import KEY, connect, quick
from support.folders import tree
from support.peer import Exchange, answer
from support.reviews import make_run

from phota_async import GenerateRequest, InputError, PhotaClient
from phota_async.photos import PhotoWorkers, prepare
from phota_async.report.thumbnails import thumbnails
from phota_async.review.pictures import Pictures
from phota_async.review.previews import Previews
from phota_async.training.checking import check_photos

from .shop import PHOTO, Shop
from .trial import Trial

__all__ = ["connect"]
PIXELS = struct.pack(">II", 60_000, 60_000)


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png(*before: bytes) -> bytes:
    head = chunk(b"IHDR", PIXELS + b"\x08\x02\0\0\0")
    return (
        b"\x89PNG\r\n\x1a\n"
        + head
        + b"".join(before)
        + chunk(b"IDAT", zlib.compress(bytes(2**21)))
        + chunk(b"IEND", b"")
    )


JPEG = bytes.fromhex("ffd8ffc0001108ffffffff03011100021100031100ffda000c03010002000300003f00") + bytes(99) + b"\xff\xd9"
BOMBS = {
    "pixels.png": png(),
    "text.png": png(chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(2**24)))),
    "profile.png": png(chunk(b"iCCP", b"a\0\0" + zlib.compress(bytes(2**24)))),
    "pixels.jpg": JPEG,
    "pixels.gif": b"GIF89a"
    + b"\xff" * 4
    + b"\x80\0\0"
    + bytes(6)
    + b","
    + bytes(4)
    + b"\xff" * 4
    + b"\0\x02\x02L\x01\0;",
    "pixels.bmp": b"BM" + bytes(8) + struct.pack("<IIiiHHIIiiII", 54, 40, 60_000, 60_000, 1, 24, *[0] * 6),
}


async def _prepared(path: Path, _: PhotoWorkers) -> object:
    return prepare(path)


async def _checked(path: Path, workers: PhotoWorkers) -> object:
    check = await check_photos([path], workers=workers)
    raise InputError(next(each.message for each in check.findings if each.kind == "unreadable"))


async def _previewed(path: Path, workers: PhotoWorkers) -> object:
    folder = make_run(path.parent, items=1)
    (folder.output / path.name).hardlink_to(path)
    pictures = Pictures(folder)
    return await Previews(pictures, workers).get(pictures.add_output(path.name), "screen")


async def _on_a_sheet(path: Path, _: PhotoWorkers) -> object:
    if not await thumbnails([path]):
        raise InputError("expected a picture, got one that is left out")
    return None


WAYS: dict[str, Callable[[Path, PhotoWorkers], Awaitable[object]]] = {
    "prepared": _prepared,
    "checked for a training": _checked,
    "previewed in a review": _previewed,
    "on a sheet": _on_a_sheet,
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", BOMBS)
async def test_a_bomb_is_not_lit(fault: Trial, tmp_path: Path, name: str, way: str) -> None:
    path = tmp_path / name
    path.write_bytes(BOMBS[name])
    fault.tried()
    async with PhotoWorkers(max_processes=0) as workers:
        tracemalloc.start()
        try:
            with pytest.raises(InputError, match=r"expected|no bomb"):
                await WAYS[way](path, workers)
            assert tracemalloc.get_traced_memory()[1] < 2**28  # of 10 GB
        finally:
            tracemalloc.stop()


NAMES = (
    *("../../evil.sh", "/etc/passwd", "..\\evil", "con", ".bashrc", "a\0b", "x" * 300, "%2e%2e%2fevil", "evil.exe"),
    *("photo.png", "", "\u202egpj.exe"),
)


@pytest.mark.parametrize("name", NAMES, ids=lambda name: ascii(name)[:20])
async def test_no_name_of_the_service_names_a_file(
    fault: Trial, connect: Any, shop: Shop, name: str, tmp_path: Path
) -> None:
    """Neither the job's id, nor the link's path, nor what the storage proposes."""
    said = name.encode("latin-1", "replace").decode("latin-1").replace("\0", "")
    disposition = {"Content-Type": "image/jpeg", "Content-Disposition": f'attachment; filename="{said}"'}

    async def propose(exchange: Exchange, _: Any) -> None:
        await answer(200, PHOTO, disposition)(exchange)

    shop.new_id, shop.picture_fault = (lambda: name.replace("\0", "") or "x"), propose
    client: PhotaClient = connect(shop.peer, api_key=KEY, config=quick())
    fault.tried()

    await client.send(GenerateRequest(prompt="a sea"), mode="job", save_to=tmp_path / "out" / "mine")

    assert tree(tmp_path) == {"out/mine/generate-1.jpg": PHOTO}
