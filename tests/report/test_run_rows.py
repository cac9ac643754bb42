"""Rows from the records of a run: what they say, where photos are found, and which page is written."""

import shutil
import stat
from decimal import Decimal
from pathlib import Path

import pytest
from support.sheets import MIA, OTTO, save_photo

from phota_async.batch import Outcome
from phota_async.errors import InputError, ServerError
from phota_async.report import SheetRow, find_run, rows_of_run, sheet_of_run
from phota_async.report.run_sheet import note_of
from phota_async.requests import EnhanceRequest
from phota_async.review import Event, Journal
from phota_async.review.events import event_of
from phota_async.runs import ItemRecord, OutputRecord, RunFolder, record_of
from phota_async.runs.records import Cost, ErrorRecord, Identity, RequestMarks, RunRecord

SIGNED = "https://cdn.test/a/b.jpg?X-Goog-Signature=deadbeef"


def item(key: str = "a.jpg", status: str = "done", **rest: object) -> ItemRecord:
    values: dict[str, object] = {"operation": "edit", **rest}
    return ItemRecord(key=key, status=status, **values)  # type: ignore[arg-type]  # the tests name any field


def run_of(output: Path, *records: ItemRecord) -> RunFolder:
    folder = RunFolder.create(output, operation="edit")
    for record in records:
        folder.append(record)
    return folder


def only_row(output: Path, record: ItemRecord) -> SheetRow:
    [row] = rows_of_run(run_of(output, record))
    return row


# What a row says


def test_a_row_says_what_its_record_says(tmp_path: Path) -> None:
    photo = save_photo(tmp_path / "photos/a.jpg")
    row = only_row(
        tmp_path / "out",
        item(
            sources=(str(photo),),
            request={"prompt": f"[[{OTTO}]] waves", "profile_ids": [MIA], "resolution": "2K", "num_output_images": 2},
            outputs=(OutputRecord(path="a.edit-1.jpg", recognised={MIA: 1}), OutputRecord(path="a.edit-2.jpg")),
            identity=Identity(expected=(MIA, OTTO), recognised={MIA: 1}, missing=(OTTO,)),
            cost=Cost(settled=Decimal("0.30")),
            marks=RequestMarks(job_id="job_1"),
            seconds=2.5,
            warnings=("metadata could not be put into a.edit-1.jpg",),
        ),
    )
    assert (row.sources, row.results) == ((photo,), (tmp_path / "out/a.edit-1.jpg", tmp_path / "out/a.edit-2.jpg"))
    assert (row.missing, row.recognised, row.candidates) == ((OTTO,), ({MIA: 1}, None), (MIA, OTTO))
    assert (row.price_low, row.price_high, row.is_estimate) == (Decimal("0.30"), Decimal("0.30"), False)
    assert (row.request_id, row.seconds, row.options) == ("job_1", 2.5, ("2K", "2 pictures"))
    assert row.warnings == ("metadata could not be put into a.edit-1.jpg",)


def test_somebody_missed_in_one_of_two_pictures_is_missing(tmp_path: Path) -> None:
    row = only_row(
        tmp_path,
        item(
            outputs=(OutputRecord(path="1.jpg", recognised={MIA: 1}), OutputRecord(path="2.jpg", recognised={})),
            identity=Identity(expected=(MIA,), recognised={MIA: 1}, missing=(MIA,)),
        ),
    )
    assert (row.missing, row.kind) == ((MIA,), "missed")


def test_nobody_is_asked_for_where_the_service_did_not_tell(tmp_path: Path) -> None:
    row = only_row(tmp_path, item(identity=Identity(expected=(MIA,))))
    assert (row.expected, row.missing) == ((), ())


def test_of_a_planned_item_the_estimate_is_told_and_no_picture(tmp_path: Path) -> None:
    cost = Cost(low=Decimal("0.12"), high=Decimal("0.15"))
    row = only_row(tmp_path, item(status="planned", cost=cost, outputs=(OutputRecord(path="a.edit-1.jpg"),)))
    assert (row.price_low, row.price_high, row.is_estimate, row.results) == (cost.low, cost.high, True, ())


def test_an_error_keeps_its_hint_and_its_charge(tmp_path: Path) -> None:
    error = ServerError(504, "too slow")
    failed = Outcome(key="a", request=EnhanceRequest(b"photo"), status="failed", error=error)
    row = only_row(tmp_path, record_of(failed))
    assert (row.error, row.hint, row.charged) == (error.sentence(), error.hint, error.charged)
    assert row.sources == (b"",)


