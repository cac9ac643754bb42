"""Pictures that wait for their names: none gets one that does not lie whole on the disk."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from support.folders import names
from support.pictures import PHOTO

from phota_async import DownloadError
from phota_async.batch.held import HeldSink
from phota_async.media import files


async def test_what_could_not_be_written_once_gets_no_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int, pieces: Sequence[bytes]) -> None:
        raise OSError(28, "No space left on device")

    sink = HeldSink(tmp_path, "a", waits=False)
    sink.write(PHOTO)
    with monkeypatch.context() as patched:
        patched.setattr(files, "_write_all", full)
        with pytest.raises(DownloadError, match="No space"):
            await sink.flush(everything=True)
    with pytest.raises(DownloadError, match="could not be written"):
        await sink.settle("number")
    sink.discard()
    assert names(tmp_path) == []


async def test_a_small_one_waits_in_memory_and_gets_its_name(tmp_path: Path) -> None:
    sink = HeldSink(tmp_path, "a", waits=True)
    sink.write(PHOTO)
    await sink.flush(everything=True)
    assert names(tmp_path) == []
    path = await sink.settle("number")
    assert (path.read_bytes(), names(tmp_path)) == (PHOTO, ["a.jpg"])
