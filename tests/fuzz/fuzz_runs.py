"""Records of runs, as a stranger may have written them: the run's own, and the lines of its items."""

import os
import tempfile
from pathlib import Path

from phota_async.errors import InputError
from phota_async.runs import RunFolder, latest_run, list_runs, request_of

RUN = b'{"schema":"phota.run/1","run":"r","operation":"edit","output":"/o","started":"2026-11-25T00:00:00+00:00"}'
ITEM = (
    b'{"schema":"phota.item/1","key":"a.jpg","operation":"edit","status":"done","sources":["/photos/a.jpg"],'
    b'"request":{"prompt":"at sea","profile_ids":["anna"],"num_output_images":2},"cost":{"settled":"0.09"}}'
)
SEEDS = (
    RUN + b"\0" + ITEM + b"\n" + ITEM.replace(b"done", b"skipped"),
    RUN.replace(b"}", b',"settings":{"a":[1]},"totals":{"spent":"NaN"}}') + b"\0" + ITEM.replace(b"edit", b"remix"),
    RUN[:50] + b"\0" + ITEM[:90] + b"\n" + ITEM.replace(b'"/photos/a.jpg"', b"") + b"\n\n\xff\n",
)
WORDS = (
    *(b'"key":', b'"sources":', b'"request":', b'"extra":', b'"images":', b'"operation":"generate"', b'"prompt":'),
    *(b"1e999", b'"Infinity"', b'"\\ud800"', b'"\\u0000"', b"null", b"[]", b"{}", b"\n", b"\0", b'"=1+1"', b"\xff"),
)


def check(data: bytes) -> None:
    """Write both files and read them as the commands do."""
    run, _, items = data.partition(b"\0")
    base = "/dev/shm" if os.path.isdir("/dev/shm") else None  # noqa: PTH112
    with tempfile.TemporaryDirectory(dir=base) as output:
        path = Path(output) / ".phota" / "runs" / "r"
        path.mkdir(parents=True)
        (path / "run.json").write_bytes(run)
        (path / "items.jsonl").write_bytes(items)
        _read(latest_run(output))
        assert len(list_runs(output)) == 1


def _read(folder: RunFolder) -> None:
    try:
        assert repr(folder.record())
        folder.finish(exit_code=0)
    except InputError:
        pass
    for record in folder.records():
        assert repr(record) == repr(record.without_prompt())
        try:
            assert repr(request_of(record))
        except InputError:
            continue
