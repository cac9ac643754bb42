"""Lists of requests from strangers: words stay words, places stay below the output, and nothing fills the memory."""

import os
import tracemalloc
from pathlib import Path
from typing import Any

import msgspec
import pytest
from support.pictures import REAL

from phota_async import InputError, estimate
from phota_async.batch.templates import Names
from phota_async.collecting import ItemList, RequestPlan
from phota_async.collecting.tables import LONGEST, LONGEST_ROW
from phota_async.media.formats import KNOWN_SUFFIXES

from .trial import Trial

PLAN = RequestPlan(operation="edit", prompt="at sea")
WORDS = (
    *("=cmd|' /C calc'!A0", '=HYPERLINK("https://evil.example","x")', "+1+1", "-2+3", "@SUM(A1)", "\t=1+1"),
    *("'); DROP TABLE purchase; --", "' OR '1'='1", "${jndi:ldap://x}", "{{7*7}}", "$(id)", "`id`", "%(x)s", "{0}"),
    *("<script>alert(1)</script>", "../../etc/passwd", "\x1b[2J", "\u202egpj.exe", "a\0b", "[[nobody]]", "NaN"),
)
MB = 2**20


def write(folder: Path, name: str, *pieces: bytes) -> Path:
    (folder / "a.jpg").write_bytes(REAL)
    path = folder / name
    with path.open("wb") as file:
        file.writelines(pieces)
    return path


def rows(folder: Path, *found: dict[str, Any]) -> Path:
    return write(folder, "list.jsonl", *(msgspec.json.encode(each) + b"\n" for each in found))


@pytest.mark.parametrize("word", WORDS, ids=ascii)
def test_formulas_and_programs_are_words(fault: Trial, tmp_path: Path, word: str) -> None:
    fault.tried()
    [item] = ItemList(rows(tmp_path, {"input": "a.jpg", "prompt": word, "mood": word}), PLAN)

    assert item.request.prompt == word.strip()
    assert item.fields == {"mood": word}
    assert estimate([item.request]) == (None, None)


PLACES = (
    *("/etc/cron.d/x", "../x", "a/../../x", "..\\x", "C:\\x", "~/x", "//host/x", "a/\0/x", ".", "..", "", "CON.jpg"),
    *("/dev/stdout", "file:///etc/x", ".phota/ledger.sqlite", ".phota/runs/x/run.json", "https://x/y", "-rf"),
)


@pytest.mark.parametrize("place", PLACES, ids=ascii)
def test_a_place_is_refused_or_lies_below_the_output(fault: Trial, tmp_path: Path, place: str) -> None:
    output = tmp_path / "out"
    fault.tried()
    try:
        [item] = ItemList(rows(tmp_path, {"input": "a.jpg", "out": place}), PLAN)
        target = Names(None).target(output, item)
    except InputError:
        return
    assert Path(os.path.normpath(target)).is_relative_to(output)
    assert ".sqlite" not in KNOWN_SUFFIXES  # a result of that name is a picture, beside the ledger


@pytest.mark.parametrize("source", ["/etc/passwd", "/proc/self/environ", "/dev/zero", "/dev/stdin", "list.jsonl", "."])
def test_what_is_no_photo_never_leaves(fault: Trial, tmp_path: Path, source: str) -> None:
    fault.tried()
    for column in ("input", "reference"):
        row = {"input": "a.jpg", "op": "remix", "reference": "a.jpg"} | {column: source}
        with pytest.raises(InputError, match=f"line 1, column {column}: "):
            ItemList(rows(tmp_path, row), PLAN).check()


def test_a_pipe_in_a_photos_place_is_not_waited_for(fault: Trial, tmp_path: Path) -> None:
    fault.tried(2)
    os.mkfifo(tmp_path / "b.jpg")
    with pytest.raises(InputError, match="expected a regular file"):
        ItemList(rows(tmp_path, {"input": "b.jpg"}), PLAN).check()
    os.mkfifo(tmp_path / "pipe.csv")
    with pytest.raises(InputError, match="expected a regular file"):
        ItemList(tmp_path / "pipe.csv", PLAN).check()


LINE = b"x" * MB
ENDLESS: dict[str, tuple[str, tuple[bytes, ...]]] = {
    "a line": ("list.csv", (b"input,prompt\na.jpg,", *(LINE,) * 100)),
    "a first line": ("list.csv", (LINE,) * 100),
    "a cell": ("list.csv", (b'input,prompt\na.jpg,"', *(LINE,) * 100, b'"\n')),
    "a row over many lines": ("list.csv", (b"input,prompt\na.jpg,", *(b'"' + b"x" * 1000 + b'\n",',) * 30_000)),
    "a row of many cells": ("list.csv", (b"input" + b"," * (8 * MB),)),
    "a line of JSON": ("list.jsonl", (b'{"input":"a.jpg","prompt":"', *(LINE,) * 100, b'"}\n')),
    "lists in lists": ("list.jsonl", (b'{"input":' + b"[" * MB + b"]" * MB + b"}\n",)),
    "UTF-16": ("list.csv", (b"\xff\xfe", *(b"x\0" * MB,) * 30)),
}


@pytest.mark.parametrize("kind", ENDLESS)
def test_what_never_ends_is_refused_in_little_memory(fault: Trial, tmp_path: Path, kind: str) -> None:
    name, pieces = ENDLESS[kind]
    path = write(tmp_path, name, *pieces)
    fault.tried()
    tracemalloc.start()
    try:
        with pytest.raises(InputError, match="expected"):
            ItemList(path, PLAN).check()
        assert tracemalloc.get_traced_memory()[1] < 20 * LONGEST_ROW
    finally:
        tracemalloc.stop()


def test_as_many_columns_as_fit_take_no_time(fault: Trial, tmp_path: Path) -> None:
    """Looking each name up among those before it would take minutes."""
    names = ",".join(f"c{number}" for number in range(LONGEST // 8))
    fault.tried()
    [item] = ItemList(write(tmp_path, "list.csv", f"input,{names}\na.jpg,1\n".encode()), PLAN)
    assert item.fields == {"c0": "1"}


@pytest.mark.parametrize("count", ["9" * 5000, "-1", "1e9", "0x10", "NaN", "1.5"], ids=lambda text: text[:5])
def test_counts_that_are_none(fault: Trial, tmp_path: Path, count: str) -> None:
    fault.tried()
    with pytest.raises(InputError, match="line 1, column variations"):
        list(ItemList(rows(tmp_path, {"input": "a.jpg", "variations": count}), PLAN))
