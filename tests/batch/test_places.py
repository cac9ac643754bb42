"""Where a batch writes: below its output, as the keys say, never over an original, never over each other."""

import asyncio
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.clients import Connect, Listen
from support.folders import tree
from support.peer import Behaviour, Peer, answer, by_path
from support.pictures import PHOTO, REAL, image_answer, job_answer, picture

from phota_async import Batch, BatchItem, EditRequest, GenerateRequest, InputError, Outcome, PhotaClient
from phota_async.batch import collisions
from phota_async.batch.collisions import SIMPLE, check_places, place_of
from phota_async.batch.names import target_of
from phota_async.batch.templates import Names
from phota_async.config import Mode
from phota_async.media.files import Exists
from phota_async.requests import AnyRequest

SEA = GenerateRequest(prompt="a sea")
DONE = answer(200, image_answer(PHOTO))


async def run(client: PhotaClient, keys: Any, output: Path, **options: Any) -> list[Outcome]:
    request = options.pop("request", SEA)
    items: Any = [BatchItem(key, request) for key in keys]
    if options.pop("once", False):
        items = iter(items)
    async with Batch(client, items, output=output, **({"mode": "sync"} | options)) as outcomes:
        return sorted([outcome async for outcome in outcomes], key=lambda outcome: str(outcome.key))


KEYS = {
    "1": "1.generate-1.jpg",
    "2.png": "2.generate-1.jpg",
    "3.JPEG": "3.generate-1.jpg",
    "4.txt": "4.txt.generate-1.jpg",
    "5.v2": "5.v2.generate-1.jpg",
    "sub/6.png": "sub/6.generate-1.jpg",
    "sub/deep/er/7.heic": "sub/deep/er/7.generate-1.jpg",
    "back\\slash\\8.png": "back/slash/8.generate-1.jpg",
    "./9.png": "9.generate-1.jpg",
    "a//b/./10": "a/b/10.generate-1.jpg",
    "Größe 海 🌊.png": "Größe 海 🌊.generate-1.jpg",
    ".hidden": ".hidden.generate-1.jpg",
    "sub.png/11.png": "sub.png/11.generate-1.jpg",
    "..12": "..12.generate-1.jpg",
    "x" * 180: "x" * 180 + ".generate-1.jpg",
}


@pytest.mark.parametrize("mode", ["sync", "job"])
async def test_keys_are_mirrored(listen: Listen, connect: Connect, tmp_path: Path, mode: Mode) -> None:
    peer: Peer = await listen()
    done = answer(202, job_answer(status="done", download_urls=[peer.link()]))
    peer.script = [by_path({"/generate": DONE if mode == "sync" else done, ".jpg": answer(200, PHOTO)})]

    found = await run(connect(peer), KEYS, tmp_path / "new/out", mode=mode)

    assert tree(tmp_path / "new/out") == dict.fromkeys(KEYS.values(), PHOTO)
    for outcome in found:
        assert outcome.status == "done"
        assert outcome.paths == (tmp_path / "new/out" / KEYS[outcome.key],)


async def test_operations_and_formats(listen: Listen, connect: Connect, tmp_path: Path) -> None:
    peer = await listen(answer(200, image_answer(PHOTO, picture(300, "png"), picture(300, "webp"))))
    request = EditRequest(images=(REAL,), num_output_images=3)

    [outcome] = await run(connect(peer), ["sub/12.png"], tmp_path, request=request)

    assert [str(path.relative_to(tmp_path)) for path in outcome.paths] == [
        "sub/12.edit-1.jpg",
        "sub/12.edit-2.png",
        "sub/12.edit-3.webp",
    ]


