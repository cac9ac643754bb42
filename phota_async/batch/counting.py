"""Count what a batch comes to before it begins, where its items can be read twice."""

import asyncio
from collections.abc import Collection
from itertools import islice

from .items import BatchItem
from .parts import are_sent_apart
from .puller import Items

AT_ONCE = 1000  # items looked at before the loop may breathe: 2 ms


async def count_parts(items: Items, *, one_request: bool) -> int | None:
    """Return how many purchases the items are, should nobody be missing in what comes.

    Returns:
        ``None`` where the items can be iterated only once; an iterator that fails is the batch's to tell of.
    """
    if not isinstance(items, Collection):
        return None
    try:
        each, count = iter(items), 0
        while some := list(islice(each, AT_ONCE)):
            count += sum(_parts(item, one_request=one_request) for item in some)
            await asyncio.sleep(0)
    except Exception:  # noqa: BLE001 - whatever the user's iterator raises
        return None
    return count


def _parts(item: BatchItem, *, one_request: bool) -> int:
    return item.request.num_output_images if not one_request and are_sent_apart(item.request) else 1
