"""How many purchases a batch comes to, where that can be known before it begins."""

from collections.abc import Iterator
from typing import Any

import pytest

from phota_async import BatchItem, EditRequest, GenerateRequest
from phota_async.batch.counting import count_parts

PEOPLE = BatchItem("a", EditRequest(images=["a.jpg"], prompt="a", profile_ids=["p"], num_output_images=3))
PLAIN = BatchItem("b", GenerateRequest(prompt="b", num_output_images=2))


class Failing(list[BatchItem]):
    def __iter__(self) -> Iterator[BatchItem]:
        yield PLAIN
        raise ZeroDivisionError


@pytest.mark.parametrize(
    ("items", "one_request", "count"),
    [
        ([PEOPLE, PLAIN], False, 4),
        ([PEOPLE, PLAIN], True, 2),
        ((PLAIN,) * 2500, False, 2500),
        ([], False, 0),
        (iter([PLAIN]), False, None),
        (Failing(), False, None),
        (["no item"], False, None),
    ],
)
async def test_parts_are_counted_where_items_can_be_read_twice(
    items: Any, one_request: bool, count: int | None
) -> None:
    assert await count_parts(items, one_request=one_request) == count