HOSTILE: list[Any] = ["", " ", ".", "..", "../x", "a/../../x", "a/..", "/etc/passwd", "//server/share", "\\\\server\\x"]
HOSTILE += [
    "C:\\x",
    "c:x",
    "a/C:/x",
    "..\\x",
    "a\\..\\..\\x",
    "a\0b",
    "a\nb",
    "a\x1b[31mb",
    "a:b",
    "a|b",
    "a*",
    "a?",
    "<a>",
]
HOSTILE += ['"a"', "con", "CON.png", "sub/nul", "aux.tar.gz", "lpt9", "com1.jpg", "a.", "a ", "sub./x", "sub /x", "..."]
HOSTILE += ["\ud800", "a/\udcff.jpg", "x" * 300, "x" * 195, "y" * 300 + "/x", "海" * 70, "z/" * 2500 + "x"]
HOSTILE += [None, 7, b"bytes", ("a",)]


@pytest.mark.parametrize("key", HOSTILE, ids=lambda key: repr(key)[:20])
async def test_a_hostile_key_writes_nothing_and_costs_nothing(
    listen: Listen, connect: Connect, tmp_path: Path, key: Any
) -> None:
    peer = await listen(DONE)
    output = tmp_path / "a/b/out"
    output.mkdir(parents=True)

    found = await run(connect(peer), [key, "fine"], output)

    assert {outcome.key: outcome.status for outcome in found} == {key: "failed", "fine": "done"}
    [error] = [outcome.error for outcome in found if outcome.key == key]
    assert isinstance(error, InputError)
    assert list(tree(tmp_path)) == ["a/b/out/fine.generate-1.jpg"]
    assert len(peer.posts) == 1


COLLISIONS = {
    "the same": ("a", "a"),
    "another format": ("a.png", "a.jpg"),
    "another case": ("A.png", "a.png"),
    "another spelling": ("x/./a", "x//a"),
    "another slash": ("x/a", "x\\a"),
    "another normal form": (unicodedata.normalize("NFC", "é"), unicodedata.normalize("NFD", "é")),
}


@pytest.mark.parametrize("most", [1, 2])
@pytest.mark.parametrize("collision", COLLISIONS)
async def test_two_items_never_share_a_place(
    listen: Listen, connect: Connect, tmp_path: Path, collision: str, most: int
) -> None:
    """Whether the first one's file is there already or not: the second must not pass for done."""
    peer = await listen(DONE)

    found = await run(connect(peer), COLLISIONS[collision], tmp_path, max_concurrency=most, once=True)

    assert sorted(outcome.status for outcome in found) == ["done", "failed"]
    [error] = [outcome.error for outcome in found if outcome.error]
    assert "is the place of another item of this batch" in str(error)
    assert len(peer.posts) == len(tree(tmp_path)) == 1


@pytest.mark.parametrize("ledger", [None, True])
@pytest.mark.parametrize("collision", COLLISIONS)
async def test_items_that_share_a_place_are_found_before_anything_is_sent(
    listen: Listen, connect: Connect, tmp_path: Path, collision: str, ledger: bool | None
) -> None:
    peer = await listen(DONE)
    one, other = COLLISIONS[collision]
    keys = [*map(str, range(50)), one, "b", other]

    with pytest.raises(InputError) as caught:
        await run(connect(peer), keys, tmp_path / "out", ledger=ledger)

    assert f"got {one!r} and {other!r} for {tmp_path}" in str(caught.value)
    assert (peer.posts, tree(tmp_path)) == ([], {})


async def test_places_are_taken_by_operation_and_only_on_disk(listen: Listen, connect: Connect, tmp_path: Path) -> None:
    peer = await listen(DONE)
    items = [BatchItem("a", SEA), BatchItem("a", EditRequest(images=(REAL,)))]
    for options in ({"output": tmp_path}, {"output": None}):
        async with Batch(connect(peer), items, mode="sync", **options) as outcomes:
            assert [outcome.status async for outcome in outcomes] == ["done", "done"]
    async with Batch(connect(peer), [items[0]] * 2, mode="sync") as outcomes:  # nothing is written, so nothing collides
        assert [outcome.status async for outcome in outcomes] == ["done", "done"]


