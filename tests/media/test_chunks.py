"""A body is read to its end, also where there is none."""

import signal
from collections.abc import Iterator
from typing import Any

import pytest
from support.clients import Connect, Listen
from support.peer import raw

from phota_async import PhotaError


@pytest.fixture
def alarm() -> Iterator[None]:
    """End a test that never gives the loop a turn: no timeout of the loop's own could."""

    def ring(*_: Any) -> None:
        raise AssertionError("the event loop stands still")

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, 5)
    yield
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


@pytest.mark.usefixtures("alarm")
@pytest.mark.parametrize("status", [101, 204, 304])
async def test_answers_without_a_body_hold_nobody(listen: Listen, connect: Connect, status: int) -> None:
    """Several, since aiohttp lets them share one object that remembers that it was read."""
    peer = await listen(raw(b"HTTP/1.1 %d Nothing\r\n\r\n" % status))
    client = connect(peer)

    for _ in range(2):
        with pytest.raises(PhotaError):
            await client.profiles.list()
        with pytest.raises(PhotaError):
            await client.profiles.picture("anna")
    if status == 204:
        await client.profiles.delete("anna")
