"""An answer that ends at any of its bytes: never taken for a whole one, nothing paid twice, nothing left over."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from support.clients import Connect, quick
from support.leftovers import check_nothing_left

from phota_async import GenerateRequest, ImageResult, Job, OutputImage, PhotaClient, ResponseLostError, RetryPolicy
from phota_async.media.sinks import MemorySink

from .shop import PHOTO, Shop, Wrap, cut, in_chunks, until_the_end, with_length
from .trial import Trial

LINKS = [f"https://photos.example/{number}.jpg" for number in range(10)]
Call = Callable[[PhotaClient, str], Awaitable[Any]]


async def download(client: PhotaClient, _: str) -> bytes:
    sink = MemorySink()
    await client._get_downloader().fetch(client.base_url.removesuffix("/v1/phota") + "/1.jpg?signature=s3cr3t", sink)
    return b"".join(sink.pieces)


CALLS: dict[str, Call] = {
    "sync": lambda client, mark: client.generate(mark),
    "create": lambda client, mark: client.profiles.create([f"https://photos.example/{mark}.jpg", *LINKS]),
    "submit": lambda client, mark: client.jobs.submit(GenerateRequest(prompt=mark)),
    "list": lambda client, _: client.profiles.list(),
    "job": lambda client, _: client.jobs.get("job-0"),
    "picture": lambda client, _: client.profiles.picture("anna"),
    "download": download,
}
ENDLESS = quick(retry=RetryPolicy(backoff=0, tokens=10**9))  # each input is a retry
ONCE = ("sync", "create")  # what is never sent again
WIRES: dict[str, tuple[Wrap, bool]] = {
    "length, closed": (with_length, False),
    "length, reset": (with_length, True),
    "chunks, closed": (in_chunks, False),
    "no length, closed": (until_the_end, False),
}


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("call", CALLS)
async def test_an_answer_that_ends_at_any_byte(fault: Trial, connect: Connect, call: str, wire: str) -> None:
    async with Shop() as shop:
        shop.prompts["job-0"] = "a sea"
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


def is_right(outcome: object) -> bool:
    """Whether a call brought all that it should."""
    match outcome:
        case bytes():
            return outcome == PHOTO
        case OutputImage():
            return outcome.data == PHOTO
        case Job():
            return outcome.job_id.startswith("job-")
        case ImageResult():
            return [image.data for image in outcome.images] == [PHOTO]
    return outcome == []