@pytest.mark.parametrize(
    ("operation", "candidates"), [("edit", (MIA, OTTO)), ("generate", (MIA, OTTO)), ("enhance", (MIA,))]
)
def test_a_prompt_names_candidates_where_the_service_says_so(
    tmp_path: Path, operation: str, candidates: tuple[str, ...]
) -> None:
    request = {"profile_ids": [MIA], "prompt": f"[[ {OTTO} ]] and [[{MIA}]] [[open"}
    assert only_row(tmp_path, item(operation=operation, request=request)).candidates == candidates


def test_what_others_wrote_into_a_record_breaks_nothing(tmp_path: Path) -> None:
    request = {"prompt": 3, "profile_ids": "x", "resolution": ["4K"], "quality": None}
    row = only_row(tmp_path, item(request=request, status="odd", operation="paint"))
    assert (row.prompt, row.candidates, row.options, row.kind) == ("", (), (), "other")


# Where photos are


def test_a_folder_that_was_moved_with_its_photos_finds_them(tmp_path: Path) -> None:
    photo = save_photo(tmp_path / "old/photos/a.jpg")
    result = save_photo(tmp_path / "old/out/sub/a.edit-1.jpg")
    outputs = (OutputRecord(path="sub/a.edit-1.jpg"),)
    run = run_of(tmp_path / "old/out", item(sources=(str(photo),), outputs=outputs))
    shutil.move(tmp_path / "old", tmp_path / "new")
    [row] = rows_of_run(find_run(tmp_path / "new/out", run.run))
    assert row.sources == (tmp_path / "new/photos/a.jpg",)
    assert row.results == (tmp_path / "new/out/sub/a.edit-1.jpg",)
    assert result.name == "a.edit-1.jpg"


def test_photos_that_stayed_are_found_where_they_were(tmp_path: Path) -> None:
    photo = save_photo(tmp_path / "photos/a.jpg")
    run_of(tmp_path / "old", item(sources=(str(photo), str(tmp_path / "gone.jpg"))))
    shutil.move(tmp_path / "old", tmp_path / "deep/new")
    [row] = rows_of_run(find_run(tmp_path / "deep/new"))
    assert row.sources == (photo, tmp_path / "gone.jpg")


def test_a_name_that_is_no_text_and_a_link_are_kept(tmp_path: Path) -> None:
    row = only_row(tmp_path, item(sources=("file:///photos/caf%E9.jpg", "https://cdn.test/a…", "")))
    assert row.sources == (Path("/photos/caf\udce9.jpg"), "https://cdn.test/a…", b"")


@pytest.mark.parametrize(
    "path", ["/etc/passwd", "../secret.jpg", "sub/../../secret.jpg", "link.jpg", "ABSOLUTE", "a\0b"]
)
async def test_an_output_outside_the_folder_is_left_out(tmp_path: Path, path: str) -> None:
    secret = save_photo(tmp_path / "secret.jpg")
    inside = save_photo(tmp_path / "out/in.jpg")
    (inside.parent / "link.jpg").symlink_to(secret)
    outputs = (OutputRecord(path=str(secret) if path == "ABSOLUTE" else path), OutputRecord(path="in.jpg"))
    run = run_of(tmp_path / "out", item(sources=(), outputs=outputs))
    [row] = rows_of_run(run)
    assert row.results == (inside,)
    assert row.warnings == ("1 left out: outside the run's folder",)
    text = (await sheet_of_run(run)).read_text()
    assert ("secret" not in text, text.count("<img ")) == (True, 1)


async def test_a_source_that_is_no_picture_is_named_and_not_shown(tmp_path: Path) -> None:
    secret = tmp_path / "id_rsa.jpg"
    secret.write_text("-----BEGIN OPENSSH PRIVATE KEY-----")
    text = (await sheet_of_run(run_of(tmp_path / "out", item(sources=(str(secret),), outputs=())))).read_text()
    assert "cannot be shown" in text
    assert "BEGIN OPENSSH" not in text
    assert 'src="data:' not in text


# What a review adds


