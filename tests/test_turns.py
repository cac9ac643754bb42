"""Places go to whoever waits longest, paid calls first; none is lost to whoever gives up. See `test_limiter` too."""

import asyncio

import pytest
from support.virtual_time import settle, virtual_time

from phota_async.turns import FREE, MOST_IN_A_ROW, PAID, Turns


async def queue(turns: Turns, names: list[tuple[str, int]], order: list[str]) -> "list[asyncio.Task[None]]":
    async def take(name: str, priority: int) -> None:
        await turns.take(priority)
        order.append(name)

    tasks = [asyncio.create_task(take(*each)) for each in names]
    await settle()
    return tasks


@virtual_time
async def test_paid_ones_go_first_and_a_free_one_comes_through() -> None:
    turns, order = Turns(1), list[str]()
    await turns.take(PAID)
    names = [("free", FREE), *((f"paid {number}", PAID) for number in range(MOST_IN_A_ROW + 2))]
    tasks = await queue(turns, names, order)
    assert repr(turns) == f"<Turns 1/1 running, {len(tasks)} waiting>"
    for _ in tasks:
        turns.give_back()
        await settle()
    paid = [name for name, priority in names if priority == PAID]
    assert order == [*paid[:MOST_IN_A_ROW], "free", *paid[MOST_IN_A_ROW:]]
    turns.give_back()
    assert (turns.running, turns.waiting()) == (0, 0)


@virtual_time
async def test_nobody_overtakes_who_waits() -> None:
    turns, order = Turns(1), list[str]()
    assert turns.take_nowait()
    assert not turns.take_nowait()
    tasks = await queue(turns, [("waits", FREE)], order)
    turns.give_back()
    assert not turns.take_nowait()  # it is handed over already
    await asyncio.gather(*tasks)
    assert order == ["waits"]


@virtual_time
async def test_who_gives_up_is_passed_over_and_passes_on_what_was_handed_over() -> None:
    turns, order = Turns(1), list[str]()
    await turns.take(PAID)
    tasks = await queue(turns, [("a", PAID), ("b", PAID), ("c", PAID)], order)
    tasks[0].cancel()
    turns.give_back()
    tasks[1].cancel()  # in the moment in which it gets the place
    for each in tasks[:2]:
        with pytest.raises(asyncio.CancelledError):
            await each
    await tasks[2]
    assert order == ["c"]
    turns.give_back()
    assert turns.running == 0
