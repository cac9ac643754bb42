"""Where files go on a hostile disk: names that are too long or reserved, links out of the tree, folders that vanish."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from support.clients import KEY, quick
from support.descriptors import descriptors
from support.folders import names, tree
from support.leftovers import check_nothing_left
from support.memory import folder_in_memory
from support.pictures import real_picture
from support.steps import SteppingLoop, every_step
from support.till import PICTURES, Till

from phota_async import Batch, BatchItem, EnhanceRequest, GenerateRequest, InputError, LedgerError, Outcome, PhotaClient
from phota_async.config import Mode
from phota_async.media.files import Exists

from .trial import Trial

PHOTO = real_picture(90)
MODES: tuple[Mode, ...] = ("sync", "job")


@pytest.fixture
def output(tmp_path: Path) -> Path:
    folder = tmp_path / "out"
    folder.mkdir()
    return folder


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A folder that is nobody's business, with a letter in it."""
    folder = tmp_path / "outside"
    folder.mkdir()
    (folder / "letter.txt").write_text("dear")
    return folder


def is_untouched(outside: Path) -> bool:
    return tree(outside) == {"letter.txt": b"dear"}


def item(key: Any) -> BatchItem:
    return BatchItem(key, GenerateRequest(prompt=str(key)))


async def run(till: Till, output: Path, *keys: Any, **options: Any) -> dict[str, Outcome]:
    how: dict[str, Any] = {"output": output, "mode": "sync", "mark": False} | options
    async with (
        PhotaClient(KEY, till.peer.url, config=quick()) as client,
        Batch(client, map(item, keys), **how) as ends,
    ):
        return {str(end.key): end async for end in ends}


# Names.

WORDS = ["CON", "con", "Prn", "aux.jpg", "NUL.tar.gz", "com1", "LPT9.png", "COM0"]
MARKS = ["<", ">", ":", '"', "|", "?", "*", "\0", "\n", "\r", "\t", "\x1b[2J", "\x7f"]
DOTS = [
    "..",
    ".",
    "...",
    "a/..",
    "../a",
    "a/../../b",
    "..\\a",
    "a\\..\\..\\b",
    "/etc/passwd",
    "//host/share/a",
    "~/a",
    "~",
]
DRIVES = ["C:\\a", "c:a", "\\\\host\\share\\a", "\\\\?\\C:\\a", "//?/C:/a"]
ENDS = ["a.", "a ", "a/b.", "a./b", " ", "", "a/ ", "a. .", "./.", "///"]
ODD = [
    "-rf",
    "$(id)",
    "`id`",
    "a;b",
    "%2e%2e/a",
    "a%00b",
    "\u2025/a",
    "a\uff0fb",
    "\u202egnp.a",
    "\u200b",
    "\ud800",
    "e\u0301",
    "\u00e9",
]
LONG = ["x" * size for size in (180, 190, 200, 240, 255, 256, 5000)] + [
    "ü" * 100,
    "海" * 80,
    "🌊" * 60,
    "d/" * 2500 + "a",
]
HIDDEN = [".phota/ledger.sqlite", ".phota", ".a.0123456789ab.part", "a.part", "a.jpg/b", "a.jpg"]
NAMES: list[Any] = [
    *WORDS,
    *(f"a{mark}b" for mark in MARKS),
    *DOTS,
    *DRIVES,
    *ENDS,
    *ODD,
    *LONG,
    *HIDDEN,
    None,
    7,
    b"a",
]


@pytest.mark.parametrize("mode", MODES)
async def test_every_name_is_refused_unsent_or_lies_below_the_output(fault: Trial, tmp_path: Path, mode: Mode) -> None:
    output = tmp_path / "deep" / "out"
    async with Till(looks=0) as till:
        for number, name in enumerate(NAMES):
            [end] = (await fault.end_of(run(till, output / str(number), name, mode=mode))).values()  # type: ignore[union-attr]  # no error
            if end.status == "failed":
                assert isinstance(end.error, InputError), name
                assert (end.error.charged, till.sold[str(name)]) == ("no", 0), name
                continue
            fault.lost("lost_results", till.sold[str(name)] - len(end.paths))
            assert [path.is_file() and path.is_relative_to(output / str(number)) for path in end.paths] == [True], name
    assert names(tmp_path) == ["deep"]
    assert all(content in PICTURES for content in tree(tmp_path).values())