NAMES = st.text(alphabet="aAbB1 ._-/\\éÉ", min_size=0, max_size=8)
SUFFIX = st.sampled_from(["", ".png", ".JPG", ".txt", ".jpeg", "png", "."])


@given(name=NAMES, suffix=SUFFIX)
def test_the_quick_way_to_a_place_leads_where_the_slow_one_does(name: str, suffix: str) -> None:
    key = name + suffix
    found = place_of(BatchItem(key, SEA), Names())
    try:
        target = target_of(Path("out"), key, SEA)
    except InputError:
        assert found is None or SIMPLE.fullmatch(key)  # such a key fails by itself
        return
    assert found is not None
    assert f"out/{found}" == unicodedata.normalize("NFC", target.as_posix()).casefold()


async def test_looking_through_many_items_lets_the_loop_breathe() -> None:
    """And takes no sequence's word for what its items are."""
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    counting = asyncio.ensure_future(count())
    items: Any = [None, "x", BatchItem("x", None), *(BatchItem(f"{number}.png", SEA) for number in range(20_000))]  # type: ignore[arg-type]
    await check_places(items, Path("out"), Names())
    counting.cancel()
    assert turns >= 20


async def test_a_sequence_that_fails_on_the_way_is_the_batchs_to_tell_of(
    listen: Listen, connect: Connect, tmp_path: Path
) -> None:
    class Rows(list[BatchItem]):
        def __iter__(self) -> Iterator[BatchItem]:
            yield self[0]
            raise KeyError("the database is gone")

    peer = await listen(DONE)
    batch = Batch(connect(peer), Rows([BatchItem("a", SEA), BatchItem("a", SEA)]), output=tmp_path, mode="sync")
    async with batch as outcomes:
        assert [outcome.status async for outcome in outcomes] == ["done"]
    assert "the iterator failed with KeyError" in str(batch.statistics().stopped)


def test_equal_marks_alone_are_no_collision() -> None:
    items = [BatchItem("a", SEA), BatchItem("b", SEA)]
    marks = {hash("a.generate-1"), hash("b.generate-1")}
    collisions._name_them(items, marks, Path("out"), Names())
    with pytest.raises(InputError, match=r"got 'a' and 'A\.png' for"):
        collisions._name_them([*items, BatchItem("A.png", SEA)], marks, Path("out"), Names())


async def test_what_is_there_is_skipped(listen: Listen, connect: Connect, tmp_path: Path) -> None:
    peer = await listen(DONE)
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub/1.generate-1.webp").write_bytes(b"mine")

    first = await run(connect(peer), ["sub/1.png", "2", "3"], tmp_path)
    second = await run(connect(peer), ["sub/1.png", "2", "3"], tmp_path)

    assert [outcome.status for outcome in first] == ["done", "done", "skipped"]
    assert [outcome.status for outcome in second] == ["skipped"] * 3
    assert second[2].paths == (tmp_path / "sub/1.generate-1.webp",)
    assert [outcome.spent for outcome in second] == [0, 0, 0]
    assert len(peer.posts) == 2


@pytest.mark.parametrize("exists", ["number", "replace"])
async def test_what_is_there_is_bought_again_when_told(
    listen: Listen, connect: Connect, tmp_path: Path, exists: Exists
) -> None:
    peer = await listen(DONE)
    (tmp_path / "1.generate-1.jpg").write_bytes(b"mine")

    [outcome] = await run(connect(peer), ["1"], tmp_path, exists=exists)

    assert outcome.status == "done"
    kept = {"1.generate-1.jpg": b"mine", "1.generate-1-2.jpg": PHOTO}
    assert tree(tmp_path) == (kept if exists == "number" else {"1.generate-1.jpg": PHOTO})


ORIGINALS = {
    "itself": "{out}/12.edit-1.jpg",
    "the second picture's": "{out}/12.edit-2.png",
    "with dots": "{out}/../out/./12.edit-1.jpg",
    "relative": "out/12.edit-1.jpg",
}


