"""Lists of requests from strangers, CSV and JSON Lines: read to their end, checked, and made into items."""

import os
import tempfile
from pathlib import Path

from support.pictures import REAL

from phota_async.collecting import ItemList, RequestPlan
from phota_async.errors import InputError

HEADER = b"input,op,prompt,people,variations,resolution,aspect,model,reference,out,mood\n"
SEEDS = (
    b"\x00" + HEADER + b'a.jpg,edit,"at sea, now",mia|ben,2,2K,16:9,nb2,,summer/a.jpg,calm\n,generate,a lake,,,,,,,,\n',
    b"\x00input;prompt\r\na.jpg;=HYPERLINK(1)\r\n",
    b"\x00" + "input\tout\na.jpg\tb\n".encode("utf-16"),
    b'\x01{"input":["a.jpg"],"prompt":"x","people":["mia"],"variations":2,"mood":1.5}\n\n{"op":"generate","prompt":"y"}\n',
    b'\x01{"input":"a.jpg","op":"remix","reference":"a.jpg","out":"../../b.jpg"}\n',
)
WORDS = (
    *(b"input", b"variations", b"out", b"reference", b"a.jpg", b"a.jpg|a.jpg", b"/etc/passwd", b"../", b"https://x/"),
    *(b'"', b'""', b"\n", b"\r", b";", b"\t", b"|", b"\0", b"\xff\xfe", b"\xef\xbb\xbf", b"=1+1", b"'; DROP TABLE--"),
    *(b"1e999", b"9" * 5000, b'"\\ud800"', b'"\\u0000"', b"null", b"[[", b"{}", b"[" * 2000, b"{row.mood}", b"{ext}"),
)
PLAN = RequestPlan(operation="edit", prompt="at sea")


def check(data: bytes) -> None:
    """Read a list; the first byte says of which kind."""
    base = "/dev/shm" if os.path.isdir("/dev/shm") else None  # noqa: PTH112
    with tempfile.TemporaryDirectory(dir=base) as folder:
        (Path(folder) / "a.jpg").write_bytes(REAL)
        path = Path(folder) / ("list.jsonl" if data[:1] == b"\x01" else "list.csv")
        path.write_bytes(data[1:])
        for names in (None, "{dir}/{row.mood}-{stem}.{ext}"):
            _read(ItemList(path, PLAN, names=names))


def _read(items: ItemList) -> None:
    try:
        found = list(items)
    except InputError:
        return
    assert found
    assert len(found) == len(items)
    assert all(repr(each) for each in found)
