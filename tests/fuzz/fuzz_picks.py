"""What a review wrote, as a stranger may have written it: read, added up, and gone on with."""

import os
import tempfile

from phota_async.review import Journal, read_picks
from phota_async.review.events import event_of
from phota_async.runs import RunFolder

HEAD = b'{"schema":"phota.pick/1","at":"2026-11-25T00:00:00.000+00:00",'
RECORD = b'{"key":"a.jpg","operation":"edit","status":"done","cost":{"settled":"0.09"}}'
SEEDS = (
    HEAD + b'"kind":"pick","item":"a.jpg","output":"a.edit-1.jpg"}\n' + HEAD + b'"kind":"undo"}\n',
    HEAD + b'"kind":"reject","item":"a.jpg"}\n' + HEAD + b'"kind":"clear","item":"a.jpg"}\n',
    HEAD
    + b'"kind":"ask","item":"a.jpg","ask":"1","price":"0.15"}\n'
    + HEAD
    + b'"kind":"made","ask":"1","record":'
    + RECORD
    + b"}\n",
    HEAD
    + b'"kind":"ask","item":"a.jpg","ask":"1","price":"-20"}\n'
    + HEAD
    + b'"kind":"ask","ask":"2","price":"NaN"}\n',
    HEAD
    + b'"kind":"ask","item":"a.jpg","ask":"1","price":"0.15"}\n'
    + HEAD
    + b'"kind":"made","ask":"1","record":'
    + RECORD.replace(b"0.09", b"sNaN")
    + b"}\n",
    HEAD + b'"kind":"failed","ask":"1","error":{"type":"X","message":"y","charged":"unknown"}}\n',
)
WORDS = (
    *(b'"kind":"ask",', b'"kind":"made",', b'"kind":"failed",', b'"kind":"undo",', b'"price":"NaN",', b'"ask":"1",'),
    *(b'"price":"1e999999",', b'"price":"sNaN",', b'"price":-1,', b'"settled":"Infinity"', b"null", b"\n", b"\0"),
    *(b'"x":' + b"[" * 3000, b'"\\ud800"', b"\xff", b"{}", b"9" * 5000, b'"output":"../../etc/passwd",'),
)


def check(data: bytes) -> None:
    """Read a run's picks as every command does, and add one."""
    base = "/dev/shm" if os.path.isdir("/dev/shm") else None  # noqa: PTH112
    with tempfile.TemporaryDirectory(dir=base) as output:
        folder = RunFolder.create(output, operation="edit")
        (folder.path / "picks.jsonl").write_bytes(data)
        picks = read_picks(folder)
        assert repr(picks)
        assert picks.committed >= 0
        assert all(repr(ask) for ask in picks.asks())
        with Journal(folder) as journal:
            journal.append(event_of("reject", "z"))
        assert read_picks(folder).choice("z") is not None
