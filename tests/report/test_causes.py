"""Why somebody is probably missing, what to do about it, and the numbers at the head."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from support.sheets import MIA, NAMES, OTTO, row, save_photo

from phota_async.report import SheetRow, contact_sheet
from phota_async.report.cards import cards_of
from phota_async.report.causes import UNSEEN, likely_causes
from phota_async.report.later import AT_ONCE, SHELF, Later
from phota_async.report.rows import SheetPhoto
from phota_async.report.shrinking import Thumbnail, thumbnail
from phota_async.report.summary import Fact, Person, facts, kinds, people, to_do
from phota_async.report.wording import next_step, price_words, what_happened


def small(size: tuple[int, int] | None = (1600, 1200), brightness: float = 0.5) -> Thumbnail:
    return Thumbnail(
        data_uri="data:image/jpeg;base64,AA==",
        width=4,
        height=3,
        original="",
        original_size=size,
        weight="",
        brightness=brightness,
    )


def missed(*, candidates: tuple[str, ...] | None = (MIA,), **fields: Any) -> SheetRow:
    return row(expected=(MIA,), candidates=candidates, **fields)


def words(each: SheetRow, *sources: Thumbnail) -> list[str]:
    return [cause.words for cause in likely_causes(each, MIA, sources)]


# Causes


def test_nothing_is_said_where_nothing_shows() -> None:
    assert words(missed(), small()) == []
    assert words(missed(candidates=None), small(size=None)) == []
    assert words(missed()) == []


def test_a_profile_that_was_not_passed_comes_first() -> None:
    [cause] = likely_causes(missed(candidates=(OTTO,), operation="enhance"), MIA, [])
    assert cause.words == "not passed to be matched: only the prompt names it"
    assert cause.advice == "name it as a person of the request: --person, in Python profile_ids"
    assert cause.source == "docs.photalabs.com/guides/profiles"


@pytest.mark.parametrize(("others", "is_said"), [(2, False), (3, True)])
def test_many_candidates_are_a_cause(others: int, is_said: bool) -> None:
    candidates = (MIA, *(f"prof_{number}" for number in range(others)))
    assert words(missed(candidates=candidates)) == (["4 candidates were passed, and fewer match better"] * is_said)


def test_small_and_dark_photos_are_causes() -> None:
    assert words(missed(), small((640, 480), 0.1)) == [
        "the photo has only 640\N{MULTIPLICATION SIGN}480 pixels, so a face in it is small",
        "the photo is dark: 10% of full brightness",
    ]


def test_of_several_photos_the_best_one_counts() -> None:
    assert words(missed(), small((640, 480), 0.1), small()) == []
    assert words(missed(), small((640, 480)), small(size=None)) == []


def test_the_brightness_is_measured(tmp_path: Path) -> None:
    dark, bright = (thumbnail(save_photo(tmp_path / f"{each}.jpg", colour=each), 40) for each in ("#1a1a1a", "white"))
    assert dark is not None
    assert bright is not None
    assert 0.05 < dark.brightness < 0.15
    assert bright.brightness > 0.99
    assert dark.original_size == (64, 48)


async def test_a_card_says_why_and_what_next(tmp_path: Path) -> None:
    dark = save_photo(tmp_path / "dark.jpg", (1200, 900), "#101010")
    good = save_photo(tmp_path / "good.jpg", (1200, 900), "white")
    rows = [
        row("one", expected=(MIA,), sources=(dark,), candidates=(MIA,)),
        row("two", expected=(MIA,), sources=(good,), candidates=(MIA,)),
    ]
    page = (await contact_sheet(rows, tmp_path / "sheet.html", names=NAMES)).read_text()
    assert "Likely why <bdi>Mia</bdi> is missing: the photo is dark: 6% of full brightness." in page
    assert "docs.photalabs.com/guides/best-practices" in page
    assert page.count(UNSEEN) == 2  # on its card and at the head


async def test_a_picture_says_who_is_not_in_it(tmp_path: Path) -> None:
    pictures = [save_photo(tmp_path / f"{number}.jpg") for number in (1, 2)]
    rows = [row(results=tuple(pictures), expected=(MIA,), found={MIA: 0}, recognised=({MIA: 1}, {}))]
    page = (await contact_sheet(rows, tmp_path / "sheet.html", names=NAMES)).read_text()
    assert page.count("without <bdi>Mia</bdi>") == 1
    assert page.index("1.jpg") < page.index("without <bdi>Mia</bdi>") < page.index("2.jpg, ")


# Advice


def test_the_hint_is_told_once() -> None:
    failed = row(status="failed", error="HTTP 503; try later", hint="try later")
    assert (what_happened(failed), next_step(failed)) == ("HTTP 503", "try later")


@pytest.mark.parametrize(
    ("status", "advice"), [("failed", "run the same again"), ("unknown", "resume"), ("budget", "cap")]
)
def test_without_a_hint_the_status_says_what_to_do(status: str, advice: str) -> None:
    assert advice in next_step(row(status=status))


@pytest.mark.parametrize("status", ["done", "skipped", "planned"])
def test_what_is_well_needs_nothing(status: str) -> None:
    assert next_step(row(status=status, hint="a hint")) == ""


def test_what_is_to_be_done_is_gathered() -> None:
    rows = [row(f"{n}", status="failed", hint="wait" if n % 3 else "pay") for n in range(6)]
    found = to_do(cards_of([*rows, row("well")], {}, Path("/")))
    assert [(each.advice, each.keys) for each in found] == [("wait", ["1", "2", "4", "5"]), ("pay", ["0", "3"])]


# Money and numbers


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"price_low": Decimal("0.12"), "price_high": Decimal("0.12")}, "$0.12"),
        (
            {"price_low": Decimal("0.12"), "price_high": Decimal("0.15"), "is_estimate": True},
            "$0.12\N{EN DASH}0.15 estimated",
        ),
        ({}, "no published price"),
        ({"status": "failed", "error": "?"}, "charge not known"),
        ({"status": "failed", "error": "?", "charged": "unknown", "price_high": Decimal(0)}, "charge not known"),
        ({"status": "failed", "error": "?", "charged": "refunded", "price_high": Decimal(0)}, "refunded"),
        ({"status": "budget", "error": "?", "charged": "no", "price_high": Decimal(0)}, "not charged"),
        ({"status": "skipped", "price_high": Decimal(0)}, "not charged"),
    ],
)
def test_a_price_reads_as_what_it_is(fields: dict[str, Any], expected: str) -> None:
    assert price_words(row(**fields)) == expected


def test_the_head_counts() -> None:
    price = {"price_low": Decimal("0.12"), "price_high": Decimal("0.15")}
    rows = [
        row("1", expected=(MIA, OTTO), found={MIA: 1}, **price),
        row("2", expected=(MIA,), found={MIA: 1}, results=(b"x", b"y"), **price),
        row("3", status="planned", is_estimate=True, expected=(MIA,), **price),
        row("4", status="unknown", error="lost", charged="unknown"),
    ]
    assert facts(rows) == [
        Fact("requests", "4"),
        Fact("pictures", "2"),
        Fact("not done", "1", "bad"),
        Fact("subjects recognised", "2 of 3", "odd"),
        Fact("published price, 2 of 3", "$0.24\N{EN DASH}0.30"),
        Fact("estimate for 1", "$0.12\N{EN DASH}0.15"),
        Fact("charge not known", "1", "odd"),
    ]
    assert people(rows) == [Person(OTTO, 0, 1), Person(MIA, 2, 2)]
    assert kinds(rows) == [
        ("unknown", "answer lost", 1),
        ("missed", "someone missed", 1),
        ("done", "done", 1),
        ("planned", "planned", 1),
    ]


# Pictures that wait


def many(count: int) -> tuple[list[SheetRow], dict[SheetPhoto, Thumbnail]]:
    rows = [row(str(number), sources=(f"{number}.jpg",), results=("same.jpg",)) for number in range(count)]
    photos: list[SheetPhoto] = ["same.jpg", *(f"{number}.jpg" for number in range(count))]
    return rows, dict.fromkeys(photos, small())


def test_a_small_page_holds_all_its_pictures() -> None:
    rows, thumbnails = many(AT_ONCE)
    later = Later(cards_of(rows, thumbnails, Path("/")))
    assert not later.has_any
    assert list(later.shelves()) == []


def test_of_a_large_page_all_but_the_first_wait_each_once() -> None:
    rows, thumbnails = many(200)
    later = Later(cards_of(rows, thumbnails, Path("/")))
    waiting = [number for number in range(200) if later.waits(f"{number}.jpg")]
    assert waiting == list(range(AT_ONCE // 2, 200))
    assert [later.number(f"{number}.jpg") for number in waiting] == list(range(len(waiting)))
    assert not later.waits("same.jpg")
    shelves = list(later.shelves())
    assert list(map(len, shelves)) == [SHELF, SHELF, len(waiting) - 2 * SHELF]
    assert set(shelves[0]) == {"AA=="}
