"""Lists of requests: what spreadsheets write is read, and every fault is named before anything is made."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
from support.pictures import REAL, picture

from phota_async import EditRequest, EnhanceRequest, GenerateRequest, InputError, PhotaError
from phota_async.batch.templates import Names
from phota_async.collecting import ItemList, RequestPlan
from phota_async.collecting.tables import TableError, read_rows
from phota_async.requests import RemixRequest

PLAN = RequestPlan(operation="edit", prompt="at sea")


def write(folder: Path, text: str | bytes, name: str = "list.csv") -> Path:
    (folder / "photos").mkdir(exist_ok=True)
    for photo in ("a.jpg", "b.jpg", "photos/a.jpg"):
        (folder / photo).write_bytes(REAL)
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def faults(path: Path, plan: RequestPlan = PLAN, **options: Any) -> list[str]:
    with pytest.raises(InputError) as caught:
        ItemList(path, plan, **options).check()
    head, *told = str(caught.value).split("\n  ")
    assert head == f"{path}: expected a list that can be carried out to its end, got"
    return told


# Reading


@pytest.mark.parametrize(
    "text",
    [
        'input,prompt\na.jpg,"to the sea, now"\n',
        "input;prompt\r\na.jpg;to the sea, now\r\n",
        "input\tprompt\na.jpg\tto the sea, now",
        '\ufeffInput, Prompt \na.jpg,"to the sea, now"',
        '"input";"prompt"\n"a.jpg";"to the sea, now"\n;\n\n',
    ],
)
def test_csv_as_spreadsheets_write_it(tmp_path: Path, text: str) -> None:
    [(line, cells)] = read_rows(write(tmp_path, text))
    assert line == 2
    assert cells == {"input": "a.jpg", "prompt": "to the sea, now"}


def test_utf_16_and_lines_within_cells(tmp_path: Path) -> None:
    text = 'input,prompt\na.jpg,"two\nlines"\nb.jpg,"say ""hi"""\n'
    rows = list(read_rows(write(tmp_path, text.encode("utf-16"))))
    assert rows == [(2, {"input": "a.jpg", "prompt": "two\nlines"}), (4, {"input": "b.jpg", "prompt": 'say "hi"'})]


@pytest.mark.parametrize(
    ("text", "why", "line"),
    [
        ("", "names of columns, got an empty list", 0),
        ("a,b,A\n", "got 'a' twice", 1),
        ("a,b\n1,2,3\n", "expected 2 cells, got 3", 2),
        ('a,b\n1,"2', "unexpected end of data", 2),
        (b"a\n\xe4\n", 'expected text in UTF-8, got something else; a spreadsheet saves it as "CSV UTF-8"', 0),
    ],
)
def test_csv_that_cannot_be_read(tmp_path: Path, text: Any, why: str, line: int) -> None:
    with pytest.raises(TableError) as caught:
        list(read_rows(write(tmp_path, text)))
    assert why in caught.value.sentence()
    assert caught.value.line == line


@pytest.mark.parametrize(
    ("text", "why"),
    [("[1]\n", "got list"), ("{'a': 1}\n", "cannot be taken apart"), ('{"a":', "cannot be taken apart")],
)
def test_json_lines_that_cannot_be_read(tmp_path: Path, text: str, why: str) -> None:
    with pytest.raises(TableError, match=why) as caught:
        list(read_rows(write(tmp_path, '{"input": "a.jpg"}\n\n' + text, "list.jsonl")))
    assert caught.value.line == 3


def test_other_files_are_no_lists(tmp_path: Path) -> None:
    with pytest.raises(TableError, match=r"expected a list that is called \.csv or"):
        list(read_rows(tmp_path / "list.xlsx"))
    with pytest.raises(TableError, match="No such file"):
        list(read_rows(tmp_path / "list.csv"))


# Requests