TWINS = [
    ("A", "a"),
    ("é", "e\u0301"),
    ("STRASSE", "straße"),
    ("a.jpg", "a.png"),
    ("a", "./a"),
    ("a/b", "a\\b"),
    ("a", "a"),
]


@pytest.mark.parametrize("exists", ["error", "number", "replace"])
@pytest.mark.parametrize("twins", TWINS)
async def test_two_items_of_one_place_never_overwrite_each_other(
    fault: Trial, output: Path, twins: tuple[str, str], exists: Exists
) -> None:
    fault.tried(2)
    async with Till() as till:
        with pytest.raises(InputError, match="expected a place of its own for each"):
            async with PhotaClient(KEY, till.peer.url) as client:
                await Batch(client, list(map(item, twins)), output=output).__aenter__()
        ends = await run(till, output, *twins, exists=exists, ordered=True)
        assert [end.status for end in ends.values()] == (["done", "failed"] if twins[0] != twins[1] else ["failed"])
        assert till.sold.total() == len(tree(output)) == 1


# Links.


def to_folder(output: Path, outside: Path) -> str:
    (output / "sub").symlink_to(outside)
    return "sub/x"


def relative(output: Path, outside: Path) -> str:
    (output / "sub").symlink_to("../outside")
    return "sub/deep/er/x"


def further_down(output: Path, outside: Path) -> str:
    (output / "a").mkdir()
    (output / "a" / "b").symlink_to(outside, target_is_directory=True)
    return "a/b/c/x"


def by_way_of_another(output: Path, outside: Path) -> str:
    (output / "first").symlink_to("second")
    (output / "second").symlink_to(outside)
    return "first/x"


def to_nowhere(output: Path, outside: Path) -> str:
    (output / "sub").symlink_to(outside / "not there yet")
    return "sub/x"


def to_the_top(output: Path, outside: Path) -> str:
    (output / "sub").symlink_to("/")
    return f"sub{outside}/x"


def to_a_twin(output: Path, outside: Path) -> str:
    """A folder whose name begins as the output's does."""
    twin = output.with_name("output")
    twin.symlink_to(outside)
    (output / "sub").symlink_to(twin)
    return "sub/x"


def in_a_circle(output: Path, outside: Path) -> str:
    (output / "sub").symlink_to("sub")
    return "sub/x"


LINKS: list[Callable[[Path, Path], str]] = [
    to_folder,
    relative,
    further_down,
    by_way_of_another,
    to_nowhere,
    to_the_top,
    to_a_twin,
    in_a_circle,
]
HOW: dict[str, dict[str, Any]] = {
    "held": {"mode": "sync"},
    "jobs": {"mode": "job"},
    "replaced": {"exists": "replace"},
    "ledger": {"mode": "job", "ledger": True},
    "held, ledger": {"ledger": True},
    "dry": {"dry_run": True},
    "dry, ledger": {"dry_run": True, "ledger": True},
}


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("link", LINKS)
async def test_a_link_out_of_the_output_is_not_followed_and_its_item_not_sent(
    fault: Trial, output: Path, outside: Path, link: Callable[[Path, Path], str], how: str
) -> None:
    key = link(output, outside)
    fault.tried()
    async with Till() as till:
        ends = await run(till, output, key, "beside", **HOW[how])
        assert (ends[key].status, type(ends[key].error)) == ("failed", InputError)
        assert till.sold[key] == 0
        assert ends["beside"].status == ("planned" if "dry" in how else "done")
    assert is_untouched(outside)


@pytest.mark.parametrize("how", ["held", "jobs", "ledger", "held, ledger"])
async def test_links_that_stay_inside_and_an_output_that_is_one(
    fault: Trial, output: Path, tmp_path: Path, how: str
) -> None:
    (output / "true").mkdir()
    (output / "sub").symlink_to("true")
    (tmp_path / "mine").symlink_to(output)
    fault.tried(2)
    async with Till() as till:
        ends = await run(till, tmp_path / "mine", "sub/x", "y", **HOW[how])
    assert {end.status for end in ends.values()} == {"done"}
    assert {"true/x.generate-1.jpg", "y.generate-1.jpg"} <= set(tree(output))


