"""When a process gives signs of life, whatever keeps the ledger."""

import asyncio
from typing import Any, cast

from support.virtual_time import virtual_time

from phota_async.errors import LedgerError
from phota_async.ledger.database import Database, end
from phota_async.ledger.presence import BEAT, LEAVE, Presence


class Server:
    """Notes when it was told what, and is away at times."""

    def __init__(self) -> None:
        self.heard: list[tuple[float, str, list[int]]] = []
        self.is_away = False
        self.is_slow = asyncio.Event()
        self.is_slow.set()

    async def one(self, statement: str, values: Any, *, patience: float | None = None) -> None:
        names = {BEAT: "beat", LEAVE: "leave"}
        if statement in names:
            assert patience == 0.0
            self.heard.append((asyncio.get_running_loop().time() - 1000.0, names[statement], list(values[-1])))
            await self.is_slow.wait()
        if self.is_away:
            raise LedgerError("away")

    async def run(self, *_: object, **__: object) -> None: ...

    def told(self, name: str) -> list[float]:
        return [round(at, 1) for at, what, _ in self.heard if what == name]


def presence_at(server: Server) -> Presence:
    return Presence(cast("Database", server), ttl=30.0)


@virtual_time
async def test_a_sign_of_life_that_was_not_heard_is_given_again_soon() -> None:
    server = Server()
    presence = presence_at(server)
    presence.join("b")
    living = asyncio.create_task(presence.live())
    await asyncio.sleep(15.0)
    server.is_away = True
    await asyncio.sleep(7.5)
    server.is_away = False
    await asyncio.sleep(15.0)
    assert server.told("beat") == [10.0, 20.0, 21.0, 22.0, 23.0, 33.0]
    await end(living)


@virtual_time
async def test_the_end_of_a_run_comes_behind_the_sign_of_life_that_names_it() -> None:
    server = Server()
    presence = presence_at(server)
    run = presence.join("b")
    with presence.taking(run, "p"):
        living = asyncio.create_task(presence.live())
        await asyncio.sleep(9.0)
        server.is_slow.clear()
        await asyncio.sleep(2.0)
        await presence.leave("b", [run])  # nobody waits for a server that does not answer
        assert [name for _, name, _ in server.heard] == ["beat"]
        server.is_slow.set()
        await asyncio.sleep(1.0)
    assert [name for _, name, _ in server.heard] == ["beat", "leave"]
    assert server.heard[1][2] == [run]
    await end(living)


@virtual_time
async def test_ends_that_were_not_heard_are_told_again_and_no_other_is_lost() -> None:
    server = Server()
    presence = presence_at(server)
    first, second = presence.join("b"), presence.join("b")
    living = asyncio.create_task(presence.live())
    server.is_away = True
    with presence.taking(first, "p"):
        await presence.leave("b", [first])
    server.is_away = False
    await presence.leave("b", [second])  # which held nothing
    await asyncio.sleep(10.5)
    assert [(name, sorted(runs)) for _, name, runs in server.heard] == [
        ("leave", [first]),
        ("leave", sorted([first, second])),
    ]
    await end(living)