@pytest.mark.parametrize("kind", [str, Path])
@pytest.mark.parametrize("exists", ["error", "number", "replace"])
@pytest.mark.parametrize("original", ORIGINALS)
async def test_an_original_is_never_written_over(
    listen: Listen,
    connect: Connect,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    original: str,
    exists: Exists,
    kind: Any,
) -> None:
    monkeypatch.chdir(tmp_path)
    peer = await listen(answer(200, image_answer(picture(400, seed=1), picture(400, seed=2))))
    output = tmp_path / "out"
    output.mkdir()
    photo = ORIGINALS[original].format(out=output)
    write(photo)
    request: AnyRequest = EditRequest(images=(REAL, kind(photo)), num_output_images=2)

    [outcome] = await run(connect(peer), ["12.png"], output, request=request, exists=exists)

    assert (outcome.status, outcome.paths) == ("failed", ())
    assert "is the place of an original" in str(outcome.error)
    assert tree(output) == {Path(photo).name: PHOTO}
    assert peer.posts == []


def write(path: str) -> None:
    Path(path).write_bytes(PHOTO)


async def test_an_original_beside_its_result(listen: Listen, connect: Connect, tmp_path: Path) -> None:
    """Writing into the folder of the photos is fine as long as the names differ."""
    peer = await listen(DONE)
    photo = tmp_path / "12.jpg"
    photo.write_bytes(REAL)

    [outcome] = await run(connect(peer), ["12.jpg"], tmp_path, request=EditRequest(images=(photo,)))

    assert (outcome.status, outcome.paths) == ("done", (tmp_path / "12.edit-1.jpg",))
    assert photo.read_bytes() == REAL


async def test_links_are_no_originals(listen: Listen, connect: Connect, tmp_path: Path) -> None:
    peer = await listen(DONE)

    [outcome] = await run(
        connect(peer), ["12"], tmp_path, request=EditRequest(images=("https://photos.example/12.edit-1.jpg",))
    )

    assert outcome.status == "done"


FAULTS: dict[str, Behaviour] = {"cut": answer(200, image_answer(PHOTO), cut=200), "refused": answer(400)}


@pytest.mark.parametrize("fault", FAULTS)
async def test_an_item_that_fails_leaves_no_file_and_is_tried_in_the_next_run(
    listen: Listen, connect: Connect, tmp_path: Path, fault: str
) -> None:
    peer = await listen(FAULTS[fault], DONE)

    [first] = await run(connect(peer), ["1"], tmp_path)
    assert (first.status in ("failed", "unknown"), tree(tmp_path)) == (True, {})
    [second] = await run(connect(peer), ["1"], tmp_path)

    assert (second.status, tree(tmp_path)) == ("done", {"1.generate-1.jpg": PHOTO})


async def test_an_output_that_is_a_file(listen: Listen, connect: Connect, tmp_path: Path) -> None:
    peer = await listen(DONE)
    (tmp_path / "out").write_bytes(b"mine")

    [outcome] = await run(connect(peer), ["1"], tmp_path / "out")

    assert outcome.status == "failed"
    assert isinstance(outcome.error, InputError)
    assert peer.posts == []


async def test_files_are_looked_for_beside_the_event_loop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a ledger a dozen names are looked at before each item: on a share that takes its time."""
    looked: list[bool] = []

    def existing(target: Path) -> list[Path]:
        with pytest.raises(RuntimeError):
            asyncio.get_running_loop()
        looked.append(True)
        return [target]

    monkeypatch.setattr("phota_async.batch.plain.existing", existing)
    monkeypatch.setattr("phota_async.batch.planned.existing", existing)
    for is_dry in (False, True):
        found = await run(PhotaClient("k"), ["1"], tmp_path, dry_run=is_dry)
        assert [each.status for each in found] == ["skipped"]
    assert looked == [True, True]