def test_rows_become_requests(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "input,op,prompt,people,variations,resolution,aspect,model,reference,out,who\n"
        "a.jpg,,=SUM(A1),mia | leo,2,4K,1:1,gpt-image-2,,,Mia\n"
        "photos/a.jpg,enhance,,,,,,,,,\n"
        ",generate,a lake,,,,,,,lakes/first.png,\n"
        "b.jpg,remix,,,,,,,a.jpg,,\n"
        "a.jpg|b.jpg,,,,,,,,,,\n"
        "https://example.com/c.jpg,enhance,,,,,,,,,\n",
    )
    items = ItemList(path, PLAN)
    assert len(items) == 6
    made = list(items)
    a, b = str(tmp_path / "a.jpg"), str(tmp_path / "b.jpg")
    assert [item.request for item in made] == [
        EditRequest(
            (a,),
            "=SUM(A1)",
            profile_ids=("mia", "leo"),
            num_output_images=2,
            resolution="4K",
            aspect_ratio="1:1",
            base_model="gpt-image-2",
        ),
        EnhanceRequest(str(tmp_path / "photos/a.jpg"), prompt="at sea"),
        GenerateRequest(prompt="a lake"),
        RemixRequest(b, a, prompt="at sea"),
        EditRequest((a, b), "at sea"),
        EnhanceRequest("https://example.com/c.jpg", prompt="at sea"),
    ]
    assert [item.key for item in made] == [
        *("a-row2.jpg", "photos/a.jpg", "lakes/first.png", "b.jpg", "a-row6.jpg", "c.jpg")
    ]
    assert Names().target(Path(), made[2]) == Path("lakes/first")
    assert made[0].fields == {"who": "Mia"}
    assert made[0] in items


def test_json_rows(tmp_path: Path) -> None:
    rows = [
        {"input": ["a.jpg", "b.jpg"], "people": ["mia"], "variations": 3, "price": 4, "nested": {"x": 1}},
        {"op": "generate", "prompt": "x", "out": "one"},
    ]
    path = write(tmp_path, b"\n".join(map(msgspec.json.encode, rows)), "list.jsonl")
    first, second = ItemList(path, PLAN, takes=2)
    assert first.request == EditRequest(
        (str(tmp_path / "a.jpg"), str(tmp_path / "b.jpg")), "at sea", profile_ids=("mia",), num_output_images=3
    )
    assert first.fields == {"price": "4"}
    assert Names().target(Path(), second, 2) == Path("one-2")


def test_what_names_stand_for(tmp_path: Path) -> None:
    def resolve(plan: RequestPlan) -> RequestPlan:
        if "nobody" in plan.people:
            raise InputError("people: expected somebody, got 'nobody'")
        return plan.replace(people=tuple(f"id-{name}" for name in plan.people))

    path = write(tmp_path, "input,people\na.jpg,mia\n")
    [item] = ItemList(path, PLAN, resolve=resolve)
    assert item.request.profile_ids == ("id-mia",)  # type: ignore[union-attr]
    assert faults(write(tmp_path, "input,people\na.jpg,nobody\n"), resolve=resolve) == [
        "line 2, column people: expected somebody, got 'nobody'"
    ]


