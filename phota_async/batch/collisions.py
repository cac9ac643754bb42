"""Find items that share a place before anything is sent, where the items can be read twice."""

import asyncio
import re
import unicodedata
from array import array
from collections.abc import Collection, Iterator
from contextlib import suppress
from itertools import islice, pairwise
from pathlib import Path

from .. import threads
from ..errors import InputError, shorten
from ..media.formats import KNOWN_SUFFIXES
from ..requests import AnyRequest
from .items import BatchItem
from .puller import Items
from .templates import Names

SIMPLE = re.compile(r"[a-z0-9_-][a-z0-9_ .-]*(?<![ .])(/[a-z0-9_-][a-z0-9_ .-]*(?<![ .]))*", re.IGNORECASE | re.ASCII)
AT_ONCE = 1000  # items looked at before the loop may breathe: 2 ms
BUCKETS = 64  # marks are sorted in parts of this many, so that few of them are Python's integers at once


async def check_places(items: Items, output: Path | None, names: Names) -> None:
    """Raise `InputError` when two items of a collection go to one place; it names both.

    A million items take some 2 seconds, during which the event loop goes on, and 8 MB. What can be iterated only
    once, or has a key that is no name, is left to each item's turn.
    """
    if output is None or not isinstance(items, Collection):
        return
    buckets = [array("q") for _ in range(BUCKETS)]
    places = _places(items, names)
    while some := list(islice(places, AT_ONCE)):
        for _, place in some:
            mark = hash(place)
            buckets[mark % BUCKETS].append(mark)
        await asyncio.sleep(0)
    twins = await threads.run(_twins, buckets)
    if twins:
        _name_them(items, twins, output, names)


def place_of(item: BatchItem, names: Names) -> str | None:
    """Return what an item's place is on a system that ignores case; ``None`` for a key that is no name."""
    key, request = item.key, item.request
    if isinstance(key, str) and names.is_plain(item) and SIMPLE.fullmatch(key):  # nearly all, and five times as fast
        stem, dot, suffix = key.rpartition(".")
        simple = stem if dot and f".{suffix.lower()}" in KNOWN_SUFFIXES else key
        return f"{simple.lower()}.{request.operation}-1"
    try:
        target = names.target(Path(), item)
    except InputError:
        return None
    return unicodedata.normalize("NFC", target.as_posix()).casefold()


def _places(items: Collection[BatchItem], names: Names) -> Iterator[tuple[str, str]]:
    """Yield key and place of each item that has one. An iterator that fails is the batch's to tell of."""
    with suppress(Exception):
        for item in items:
            if isinstance(item, BatchItem) and isinstance(item.request, AnyRequest):
                place = place_of(item, names)
                if place is not None:
                    yield item.key, place


def _twins(buckets: Collection["array[int]"]) -> set[int]:
    """Return the marks that are there more than once."""
    return {one for bucket in buckets for one, other in pairwise(sorted(bucket)) if one == other}


def _name_them(items: Collection[BatchItem], twins: set[int], output: Path, names: Names) -> None:
    """Raise for the first two that share a place; equal marks alone prove nothing."""
    seen: dict[str, str] = {}
    for key, place in _places(items, names):
        if hash(place) not in twins:
            continue
        if place in seen:
            keys = f"{shorten(seen[place], 80)!r} and {shorten(key, 80)!r}"
            raise InputError(
                f"items: expected a place of its own for each, got {keys} for {output / place}"
            ).with_context(hint="rename one of them, or leave one out")
        seen[place] = key
