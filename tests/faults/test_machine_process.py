"""What a process does to a client: it forks, closes its loop too early, runs out of file descriptors."""

from typing import Any

import msgspec
from support import batch_program
from support.folders import tree
from support.memory import folder_in_memory
from support.processes import run_program
from support.till import Till

from .trial import Trial

COUNT = batch_program.COUNT

FORK = """
    import asyncio, os, sys
    from pathlib import Path
    from support import batch_program
    from support.clients import quick
    from support.till import Till
    from phota_async import Batch, GenerateRequest, LedgerError, PhotaClient
    from phota_async.ledger import Ledger

    folder = Path(sys.argv[1])
    CARRY = {"metadata": "none", "mark": False}

    async def child(client, ledger):
        try:
            await ledger.enter("another batch")
        except LedgerError as error:
            assert "before a fork" in str(error), error
        await client.generate("child")
        async with Batch(client, batch_program.items(), output=folder / "child", ledger=True, **CARRY) as ends:
            assert {end.status async for end in ends} == {"done"}
        await client.aclose()

    async def main():
        async with Till() as till, Ledger(folder / "ledger.sqlite") as ledger:
            client = PhotaClient("key", till.peer.url, config=quick())
            batch = Batch(client, batch_program.items(), output=folder / "parent", ledger=ledger, **CARRY)
            async with batch as ends:
                first = await anext(ends)  # connections, threads and a ledger are in use
                pid = os.fork()
                if pid == 0:
                    status = 70
                    try:
                        asyncio.set_event_loop(None)
                        asyncio._set_running_loop(None)
                        asyncio.run(child(client, ledger))
                        status = 0
                    finally:
                        os._exit(status)
                statuses = [first.status] + [end.status async for end in ends]
            _, ended = await asyncio.to_thread(os.waitpid, pid, 0)
            await client.generate("parent")
            await client.aclose()
            print(ended, sorted(set(statuses)), len(statuses), dict(till.sold))

    asyncio.run(main())
"""


async def test_a_forked_child_buys_for_itself_and_leaves_its_parent_alone(fault: Trial) -> None:
    """Both run the same batch at once, in the midst of which the child was made: it is bought once all the same."""
    fault.tried()
    with folder_in_memory() as folder:
        status, said, warned = await run_program(FORK, str(folder))
        sold = {f"item {number}": 1 for number in range(COUNT)}
        assert (status, warned) == (0, "")
        ended, _, rest = said.partition(" ")
        assert (ended, rest.partition("{")[0]) == ("0", f"['done'] {COUNT} ")
        assert msgspec.json.decode(rest[rest.index("{") :].replace("'", '"')) == sold | {"child": 1, "parent": 1}
        for name in ("parent", "child"):
            assert sum(".phota" not in each for each in tree(folder / name)) == COUNT


CLOSED = """
    import asyncio, sys
    from pathlib import Path
    from support import batch_program
    from phota_async import Batch, PhotaClient

    url, folder, how = sys.argv[1:]
    kept = []

    async def begin():
        client = PhotaClient("key", url, config=batch_program.CONFIG)
        batch = Batch(client, batch_program.items(), output=Path(folder), ledger=True, metadata="none", mark=False)
        kept.append((client, batch))
        ends = await batch.__aenter__()
        await anext(ends)

    loop = asyncio.new_event_loop()
    loop.run_until_complete(begin())
    if how == "closed":
        loop.close()
    if how == "finished":
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()
    print("at the end", flush=True)
"""


async def test_a_loop_that_is_closed_under_a_batch_loses_nothing(fault: Trial) -> None:
    """The program ends by itself, and what was bought is found by the next one."""
    for how in ("left", "closed", "finished"):
        fault.tried()
        with folder_in_memory() as folder:
            async with Till(looks=2) as till:
                status, said, warned = await run_program(CLOSED, till.peer.url, str(folder), how)
                assert (status, said) == (0, "at the end\n"), warned
                assert "Traceback" not in warned, warned
                assert 0 < till.sold.total() <= COUNT
                assert set(await batch_program.run(till.peer.url, folder)) <= {"done", "skipped"}
                fault.lost("paid_twice", till.sold.total() - COUNT)
                fault.lost("lost_results", COUNT - sum(".phota" not in name for name in tree(folder)))


FEW = """
    import asyncio, json, os, resource, sys
    from pathlib import Path
    from support import batch_program
    from phota_async import PhotaError

    url, folder = sys.argv[1:]

    async def once(spare):
        before, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (len(os.listdir("/proc/self/fd")) - 1 + spare, most))
        try:
            return await batch_program.run(url, Path(folder) / str(spare), name=str(spare), max_concurrency=6)
        except PhotaError as error:
            return [f"{type(error).__name__} {error.charged}"]
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (before, most))

    async def main():
        await batch_program.run(url, Path(folder) / "first", name="first")  # what is imported late is imported now
        return {spare: await once(spare) for spare in (0, 4, 9, 20, 40)}

    sys.stdout = open(os.devnull, "w")
    told = asyncio.run(main())
    sys.__stdout__.write(json.dumps(told))
"""


async def test_a_process_without_descriptors_reports_and_goes_on_later(fault: Trial) -> None:
    """With none to 40 to spare: what cannot be opened is an error of ours, and nothing is bought twice or lost."""
    with folder_in_memory() as folder:
        async with Till(looks=1) as till:
            status, said, warned = await run_program(FEW, till.peer.url, str(folder))
            assert status == 0, warned
            told: dict[str, Any] = msgspec.json.decode(said)
            assert "done" in {status for statuses in told.values() for status in statuses}
            assert "failed" in {status for statuses in told.values() for status in statuses}
            for spare, statuses in told.items():
                fault.tried()
                assert len(statuses) == COUNT or statuses == ["LedgerError no"], (spare, statuses)
                again = await batch_program.run(till.peer.url, folder / spare, name=spare)
                assert set(again) <= {"done", "skipped"}, (spare, again)
                fault.lost("lost_results", COUNT - sum(".phota" not in name for name in tree(folder / spare)))
            for times in till.sold.values():
                fault.lost("paid_twice", times - len(told) - 1)