# Faults


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ({"input": "gone.jpg"}, "line 1, column input: {folder}/gone.jpg: No such file or directory"),
        (
            {"input": "list.jsonl"},
            "line 1, column input: expected a photo (JPEG, PNG, WebP, HEIC), got {folder}/list.jsonl",
        ),
        ({"input": "photos"}, "line 1, column input: {folder}/photos: Is a directory"),
        ({}, "line 1, column input: expected 1 with edit, got 0"),
        (
            {"input": "a.jpg", "op": "develop"},
            "line 1, column op: expected edit or generate or enhance or remix, got 'develop'",
        ),
        ({"input": "a.jpg", "variations": "two"}, "line 1, column variations: expected a number, got 'two'"),
        ({"input": "a.jpg", "variations": 9}, "line 1, column variations: expected 1 to 4 output images, got 9"),
        ({"input": "a.jpg", "variations": True}, "line 1, column variations: expected text, got bool"),
        (
            {"input": "a.jpg", "people": [1]},
            "line 1, column people: expected a list of texts, got one with something else in it",
        ),
        (
            {"input": "a.jpg", "op": "remix"},
            "line 1, column reference: expected the photo whose look is taken, got none",
        ),
        (
            {"input": "a.jpg", "op": "enhance", "model": "nb2"},
            "line 1, column model: expected none with enhance, got 'nb2'",
        ),
        ({"input": "a.jpg", "op": "generate"}, "line 1, column input: expected 0 with generate, got 1"),
        (
            {"op": "generate", "people": "mia"},
            "line 1, column people: expected none with generate, which names people in its prompt: [[id]]",
        ),
        (
            {"input": "a.jpg", "out": "../x"},
            "line 1, column out: expected a relative path below the output, got '../x'",
        ),
        (
            {"input": "a.jpg", "out": "a?b"},
            "line 1, column out: expected a name that every system can store, got 'a?b'",
        ),
        ({"input": "https://"}, "line 1, column input: expected a link with a host, got 'https://'"),
    ],
)
def test_a_fault_is_told_with_line_and_column(tmp_path: Path, row: dict[str, Any], told: str) -> None:
    assert faults(write(tmp_path, msgspec.json.encode(row), "list.jsonl")) == [told.format(folder=tmp_path)]


def test_a_field_of_the_service_is_told_by_its_column(tmp_path: Path) -> None:
    [told] = faults(write(tmp_path, "input,resolution\na.jpg,8K\n"))
    assert told.startswith("line 2, column resolution: expected 1K or 2K or 4K, got '8K'")


def test_all_faults_are_told_up_to_ten(tmp_path: Path) -> None:
    path = write(tmp_path, "input\n" + "gone.jpg\n" * 12 + '"')
    told = faults(path)
    assert [each.split(",")[0] for each in told] == [*(f"line {line}" for line in range(2, 12)), "and 3 more"]


def test_places_that_two_rows_want_and_an_empty_list(tmp_path: Path) -> None:
    told = faults(write(tmp_path, "input,out\na.jpg,x.jpg\nb.jpg,x.jpg\n"))
    assert told == ["line 3, column out: expected a place of its own, got that of line 2"]
    assert faults(write(tmp_path, "input,out\n")) == ["expected rows, got none"]


def test_columns_of_a_template_are_needed_in_every_row(tmp_path: Path) -> None:
    path = write(tmp_path, "input,who\na.jpg,mia\nb.jpg,\n")
    [told] = faults(path, names="{row.who}-{k}.{ext}")
    assert told.startswith("line 3, column names: expected a value for {row.who}, got none")


def test_a_list_that_changes_after_it_was_checked_stops_where_it_does(tmp_path: Path) -> None:
    path = write(tmp_path, "input\na.jpg\nb.jpg\n")
    items = ItemList(path, PLAN)
    items.check()
    write(tmp_path, "input,variations\na.jpg,1\nb.jpg,9\n")
    read = iter(items)
    assert next(read).key == "a.jpg"
    with pytest.raises(PhotaError, match="line 3, column variations"):
        next(read)


def test_a_photo_that_goes_after_the_check_stops_no_other(tmp_path: Path) -> None:
    """Its item fails when its turn comes; photos are looked at once, however often the list is read."""
    items = ItemList(write(tmp_path, "input\na.jpg\nb.jpg\n"), PLAN)
    items.check()
    (tmp_path / "a.jpg").unlink()
    assert [item.key for item in items] == ["a.jpg", "b.jpg"]


def test_a_photo_is_known_by_its_first_bytes(tmp_path: Path) -> None:
    path = write(tmp_path, "input\na.jpg\n")
    (tmp_path / "a.jpg").write_bytes(picture(100, "heic"))
    assert len(ItemList(path, PLAN)) == 1
