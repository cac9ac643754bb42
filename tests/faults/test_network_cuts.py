"""An answer that ends at any of its bytes: never taken for a whole one, nothing paid twice, nothing left over."""

import pytest
from support.clients import Connect
from support.leftovers import check_nothing_left

from phota_async import ResponseLostError

from .calls import CALLS, ENDLESS, ONCE, is_right
from .shop import Shop, Wrap, cut, in_chunks, until_the_end, with_length
from .trial import Trial

WIRES: dict[str, tuple[Wrap, bool]] = {
    "length, closed": (with_length, False),
    "length, reset": (with_length, True),
    "chunks, closed": (in_chunks, False),
    "no length, closed": (until_the_end, False),
}


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("call", CALLS)
async def test_an_answer_that_ends_at_any_byte(
    fault: Trial, connect: Connect, shop: Shop, call: str, wire: str
) -> None:
    shop.wrap, rst = WIRES[wire]
    client = connect(shop.peer, config=ENDLESS)
    await CALLS[call](client, "whole")

    for at in range(shop.length):
        shop.faults = iter([cut(at, rst=rst)])
        before = len(shop.peer.requests)
        outcome = await fault.end_of(CALLS[call](client, f"mark-{at}"))
        sent = len(shop.peer.requests) - before
        if call in ONCE:
            assert isinstance(outcome, ResponseLostError), at
            assert (outcome.charged, sent) == ("unknown", 1), at
        else:
            assert is_right(outcome), (at, outcome)
            assert sent == 2, at

    check_nothing_left(client)
    fault.lost("paid_twice", shop.paid_twice)