def reviewed(path: Path, *events: Event) -> SheetRow:
    outputs = tuple(OutputRecord(path=f"{number}.jpg", recognised={}) for number in (1, 2))
    run = run_of(path, item("a.jpg", outputs=outputs, cost=Cost(settled=Decimal("0.20"))))
    with Journal(run) as journal:
        for event in events:
            journal.append(event)
    [row] = rows_of_run(run)
    return row


def test_a_further_variation_stands_beside_the_others(tmp_path: Path) -> None:
    made = item(
        "a.again-1.jpg",
        outputs=(OutputRecord(path="a.again-1.edit-1.jpg", recognised={MIA: 1}),),
        identity=Identity(expected=(MIA,), recognised={MIA: 1}),
        cost=Cost(settled=Decimal("0.11")),
    )
    row = reviewed(
        tmp_path,
        event_of("ask", "a.jpg", ask="x1", price=Decimal("0.11")),
        event_of("made", "a.jpg", ask="x1", record=made),
        event_of("pick", "a.jpg", output="a.again-1.edit-1.jpg"),
    )
    assert [Path(each).name for each in row.results if not isinstance(each, bytes)] == [
        *("1.jpg", "2.jpg", "a.again-1.edit-1.jpg")
    ]
    assert row.recognised == ({}, {}, {MIA: 1})
    assert row.found == {MIA: 1}
    assert (row.price_low, row.picked, row.is_rejected) == (Decimal("0.31"), 2, False)
    assert row.warnings == ("1 asked for in the review",)


async def test_the_page_tells_what_was_picked_and_rejected(tmp_path: Path) -> None:
    assert reviewed(tmp_path / "a", event_of("pick", "a.jpg", output="2.jpg")).picked == 1
    assert reviewed(tmp_path / "b", event_of("reject", "a.jpg")).is_rejected
    assert (await sheet_of_run(find_run(tmp_path / "a"))).read_text().count(">picked</span>") == 1
    assert "rejected in the review" in (await sheet_of_run(find_run(tmp_path / "b"))).read_text()


# The page of a run


async def test_the_page_lies_beside_the_runs_for_its_owner_only(tmp_path: Path) -> None:
    run = run_of(tmp_path / "Out", item())
    page = await sheet_of_run(run)
    assert page == tmp_path / f"Out/.phota/report-{run.run}.html"
    assert stat.S_IMODE(page.stat().st_mode) == 0o600
    assert "Edit in Out" in page.read_text()
    assert await sheet_of_run(run) == page  # an earlier page of ours is replaced


@pytest.mark.parametrize("content", [b"my notes", b"", b"<html>mine</html>"])
async def test_what_is_not_ours_is_never_replaced(tmp_path: Path, content: bytes) -> None:
    mine = tmp_path / "mine.html"
    mine.write_bytes(content)
    with pytest.raises(InputError, match="expected an earlier page of ours or nothing, got another file"):
        await sheet_of_run(run_of(tmp_path / "out", item()), mine)
    assert mine.read_bytes() == content


async def test_a_folder_is_no_place_for_a_page(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="expected a place for a page"):
        await sheet_of_run(run_of(tmp_path / "out", item()), tmp_path)


async def test_a_run_that_was_killed_says_so_and_shows_what_it_told(tmp_path: Path) -> None:
    run = run_of(tmp_path, item("whole.jpg"))
    with (run.path / "items.jsonl").open("ab") as file:
        file.write(b'{"key": "half')
    text = (await sheet_of_run(run)).read_text()
    assert "It has not ended, or was killed" in text
    assert "whole.jpg" in text
    assert "half" not in text


async def test_signed_links_never_get_into_a_page(tmp_path: Path) -> None:
    record = item(
        SIGNED,
        sources=(SIGNED,),
        request={"prompt": f"like {SIGNED}"},
        warnings=(SIGNED,),
        error=ErrorRecord(type="DownloadError", message=f"cannot fetch {SIGNED}", hint=f"look at {SIGNED}"),
    )
    text = (await sheet_of_run(run_of(tmp_path, record), title="Links")).read_text()
    assert "cdn.test" in text
    assert "deadbeef" not in text
    assert "b.jpg" not in text


def test_the_note_tells_when_and_how_it_ended() -> None:
    started = "2026-11-25T12:00:00+00:00"
    record = RunRecord(run="r1", operation="edit", output="/out", started=started, ended="later", exit_code=5)
    assert note_of(record) == "Run r1, begun 2026-11-25 12:00 UTC, ended later, exit code 5."
