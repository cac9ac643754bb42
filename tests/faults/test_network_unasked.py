"""What comes on a connection unasked is never taken for the answer to the next call: it may be somebody else's."""

import asyncio

import pytest
from support.clients import Connect
from support.leftovers import check_nothing_left
from support.peer import Exchange
from support.pictures import image_answer, job_answer, picture

from phota_async import ResponseLostError

from .calls import CALLS, ENDLESS, ONCE, is_right
from .shop import JSON, Fault, Shop, Work, with_length
from .trial import Trial

STRANGER = picture(50, seed=7)
POISON = {
    "sync": with_length(200, image_answer(STRANGER), JSON),
    "create": with_length(200, b'{"profile_id": "stranger"}', JSON),
    "submit": with_length(202, job_answer("of a stranger"), JSON),
    "list": with_length(200, b'{"profiles": ["stranger"]}', JSON),
    "job": with_length(200, job_answer("of a stranger"), JSON),
    "picture": with_length(200, STRANGER, "image/jpeg"),
    "download": with_length(200, STRANGER, "image/jpeg"),
}
LATE = with_length(408, b"<html>Request Time-out</html>", "text/html")  # what some gateways say to an idle connection


def followed_by(more: bytes, said: asyncio.Event, wait: asyncio.Event) -> Fault:
    """Answer, and say more later, on a connection that stays open."""

    async def behave(exchange: Exchange, work: Work) -> None:
        await exchange.body()
        await exchange.send(work())
        await wait.wait()
        await exchange.send(more)
        said.set()

    return behave


@pytest.mark.parametrize("is_late", [False, True], ids=["with the answer", "when the connection lies idle"])
@pytest.mark.parametrize("what", ["another answer", "a late 408", "the start of an answer", "nonsense"])
@pytest.mark.parametrize("call", CALLS)
async def test_the_next_call_gets_its_own_answer(
    fault: Trial, connect: Connect, shop: Shop, call: str, what: str, is_late: bool
) -> None:
    said, wait = asyncio.Event(), asyncio.Event()
    more = {"another answer": POISON[call], "a late 408": LATE, "the start of an answer": POISON[call][:40]}
    shop.faults = iter([followed_by(more.get(what, b"nonsense\r\n\r\n"), said, wait)])
    client = connect(shop.peer, config=ENDLESS)
    if not is_late:
        wait.set()

    first = await fault.end_of(CALLS[call](client, "first"))
    wait.set()
    await said.wait()
    for _ in range(5):  # the loop reads what lies in its sockets
        await asyncio.sleep(0)
    second = await fault.end_of(CALLS[call](client, "second"))

    assert is_right(first) or (call in ONCE and isinstance(first, ResponseLostError))
    assert is_right(second)
    check_nothing_left(client)
    fault.lost("paid_twice", shop.paid_twice)
