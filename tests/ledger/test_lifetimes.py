"""A batch that is cut off while it opens, or as it ends, leaves its ledger to the next one."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from support.clients import QUICK
from support.steps import SteppingLoop, every_step

from phota_async import Batch, Budget, PhotaClient
from phota_async.ledger import Ledger
from phota_async.ledger.lock import OwnerLock
from phota_async.ledger.view import LedgerView

NOWHERE = "http://127.0.0.1:9/v1/phota"


async def _nothing_to_do(ledger: Any, output: Path, **options: Any) -> None:
    client = PhotaClient("k", NOWHERE, config=QUICK)
    async with Batch(client, [], ledger=ledger, output=output, budget=Budget(usd=1), **options) as outcomes:
        assert [each async for each in outcomes] == []


def test_its_own_ledger_is_free_again(tmp_path: Path) -> None:
    path, cuts = tmp_path / "ledger.sqlite", 0

    async def flow(loop: SteppingLoop) -> None:
        await loop.cut(_nothing_to_do(path, tmp_path))

    for loop in every_step(flow):
        cuts += loop.was_cut
        lock = OwnerLock(path)
        lock.acquire()
        lock.release()
    assert cuts > 5


def test_a_lent_ledger_takes_a_batch_of_its_name_again(tmp_path: Path) -> None:
    ledger, cuts = Ledger(tmp_path / "ledger.sqlite"), 0
    with asyncio.Runner() as runner:
        runner.run(ledger.__aenter__())

    async def flow(loop: SteppingLoop) -> None:
        await loop.cut(_nothing_to_do(ledger, tmp_path))
        await _nothing_to_do(ledger, tmp_path)

    for loop in every_step(flow):
        cuts += loop.was_cut
    ledger.close()
    assert cuts > 5


async def test_a_dry_run_that_cannot_begin_closes_what_it_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Ledger(tmp_path / "ledger.sqlite"):
        pass
    closed: list[LedgerView] = []
    real = LedgerView.close

    def close(view: LedgerView) -> None:
        closed.append(view)
        real(view)

    async def breaks(*_: object) -> int:
        raise asyncio.CancelledError

    monkeypatch.setattr(LedgerView, "committed", breaks)
    monkeypatch.setattr(LedgerView, "close", close)
    with pytest.raises(asyncio.CancelledError):
        await _nothing_to_do(tmp_path / "ledger.sqlite", tmp_path, dry_run=True)
    assert [repr(view).endswith("closed>") for view in closed] == [True]
