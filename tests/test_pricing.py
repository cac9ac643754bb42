"""A forecast is a range where prices are published, and None where they are not."""

from decimal import Decimal
from typing import Any

import pytest

from phota_async import BatchItem
from phota_async.errors import InputError
from phota_async.pricing import PUBLISHED, Price, PriceTable, estimate, named_subjects, names_subjects, spent
from phota_async.requests import AnyRequest, EditRequest, EnhanceRequest, GenerateRequest, RemixRequest

OWN = PriceTable(
    date="2026-01-01",
    images={
        "edit": Price(Decimal("0.10"), Decimal("0.20")),
        "edit/nb2/4K": Price(Decimal("0.30"), Decimal("0.40")),
        "generate/reve/1K": Price(Decimal("0.05"), Decimal("0.05")),
        "enhance": Price(Decimal("0.12"), Decimal("0.15")),
    },
    training={"standard": Decimal("2.90")},
)


def edit(**fields: Any) -> AnyRequest:
    return EditRequest(images=("a",), **fields)


def enhance(**fields: Any) -> AnyRequest:
    return EnhanceRequest(image="a", **fields)


def remix(**fields: Any) -> AnyRequest:
    return RemixRequest(input_image="a", reference_image="b", **fields)


def test_the_published_prices() -> None:
    assert PUBLISHED.images == {
        "enhance": Price(Decimal("0.12"), Decimal("0.15")),
        "remix": Price(Decimal("0.12"), Decimal("0.15")),
    }
    assert PUBLISHED.training == {"standard": Decimal("2.90"), "fast": Decimal("1.49")}
    assert len(PUBLISHED.date) == len("2026-01-01")


@pytest.mark.parametrize("make", [enhance, remix])
@pytest.mark.parametrize(
    ("fields", "low", "high"),
    [
        ({}, "0.12", "0.12"),
        ({"num_output_images": 4}, "0.48", "0.48"),
        ({"profile_ids": ["p1"]}, "0.12", "0.15"),
        ({"profile_ids": ["p1", "p2"], "num_output_images": 3}, "0.36", "0.45"),
        ({"prompt": "[[p1]] in warm light"}, "0.12", "0.15"),
        ({"prompt": "warm light"}, "0.12", "0.12"),
    ],
)
def test_without_and_with_everybody_recognised(make: Any, fields: dict[str, Any], low: str, high: str) -> None:
    assert estimate(make(**fields)) == (Decimal(low), Decimal(high))


@pytest.mark.parametrize(
    "request_",
    [edit(), GenerateRequest(prompt="x"), edit(base_model="gpt-image-2"), GenerateRequest(base_model="reve")],
)
def test_where_no_price_is_published(request_: AnyRequest) -> None:
    assert estimate(request_) == (None, None)


def test_many_requests_add_up() -> None:
    requests = [enhance(), remix(profile_ids=["p1"]), enhance(num_output_images=2)]
    assert estimate(requests) == (Decimal("0.48"), Decimal("0.51"))
    assert estimate(iter(requests)) == (Decimal("0.48"), Decimal("0.51"))


def test_one_unknown_price_makes_the_sum_unknown() -> None:
    assert estimate([enhance(), edit()]) == (None, None)


def test_items_of_a_batch_hold_requests() -> None:
    items = [BatchItem("a", enhance()), BatchItem("b", remix(profile_ids=["p1"]))]
    assert estimate(items) == (Decimal("0.24"), Decimal("0.27"))
    assert estimate(items[0]) == (Decimal("0.12"), Decimal("0.12"))


@pytest.mark.parametrize("wrong", [None, "edit", ["edit"], {"prompt": "x"}, 7, [enhance(), None]])
def test_what_is_no_request(wrong: Any) -> None:
    with pytest.raises(InputError, match="requests: expected requests or items of a batch, got"):
        estimate(wrong)


def test_a_prompt_that_was_not_validated_names_nobody() -> None:
    request = edit(prompt=7, profile_ids=["p1", 7])
    assert named_subjects(request) == ("p1",)
    assert names_subjects(request)


def test_nothing_costs_nothing() -> None:
    assert estimate([]) == (Decimal(0), Decimal(0))


def test_sums_are_exact() -> None:
    assert estimate([enhance()] * 1000) == (Decimal("120.00"), Decimal("120.00"))


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (edit(), ("0.10", "0.10")),
        (edit(resolution="4K"), ("0.30", "0.30")),  # the nearer entry goes first
        (edit(resolution="4K", profile_ids=["p1"]), ("0.30", "0.40")),
        (edit(base_model="reve"), ("0.10", "0.10")),
        (GenerateRequest(base_model="reve", prompt="[[p1]]"), ("0.05", "0.05")),
    ],
)
def test_a_table_of_ones_own(request_: AnyRequest, expected: tuple[str, str]) -> None:
    assert estimate(request_, prices=OWN) == tuple(map(Decimal, expected))


def test_an_own_table_may_have_gaps() -> None:
    assert estimate(GenerateRequest(prompt="x"), prices=OWN) == (None, None)
    assert estimate(remix(), prices=OWN) == (None, None)


@pytest.mark.parametrize(
    ("counts", "images", "cost"),
    [
        ({}, 2, "0.24"),
        ({"p1": 1}, 2, "0.27"),
        ({"p1": 2}, 2, "0.30"),
        ({"p1": 5}, 2, "0.30"),  # three faces in a picture mark one picture
        ({"p1": 1, "p2": 1}, 2, "0.27"),
        ({"p1": 0}, 2, "0.24"),
        ({"p1": 1}, 0, "0.00"),
    ],
)
def test_what_a_finished_request_cost(counts: dict[str, int], images: int, cost: str) -> None:
    assert spent(enhance(num_output_images=4), counts, images, PUBLISHED) == Decimal(cost)


def test_what_an_unpriced_request_cost_is_not_known() -> None:
    assert spent(edit(), {}, 1, PUBLISHED) is None


@pytest.mark.parametrize(
    ("prompt", "ids", "named"),
    [
        ("no one", [], ()),
        ("[[p1]] and [[p2]]", [], ("p1", "p2")),
        ("[[p1]] and [[ p1 ]]", [], ("p1",)),
        ("[[p1]]", ["p2", "p1"], ("p2", "p1")),
        ("", ["p1"], ("p1",)),
        ("[[]] [[ ]]", [], ()),
        ("[[open", [], ()),
        ("]] [[p1]]", [], ("p1",)),
    ],
)
def test_who_is_named(prompt: str, ids: list[str], named: tuple[str, ...]) -> None:
    assert named_subjects(edit(prompt=prompt, profile_ids=ids)) == named


@pytest.mark.parametrize(
    ("request_", "named"),
    [
        (GenerateRequest(prompt="[[p1]]"), True),
        (GenerateRequest(prompt="x"), False),
        (enhance(profile_ids=["p1"]), True),
        (enhance(prompt=None), False),
        (edit(prompt="[[open"), True),  # the service decides: the upper bound counts it
    ],
)
def test_whether_anybody_is_named(request_: AnyRequest, named: bool) -> None:
    assert names_subjects(request_) is named


def test_a_request_without_a_prompt_names_nobody() -> None:
    assert named_subjects(enhance(prompt=None)) == ()
