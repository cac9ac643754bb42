"""The contact sheet: what it shows, what it keeps to itself, and that it needs nothing else."""

import base64
import hashlib
import io
import os
import re
from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path

import pytest
from PIL import Image

from phota_async.batch import Outcome
from phota_async.errors import ContentModerationError
from phota_async.models import KnownSubjects
from phota_async.report import SheetRow, contact_sheet, row_of
from phota_async.report.contact_sheet import write_atomically
from phota_async.report.rows import RANK_MISSED, SheetPhoto, money, prompt_parts, total, without_links
from phota_async.report.shrinking import Thumbnail, human_size, thumbnail
from phota_async.report.thumbnails import side_for
from phota_async.requests import EditRequest, GenerateRequest
from phota_async.results import ImageResult, OutputImage

HOSTILE = "\"'><script>alert(1)</script><img src=x onerror=alert(2)>{{ 7 * 7 }}</style></script>"


class Page(HTMLParser):
    """A page taken apart: tags with their attributes, and the text."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.source = path.read_text(encoding="utf-8")
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.text = ""
        self.feed(self.source)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))

    def handle_data(self, data: str) -> None:
        self.text += data

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.tags if name == tag]

    def cards(self) -> list[str]:
        return [attributes["data-number"] for attributes in self.all("li") if "data-number" in attributes]

    def policy(self) -> str:
        return next(meta["content"] for meta in self.all("meta") if "http-equiv" in meta)


def row(key: str = "one", **fields: object) -> SheetRow:
    values: dict[str, object] = {"operation": "edit", "status": "done", **fields}
    return SheetRow(key=key, **values)  # type: ignore[arg-type]  # the tests name any field


def save_photo(path: Path, size: tuple[int, int] = (64, 48), **options: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, "teal").save(path, **options)  # type: ignore[arg-type]  # Pillow's own options
    return path


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


# What it shows


async def test_shows_source_result_prompt_identity_price_and_status(tmp_path: Path) -> None:
    source = save_photo(tmp_path / "sources/mia.jpg")
    result = save_photo(tmp_path / "results/mia.edit-1.png", (1024, 768))
    rows = [
        row(
            "mia",
            prompt="[[p1]] beside [[p2]] at the sea",
            sources=(source,),
            results=(result,),
            expected=("p1", "p2"),
            found={"p1": 2},
            price_low=Decimal("0.12"),
            price_high=Decimal("0.15"),
            seconds=1.25,
            request_id="req_1",
        ),
    ]
    path = await contact_sheet(rows, tmp_path / "sheet.html", title="Tuesday", note="A note", names={"p1": "Mia"})
    page = Page(path)
    for words in (
        "Tuesday",
        "A note",
        "mia.jpg",
        "1024\N{MULTIPLICATION SIGN}768 PNG",
        "$0.12\N{EN DASH}0.15",
        "1.2 s",
        "req_1",
        "at the sea",
    ):
        assert words in page.text
    assert re.search("recognised\\s+Mia\\s+\N{MULTIPLICATION SIGN}2", page.text)
    assert re.search(r"not recognised\s+p2", page.text)
    assert "1 of 2" in page.text
    assert [link["href"] for link in page.all("a")] == ["./sources/mia.jpg", "./results/mia.edit-1.png", "#c1"]


async def test_puts_problems_first_and_keeps_the_order_otherwise(tmp_path: Path) -> None:
    rows = [
        row("1"),
        row("2", expected=("p",), found={"p": 0}),
        row("3", status="skipped"),
        row("4", status="failed", error="HTTP 400"),
        row("5"),
        row("6", status="unknown"),
        row("7", status="budget"),
    ]
    page = Page(await contact_sheet(rows, tmp_path / "sheet.html"))
    assert page.cards() == ["4", "6", "7", "2", "1", "5", "3"]


async def test_an_empty_batch_gives_a_page(tmp_path: Path) -> None:
    page = Page(await contact_sheet([], tmp_path / "sheet.html"))
    assert "Nothing was asked for" in page.text


async def test_names_what_it_cannot_show(tmp_path: Path) -> None:
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"\xff\xd8\xff not a picture")
    rows = [row(sources=("https://user:pw@cdn.test/secret/a.jpg?sig=topsecret", broken, tmp_path / "gone.jpg"))]
    page = Page(await contact_sheet(rows, tmp_path / "sheet.html"))
    assert page.all("img") == []
    assert page.text.count("cannot be shown") == 3
    assert "a photo at https://cdn.test/…" in page.text
    assert "topsecret" not in page.source
    assert "user:pw" not in page.source


def outcome(**fields: object) -> Outcome:
    values: dict[str, object] = {"key": "k", "request": GenerateRequest(prompt="[[p]]"), "status": "done", **fields}
    return Outcome(**values)  # type: ignore[arg-type]  # the tests name any field


def test_a_row_says_what_an_outcome_says(tmp_path: Path) -> None:
    result = ImageResult([OutputImage(pieces=[b"GIF8", b"9a"])], known_subjects=KnownSubjects({"p": 1}), job_id="job_1")
    made = row_of(outcome(result=result, expected=("p",), spent=Decimal("0.15")), seconds=2.0)
    assert made.results == (b"GIF89a",)
    assert (made.missing, made.price_high, made.seconds, made.request_id) == ((), Decimal("0.15"), 2.0, "job_1")
    saved = row_of(outcome(result=result, paths=(tmp_path / "a.jpg",)))
    assert saved.results == (tmp_path / "a.jpg",)


def test_a_row_asks_for_nobody_when_the_service_did_not_tell() -> None:
    result = ImageResult([OutputImage(pieces=[b"GIF89a"])], known_subjects=KnownSubjects(is_told=False))
    made = row_of(outcome(result=result, expected=("p",)))
    assert (made.expected, made.missing) == ((), ())


def test_a_row_of_variations_names_whoever_one_of_them_missed() -> None:
    pictures = [OutputImage(pieces=[b"GIF89a"]), OutputImage(pieces=[b"GIF89a"])]
    first = outcome(result=ImageResult(pictures[:1], request_id="req_1"))
    both = ImageResult(pictures, known_subjects=KnownSubjects({"p": 1}))
    made = row_of(outcome(result=both, expected=("p",), missing=("p",), variations=(first, outcome())))
    assert (made.missing, made.request_id, len(made.results)) == (("p",), "req_1", 2)


def test_a_row_of_a_dry_run_has_a_price_and_no_pictures(tmp_path: Path) -> None:
    low, high = Decimal("0.12"), Decimal("0.15")
    made = row_of(outcome(status="planned", paths=(tmp_path / "a.jpg",), estimate=(low, high)))
    assert (made.results, made.price_low, made.price_high, made.missing) == ((), low, high, ())
    assert made.is_estimate
    assert made.rank > RANK_MISSED


def test_a_row_of_a_failure_keeps_its_words() -> None:
    error = ContentModerationError(400, "refused").with_context(request_id="req_9")
    failed = row_of(outcome(status="failed", error=error, expected=("p",)))
    assert failed.error == str(error)
    assert failed.hint == error.hint
    assert failed.charged == "no"
    assert failed.request_id == "req_9"
    assert failed.missing == ()


def test_a_row_takes_any_kind_of_input() -> None:
    inputs = ("a.jpg", Path("b.jpg"), b"c", bytearray(b"d"), io.BytesIO(b"e"))
    assert row_of(outcome(request=EditRequest(images=inputs))).sources == ("a.jpg", Path("b.jpg"), b"c", b"d", b"")


# What it keeps to itself


async def test_hostile_words_stay_words(tmp_path: Path) -> None:
    folder = tmp_path / "x');alert(3)<b>"
    source = save_photo(folder / "javascript:alert(1).jpg", format="JPEG")
    rows = [
        row(
            HOSTILE,
            operation=HOSTILE,
            status=HOSTILE,
            prompt=HOSTILE + f"[[{HOSTILE}]]",
            sources=(source,),
            results=(source,),
            expected=(HOSTILE,),
            found={HOSTILE: 1},
            error=HOSTILE,
            request_id=HOSTILE,
        ),
    ]
    path = await contact_sheet(rows, tmp_path / "s.html", title=HOSTILE, note=HOSTILE, names={HOSTILE: HOSTILE})
    page = Page(path)
    assert len(page.all("script")) == 1
    assert len(page.all("style")) == 1
    assert all(set(image) <= {"src", "width", "height", "alt", "loading", "decoding"} for image in page.all("img"))
    assert not any(name.startswith("on") or name == "style" for _, tag in page.tags for name in tag)
    assert all(link["href"].startswith(("./", "#c")) for link in page.all("a"))
    assert "{{ 7 * 7 }}" in page.text


async def test_a_file_name_need_not_be_text(tmp_path: Path) -> None:
    photo = tmp_path / os.fsdecode(b"caf\xe9 #1.jpg")
    try:
        save_photo(photo)
    except OSError:
        pytest.skip("this file system takes text only")
    page = Page(await contact_sheet([row(prompt="a lone \ud800", results=(photo,))], tmp_path / "sheet.html"))
    assert page.all("a")[0]["href"] == "./caf%E9%20%231.jpg"


async def test_signed_links_never_appear(tmp_path: Path) -> None:
    link = "https://cdn.test/results/abc/1.jpg?X-Goog-Signature=deadbeef"
    rows = [
        row(
            link,
            sources=("http://[", "data:image/png;base64,AAAA"),
            prompt=f"like {link} but blue",
            error=f"cannot fetch {link}: 403",
            results=(link,),
        )
    ]
    page = Page(await contact_sheet(rows, tmp_path / "sheet.html"))
    assert "deadbeef" not in page.source
    assert "results/abc" not in page.source
    assert "https://cdn.test/…" in page.text


async def test_needs_nothing_but_itself(tmp_path: Path) -> None:
    source = save_photo(tmp_path / "a.jpg")
    page = Page(await contact_sheet([row(sources=(source,), results=(source,))], tmp_path / "sheet.html"))
    assert all(image["src"].startswith("data:image/jpeg;base64,") for image in page.all("img"))
    assert page.all("link") == page.all("iframe") == page.all("base") == []
    assert not any("src" in script for script in page.all("script"))
    assert not re.search(r"""(?i)(src|href|url\(|@import)[=\s"']*(https?:)?//""", page.source)


async def test_the_policy_allows_just_its_own_style_and_script(tmp_path: Path) -> None:
    page = Page(await contact_sheet([row()], tmp_path / "sheet.html"))
    policy = page.policy()
    assert policy.startswith("default-src 'none'; img-src data:;")
    assert "unsafe" not in policy
    for tag in ("style", "script"):
        (content,) = re.findall(rf"<{tag}>(.*?)</{tag}>", page.source, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy


# Thumbnails


def test_a_thumbnail_is_small_and_carries_no_metadata(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x010E] = "whose house this is"
    photo = save_photo(tmp_path / "a.jpg", (2000, 1000), exif=exif, comment=b"private words")
    small = thumbnail(photo, 200)
    assert small is not None
    data = base64.b64decode(small.data_uri.partition(",")[2])
    assert b"whose house" not in data
    assert b"private words" not in data
    with Image.open(io.BytesIO(data)) as image:
        assert (image.format, image.size) == ("JPEG", (200, 100))
    assert (small.width, small.height) == (200, 100)
    assert small.original == "2000\N{MULTIPLICATION SIGN}1000 JPEG"


def test_a_thumbnail_stands_upright(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    small = thumbnail(save_photo(tmp_path / "a.jpg", (200, 100), exif=exif), 100)
    assert small is not None
    assert (small.width, small.height) == (50, 100)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "L", "1", "I;16", "CMYK"])
def test_every_kind_of_picture_has_a_thumbnail(mode: str) -> None:
    buffer = io.BytesIO()
    Image.new(mode, (40, 40)).save(buffer, "TIFF")
    assert thumbnail(buffer.getvalue(), 20) is not None


def test_what_can_be_seen_through_lies_on_white() -> None:
    buffer = io.BytesIO()
    Image.new("RGBA", (8, 8), (0, 0, 0, 0)).save(buffer, "PNG")
    small = thumbnail(buffer.getvalue(), 8)
    assert small is not None
    with Image.open(io.BytesIO(base64.b64decode(small.data_uri.partition(",")[2]))) as image:
        assert image.getpixel((4, 4)) == (255, 255, 255)


def test_a_decompression_bomb_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    buffer = io.BytesIO()
    Image.new("1", (300, 100)).save(buffer, "PNG")
    for limit in (20_000, 10_000):  # Pillow warns above the limit and refuses above twice the limit
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
        assert thumbnail(buffer.getvalue(), 100) is None


async def test_an_equal_photo_is_shrunk_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[object] = []

    def count(photo: SheetPhoto, side: int) -> Thumbnail | None:
        made.append(photo)
        return thumbnail(photo, side)

    monkeypatch.setattr("phota_async.report.thumbnails.thumbnail", count)
    photo = save_photo(tmp_path / "a.jpg")
    await contact_sheet([row(str(number), sources=(photo,)) for number in range(5)], tmp_path / "sheet.html")
    assert made == [photo]


def test_larger_pages_have_smaller_thumbnails() -> None:
    assert [side_for(count) for count in (48, 49, 120, 121, 600, 601, 6000, 6001)] == [
        640,
        480,
        480,
        320,
        320,
        200,
        200,
        120,
    ]


# Writing


def test_a_page_that_breaks_off_leaves_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "sheet.html"
    path.write_text("old")

    def pieces() -> object:
        yield "half a page"
        raise RuntimeError("broke off")

    with pytest.raises(RuntimeError):
        write_atomically(path, pieces())  # type: ignore[arg-type]  # a generator is iterable
    assert path.read_text() == "old"
    assert names(tmp_path) == ["sheet.html"]


async def test_makes_the_folder_and_replaces_the_page(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "sheet.html"
    assert await contact_sheet([row("first")], path) == path
    await contact_sheet([row("second")], path)
    assert "second" in path.read_text(encoding="utf-8")
    assert names(path.parent) == ["sheet.html"]


# Words


def test_money_reads_as_people_write_it() -> None:
    assert money(None, None) == ""
    assert money(Decimal("0.12"), Decimal("0.15")) == "$0.12\N{EN DASH}0.15"
    assert money(Decimal("1234.5"), Decimal("1234.5")) == "$1,234.50"
    assert money(None, Decimal(2)) == "$2.00"
    assert money(None, Decimal(0)) == "$0.00"
    assert money(Decimal(0), Decimal("0.15")) == "$0.00\N{EN DASH}0.15"
    assert total([None, Decimal(1), Decimal(2)]) == 3
    assert total([None]) is None


def test_a_prompt_is_split_at_its_subjects() -> None:
    parts = [(part.text, part.is_subject) for part in prompt_parts("[[a]] and [[ b ]] [[]] there")]
    assert parts == [("a", True), (" and ", False), ("b", True), (" [[]] there", False)]


def test_an_address_is_cut_down_to_its_host() -> None:
    text = "see HTTP://me:pw@Host.test:81/a/b?c=1#d, then https://other.test"
    assert without_links(text) == "see HTTP://Host.test:81/… then https://other.test/…"


def test_sizes_read_as_people_write_them() -> None:
    assert [human_size(size) for size in (1, 210_400, 1_250_000)] == ["1 KB", "210 KB", "1.2 MB"]
