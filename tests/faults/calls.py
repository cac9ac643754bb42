"""One call of each kind that the law on retries tells apart, and what each brings from the shop."""

import re
from collections.abc import Awaitable, Callable
from typing import Any

from support.clients import quick

from phota_async import GenerateRequest, ImageResult, Job, OutputImage, PhotaClient, RetryPolicy
from phota_async.media.sinks import MemorySink

from .shop import PHOTO

LINKS = [f"https://photos.example/{number}.jpg" for number in range(10)]
Call = Callable[[PhotaClient, str], Awaitable[Any]]
"""Takes a mark, under which the shop books what it sells."""


async def download(client: PhotaClient, _: str = "") -> bytes:
    """Fetch a link of the service's own origin into memory."""
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
ONCE = ("sync", "create")  # what is never sent again once a byte of it has left
PAID = (*ONCE, "submit")
ENDLESS = quick(retry=RetryPolicy(backoff=0, tokens=10**9))  # where each input is a retry


RIGHT: dict[type, Callable[[Any], bool]] = {
    bytes: lambda found: bool(found == PHOTO),
    OutputImage: lambda found: found.data == PHOTO,
    ImageResult: lambda found: [image.data for image in found.images] == [PHOTO],
    Job: lambda found: found.job_id.startswith("job-"),
    str: lambda found: re.fullmatch(r"p\d+", found) is not None,  # a new profile's id
    list: lambda found: all(each.profile_id != "stranger" for each in found),
}


def is_right(outcome: object) -> bool:
    """Whether a call brought what the shop has."""
    check = RIGHT.get(type(outcome))
    return check is not None and check(outcome)
