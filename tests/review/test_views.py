"""What the page is told of money and of people."""

from decimal import Decimal
from pathlib import Path

import pytest
from support.reviews import record_with

from phota_async.review.items import ReviewItem
from phota_async.review.pictures import Pictures
from phota_async.review.views import money, price_of
from phota_async.runs import Cost, Identity, ItemRecord, OutputRecord, RunFolder


@pytest.fixture
def pictures(tmp_path: Path) -> Pictures:
    return Pictures(RunFolder.create(tmp_path, operation="edit"))


def record(*recognised: dict[str, int] | None, settled: str | None = "0.60", expected: bool = True) -> ItemRecord:
    outputs = tuple(OutputRecord(path=f"{number}.jpg", recognised=each) for number, each in enumerate(recognised))
    identity = Identity(expected=("mia",) if expected else ())
    cost = Cost(settled=None if settled is None else Decimal(settled))
    return record_with(None, "a", [], outputs=outputs, identity=identity, cost=cost)


@pytest.mark.parametrize(
    ("made", "price"),
    [
        (record({"mia": 1}, {"mia": 2}, settled="0.30"), "0.15"),
        (record({"mia": 0}, {}, settled="0.24"), "0.12"),
        (record({"mia": 1}, {}, settled="0.27"), None),  # 0.15 and 0.12, and the record does not say so
        (record(None, None, settled="0.27"), None),
        (record(None, None, settled="0.24", expected=False), "0.12"),
        (record(None, settled="0.15"), "0.15"),
        (record({"mia": 1}, settled=None), None),
        (record({"mia": 1}, settled="0"), None),  # it was there already: what it cost was told then
    ],
)
def test_a_variations_price_is_told_where_it_is_known(made: ItemRecord, price: str | None, pictures: Pictures) -> None:
    item = ReviewItem(0, made, pictures)
    assert {price_of(variation) for variation in item.variations} == {None if price is None else Decimal(price)}


def test_who_is_missing_is_known_only_where_somebody_told(pictures: Pictures) -> None:
    item = ReviewItem(0, record({"mia": 1}, {"tom": 1}, None), pictures)
    assert [variation.missing for variation in item.variations] == [(), ("mia",), ()]


def test_of_a_single_picture_the_items_identity_is_its_own(pictures: Pictures) -> None:
    made = record_with(None, "a", [], outputs=(OutputRecord(path="a.jpg"),), identity=Identity(recognised={"mia": 1}))
    assert ReviewItem(0, made, pictures).variations[0].recognised == {"mia": 1}


def test_money_reads_as_people_write_it() -> None:
    assert money(Decimal("0.1")) == "$0.10"
    assert money(Decimal("1234.5")) == "$1,234.50"
    assert money(None) == ""