@pytest.mark.parametrize("exists", ["error", "number", "replace"])
async def test_a_link_in_the_place_of_a_file_is_never_written_through(
    fault: Trial, output: Path, outside: Path, exists: Exists
) -> None:
    (output / "a.generate-1.jpg").symlink_to(outside / "letter.txt")
    (output / "b.generate-1.jpg").symlink_to(outside / "not there yet")
    fault.tried(2)
    async with Till() as till:
        ends = await run(till, output, "a", "b", exists=exists)
        assert till.sold.total() == sum(end.status == "done" for end in ends.values())
    assert is_untouched(outside)


@pytest.mark.parametrize("name", ["", *(f"ledger.sqlite{end}" for end in ("", ".lock", "-wal", "-shm", "-journal"))])
async def test_a_ledger_below_the_output_stays_there(fault: Trial, output: Path, outside: Path, name: str) -> None:
    place = output / ".phota" / name
    place.parent.mkdir(exist_ok=True)
    place.symlink_to(outside / "letter.txt" if name else outside)
    fault.tried()
    async with Till() as till:
        try:
            ends = await run(till, output, "a", ledger=True)
        except (InputError, LedgerError):
            assert till.sold.total() == 0
        else:  # what SQLite has no use for, or puts a file of its own in the place of
            assert ends["a"].status == "done"
    assert is_untouched(outside)


# Folders that change under a batch.


def removed(output: Path, outside: Path) -> None:
    shutil.rmtree(output, ignore_errors=True)


def a_file_instead(output: Path, outside: Path) -> None:
    shutil.rmtree(output, ignore_errors=True)
    output.write_bytes(b"")


def a_link_instead(output: Path, outside: Path) -> None:
    if (output / "sub").is_symlink():
        return
    output.mkdir(exist_ok=True)
    (output / "sub").rename(output / "moved") if (output / "sub").exists() else None
    (output / "sub").symlink_to(outside)


def undone(output: Path) -> None:
    """Give the folder back."""
    for place in (output, output / "sub"):
        if place.is_symlink() or place.is_file():
            place.unlink()
    output.mkdir(exist_ok=True)


def photos() -> Iterator[BatchItem]:
    return iter([BatchItem("sub/1", EnhanceRequest(image=PHOTO, prompt="item 1"))])


CHANGES: list[tuple[Callable[[Path, Path], None], Mode, str]] = [
    (removed, "job", "inside"),
    (a_file_instead, "sync", "beside"),
    (a_link_instead, "job", "inside"),
    (a_link_instead, "sync", "beside"),
]


@pytest.mark.parametrize(("change", "mode", "ledger"), CHANGES)
def test_a_folder_that_changes_at_any_step(
    fault: Trial, change: Callable[[Path, Path], None], mode: Mode, ledger: str
) -> None:
    """What was bought meanwhile is there, or told and fetched by the next run. Of a ledger that went, ids stay."""
    before = descriptors()

    async def once(client: PhotaClient, folder: Path) -> list[Outcome]:
        how: dict[str, Any] = {"metadata": "none", "mark": False, "mode": mode}
        place = True if ledger == "inside" else folder / "ledger.sqlite"
        async with Batch(client, photos(), output=folder / "out", ledger=place, **how) as ends:
            return [end async for end in ends]

    async def run(loop: SteppingLoop) -> None:
        with folder_in_memory() as folder:
            output, outside = folder / "out", folder / "outside"
            outside.mkdir()
            (outside / "letter.txt").write_text("dear")
            async with Till(looks=0) as till, PhotaClient(KEY, till.peer.url, config=quick()) as client:
                with suppress(InputError, LedgerError):  # as the batch begins
                    await loop.strike(once(client, folder), lambda: change(output, outside))
                check_nothing_left(client)
                assert is_untouched(outside), loop.at
                undone(output)
                [end] = await once(client, folder)
                assert end.status in (
                    {"done", "skipped"} if mode == "job" else {"done", "skipped", "unknown", "failed"}
                )
                is_there = any(name.startswith("sub/") for name in tree(output))
                fault.lost("lost_results", mode == "job" and not is_there)
                fault.lost("paid_twice", till.sold.total() - 1)

    for loop in every_step(run):
        fault.tried(loop.was_cut)
        assert descriptors() == before, loop.at
