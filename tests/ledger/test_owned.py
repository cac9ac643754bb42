"""Steps that nobody cuts short, and what dead runs leave."""

import asyncio
from pathlib import Path

import anyio
import pytest
from support.virtual_time import now, settle, virtual_time

from phota_async.batch.names import Leftovers
from phota_async.batch.owned import OwnedTasks
from phota_async.media.files import MAX_PART_NAME


async def take(seconds: float, done: list[str]) -> str:
    try:
        await asyncio.sleep(seconds)
    except asyncio.CancelledError:
        done.append("cancelled")
        raise
    done.append("done")
    return "result"


@virtual_time
async def test_a_step_gives_its_result_or_its_error() -> None:
    owned = OwnedTasks()
    assert await owned.run(take(1, [])) == "result"

    async def fails() -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await owned.run(fails())
    await owned.aclose()


@pytest.mark.parametrize("native", [True, False])
def test_a_step_goes_on_when_its_caller_is_cancelled(*, native: bool) -> None:
    @virtual_time
    async def check() -> None:
        owned, done = OwnedTasks(), list[str]()
        if native:
            caller = asyncio.create_task(owned.run(take(5, done)))
            await settle()
            caller.cancel()
            await asyncio.gather(caller, return_exceptions=True)
        else:
            with anyio.move_on_after(1):
                await owned.run(take(5, done))
        assert done == []
        assert "1 running" in repr(owned)
        await owned.aclose()
        assert done == ["done"]

    check()


@virtual_time
async def test_the_grace_ends() -> None:
    owned, done = OwnedTasks(grace=3), list[str]()
    caller = asyncio.create_task(owned.run(take(100, done)))
    await settle()
    begun = now()
    await owned.aclose()
    assert done == ["cancelled"]
    assert now() - begun == pytest.approx(3, abs=0.01)
    await asyncio.gather(caller, return_exceptions=True)


@virtual_time
async def test_leaving_in_a_hurry_leaves_no_task_behind() -> None:
    owned, done = OwnedTasks(), list[str]()
    caller = asyncio.create_task(owned.run(take(100, done)))
    await settle()
    closing = asyncio.create_task(owned.aclose())
    await settle()
    closing.cancel()
    await asyncio.gather(closing, caller, return_exceptions=True)
    assert done == ["cancelled"]


MARK = "0123456789ab.part"


@pytest.mark.parametrize(
    ("name", "is_mine"),
    [
        (f".a.edit-1.jpg.{MARK}", True),
        (f".a.edit-12.png.{MARK}", True),
        (f".a.edit-1-2.jpg.{MARK}", True),
        (f".ab.edit-1.jpg.{MARK}", False),
        (f".a.edit-1.edit-1.jpg.{MARK}", False),
        (f".a.enhance-1.jpg.{MARK}", False),
        ("a.edit-1.jpg", False),
    ],
)
def test_leftovers_go_with_their_item(tmp_path: Path, name: str, *, is_mine: bool) -> None:
    folder = tmp_path / "sub"
    folder.mkdir()
    (folder / name).touch()
    leftovers = Leftovers(tmp_path)
    assert leftovers.remove(tmp_path / "elsewhere" / "a.edit-1") == 0
    assert leftovers.remove(folder / "a.edit-1") == is_mine
    assert leftovers.remove(folder / "a.edit-1") == 0
    assert (folder / name).exists() is not is_mine


def test_leftovers_with_long_names_are_known_by_what_is_left_of_them(tmp_path: Path) -> None:
    stem = "x" * 120
    (tmp_path / f".{stem[:MAX_PART_NAME]}.{MARK}").touch()
    assert Leftovers(tmp_path).remove(tmp_path / f"{stem}.edit-1") == 1


def test_what_is_written_later_is_alive(tmp_path: Path) -> None:
    leftovers = Leftovers(tmp_path)
    (tmp_path / f".a.edit-1.jpg.{MARK}").touch()
    assert leftovers.remove(tmp_path / "a.edit-1") == 0
