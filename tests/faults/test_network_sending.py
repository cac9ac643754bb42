"""A connection that breaks before, while or just after a request is sent: what left once leaves no second time."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from support.clients import Connect
from support.leftovers import check_nothing_left
from support.pictures import picture

from phota_async import EditRequest, Job, ResponseLostError

from .calls import CALLS, ENDLESS, ONCE, is_right
from .shop import Shop, cut, reset_within, whole
from .trial import Trial

PIECE = 2**16


@pytest.mark.parametrize("call", CALLS)
async def test_a_reset_within_the_head_of_a_request(fault: Trial, connect: Connect, shop: Shop, call: str) -> None:
    """From the moment of connecting on. Nobody can tell how much of it the service has read."""
    for at in range(0, 120, 3):
        client = connect(shop.peer, config=ENDLESS)
        shop.peer.doors = iter([at])
        before = shop.peer.connections
        outcome = await fault.end_of(CALLS[call](client, f"mark-{at}"))
        check_nothing_left(client)
        await client.aclose()
        if call in ONCE and not is_right(outcome):
            assert isinstance(outcome, ResponseLostError), at
            assert (outcome.charged, shop.sold[f"mark-{at}"]) == ("unknown", 0), at
            assert shop.peer.connections - before == 1
        else:
            assert is_right(outcome), (at, outcome)
            assert shop.peer.connections - before == 2

    fault.lost("paid_twice", shop.paid_twice)


WAYS = ("bytes", "path", "file")


@pytest.mark.parametrize("way", WAYS)
async def test_a_reset_within_the_photos_of_a_request(
    fault: Trial, connect: Connect, shop: Shop, tmp_path: Path, way: str
) -> None:
    """Sent again as a job, the photo comes from its beginning, whatever was read of it before."""
    photo = picture(16 * PIECE)
    path = tmp_path / "photo.jpg"
    path.write_bytes(photo)
    file = path.open("rb")
    given: Any = {"bytes": photo, "path": path, "file": file}[way]
    client = connect(shop.peer, config=ENDLESS)

    for at in range(0, 21 * PIECE, PIECE):
        shop.faults = iter([reset_within(at), whole])
        outcome = await fault.end_of(client.edit(photo, f"held-{at}"))
        assert isinstance(outcome, ResponseLostError), at
        assert (outcome.charged, shop.sold[f"held-{at}"]) == ("unknown", 0)

        shop.peer.requests.clear()
        shop.faults = iter([reset_within(at), whole])
        job = await fault.end_of(client.jobs.submit(EditRequest(images=[given], prompt=f"job-{at}")))
        broken, again = shop.peer.posts
        assert isinstance(job, Job), at
        assert again.body.startswith(broken.body)
        assert again.is_whole

    file.close()
    check_nothing_left(client)
    fault.lost("paid_twice", shop.paid_twice)


MOMENTS = {"before the answer": 0, "within its head": 0.2, "before its last byte": 0.999}


@pytest.mark.parametrize("call", CALLS)
async def test_a_kept_connection_that_is_closed_under_a_call(
    fault: Trial, connect: Connect, shop: Shop, call: str
) -> None:
    """At once, or at any moment of the next exchange on it."""
    client = connect(shop.peer, config=ENDLESS)

    for rst in (False, True):
        for moment, share in MOMENTS.items():
            mark = f"{moment} {rst}"
            assert is_right(await fault.end_of(CALLS[call](client, f"{mark} kept")))
            shop.faults = iter([cut(int(share * shop.length), rst=rst)])
            connections = shop.peer.connections
            outcome = await fault.end_of(CALLS[call](client, mark))
            lost = isinstance(outcome, ResponseLostError) and outcome.charged == "unknown"
            assert lost if call in ONCE else is_right(outcome), mark
            assert shop.sold[mark] <= 1
            assert shop.peer.connections == connections + (call not in ONCE)

    check_nothing_left(client)
    fault.lost("paid_twice", shop.paid_twice)


@pytest.mark.parametrize("rst", [False, True])
@pytest.mark.parametrize("call", CALLS)
async def test_a_kept_connection_that_is_closed_between_two_calls(
    fault: Trial, connect: Connect, shop: Shop, call: str, rst: bool
) -> None:
    """The service hangs up as soon as it has answered; the next call comes after any number of the loop's turns."""
    client = connect(shop.peer, config=ENDLESS)

    for turns in range(12):
        shop.faults = iter([cut(10**6, rst=rst)])  # the whole answer, and then the end
        first = await fault.end_of(CALLS[call](client, f"first {turns}"))
        assert is_right(first) or (rst and isinstance(first, ResponseLostError)), turns
        for _ in range(turns):
            await asyncio.sleep(0)
        outcome = await fault.end_of(CALLS[call](client, f"second {turns}"))
        lost = isinstance(outcome, ResponseLostError) and outcome.charged == "unknown" and call in ONCE
        assert is_right(outcome) or lost, (turns, outcome)

    check_nothing_left(client)
    fault.lost("paid_twice", shop.paid_twice)
