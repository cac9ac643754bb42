"""Records of runs: what outcomes become, and what a folder keeps over crashes."""

import stat
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from support.pictures import real_picture

from phota_async import Batch, BatchItem, EditRequest, EnhanceRequest, GenerateRequest, InputError, PhotaClient
from phota_async.batch import Outcome
from phota_async.errors import DownloadError, JobFailedError, PhotaError, ServerError, TrainingError
from phota_async.requests import AnyRequest, RemixRequest
from phota_async.runs import ItemRecord, OutputRecord, RunFolder, find_run, latest_run, list_runs, record_of, request_of
from phota_async.runs.records import decode_item, encode
from phota_async.sandbox import Sandbox


def record(key: str = "a.jpg", status: str = "done", **rest: object) -> ItemRecord:
    return ItemRecord(key=key, operation="enhance", status=status, **rest)  # type: ignore[arg-type]


ERRORS = [
    JobFailedError("j1", "failed", "bad"),
    TrainingError("p1", "ERROR"),
    ServerError(503, "busy"),
    InputError("x"),
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_the_record_of_every_error_can_be_read_again(tmp_path: Path, error: PhotaError) -> None:
    failed = record_of(outcome(GenerateRequest("x"), error=error))
    folder = RunFolder.create(tmp_path, operation="generate")
    folder.append(failed)
    assert folder.records() == [failed]
    assert failed.error is not None
    assert failed.error.message == error.sentence()


def outcome(request: AnyRequest, **rest: object) -> Outcome:
    return Outcome(key="a.jpg", request=request, status="failed", **rest)  # type: ignore[arg-type]


async def test_a_batch_leaves_records_that_tell_all(phota_sandbox: Sandbox, tmp_path: Path) -> None:
    photo, output = tmp_path / "a.jpg", tmp_path / "out"
    photo.write_bytes(real_picture())
    profile = phota_sandbox.add_profile()
    request = EditRequest([photo], "at sea", profile_ids=[profile], num_output_images=2)
    folder = RunFolder.create(output, operation="edit")
    async with (
        PhotaClient(phota_sandbox.api_key, phota_sandbox.base_url) as client,
        Batch(client, [BatchItem("2019/a.jpg", request)], output=output) as outcomes,
    ):
        async for each in outcomes:
            folder.append(record_of(each, output=output, run=folder.run, number=1, seconds=2.5))
    folder.finish(exit_code=0, totals={"done": 1})
    [made] = latest_run(output).records()
    assert made.status == "done"
    assert made.sources == (str(photo),)
    assert [each.path for each in made.outputs] == ["2019/a.edit-1.jpg", "2019/a.edit-2.jpg"]
    assert [each.recognised for each in made.outputs] == [{profile: 1}] * 2
    assert made.identity.expected == (profile,)
    assert made.marks.job_id
    assert made.seconds == 2.5
    assert request_of(made) == EditRequest([str(photo)], "at sea", profile_ids=[profile], num_output_images=2)
    assert latest_run(tmp_path / "out").record().exit_code == 0


@pytest.mark.parametrize(
    "request_",
    [
        GenerateRequest(prompt="a lake", resolution="2K", extra={"seed": 7}),
        EnhanceRequest("/photos/a.jpg", prompt=None),
        RemixRequest("/photos/a.jpg", "https://example.com/b.jpg", prompt="warm"),
        EditRequest(["/photos/a.jpg", "/photos/b.jpg"], "x"),
    ],
)
def test_a_record_leads_back_to_its_request(request_: AnyRequest) -> None:
    written = encode(record_of(outcome(request_)))
    assert request_of(decode_item(written)) == request_


@pytest.mark.parametrize(
    "photo", [b"\xff\xd8\xff", "https://example.com/a.jpg?sig=secret", "https://me:pw@example.com/a.jpg", "data:,x"]
)
def test_what_cannot_be_found_again_is_said(photo: object) -> None:
    made = record_of(outcome(EnhanceRequest(photo)))
    assert "secret" not in str(made.sources)
    assert "pw" not in str(made.sources)
    with pytest.raises(InputError, match="expected photos that can be found again"):
        request_of(made)


def test_a_record_of_another_kind_is_refused() -> None:
    with pytest.raises(InputError, match="expected one of edit, generate, enhance, remix, got 'paint'"):
        request_of(ItemRecord(key="a", operation="paint", status="done"))
    with pytest.raises(InputError, match="record 'a'"):
        request_of(ItemRecord(key="a", operation="generate", status="done", request={"prompt": 3}))


def test_an_error_is_told_field_by_field() -> None:
    error = PhotaError("it broke").with_context(hint="try again", request_id="r1", attempts=2)
    made = record_of(outcome(EnhanceRequest("a.jpg"), error=error))
    assert made.error is not None
    assert (made.error.type, made.error.message, made.error.hint) == ("PhotaError", "it broke", "try again")
    assert made.marks.request_id == "r1"


def test_prompts_can_be_left_out_and_never_show_in_a_repr() -> None:
    made = record_of(outcome(GenerateRequest(prompt="a secret wish")))
    assert "secret" not in repr(made)
    assert "secret" not in encode(made.without_prompt()).decode()


def test_the_last_word_on_an_item_counts_except_that_it_is_there(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path, operation="enhance")
    for each in (record("b", "failed", number=2), record("a", "done", seconds=3.0, number=1)):
        folder.append(each)
    for each in (record("a", "skipped", number=1), record("b", "done", number=2)):
        folder.append(each)
    assert [(each.key, each.status, each.seconds) for each in folder.records()] == [
        ("a", "done", 3.0),
        ("b", "done", None),
    ]


def test_a_line_that_a_crash_cut_costs_only_itself(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path, operation="enhance")
    folder.append(record("a"))
    with (folder.path / "items.jsonl").open("ab") as file:
        file.write(b'{"schema":"phota.item/1","key":"b"')
    folder.append(record("c"))
    assert [each.key for each in folder.records()] == ["a", "c"]


def test_runs_are_private_and_sorted_by_time(tmp_path: Path) -> None:
    later = RunFolder.create(tmp_path, operation="edit", now=datetime(2026, 1, 2, tzinfo=UTC))
    RunFolder.create(tmp_path, operation="edit", now=datetime(2026, 1, 1, tzinfo=UTC))
    later.append(record())
    assert latest_run(tmp_path).run == later.run
    assert len(list_runs(tmp_path)) == 2
    assert later.record().started == "2026-01-02T00:00:00+00:00"
    for path in later.path.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_runs_of_one_second_stand_in_their_order(tmp_path: Path) -> None:
    moments = [datetime(2026, 11, 25, 10, 0, 0, thousandths * 1000, tzinfo=UTC) for thousandths in (0, 1, 15, 16, 999)]
    begun = [RunFolder.create(tmp_path, operation="edit", now=moment).run for moment in moments]
    assert [run.run for run in list_runs(tmp_path)] == begun


def test_a_moved_folder_still_finds_its_pictures(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path / "out", operation="edit")
    (tmp_path / "out").rename(tmp_path / "moved")
    assert latest_run(tmp_path / "moved").picture("sub/a.jpg") == tmp_path / "moved" / "sub" / "a.jpg"
    assert folder.run == latest_run(tmp_path / "moved").run


def test_what_is_no_run_is_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="expected a folder that a run wrote to"):
        latest_run(tmp_path)
    (tmp_path / ".phota/runs/x").mkdir(parents=True)
    (tmp_path / ".phota/runs/x/run.json").write_text("{}")
    with pytest.raises(InputError, match="expected the folder of a run"):
        latest_run(tmp_path).record()


def test_a_folder_that_cannot_be_written_is_our_error(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file")
    with pytest.raises((DownloadError, InputError)):
        RunFolder.create(tmp_path / "out", operation="edit")


def test_money_keeps_its_digits() -> None:
    made = record_of(outcome(EnhanceRequest("a.jpg"), spent=Decimal("0.15")))
    assert b'"settled":"0.15"' in encode(made)


def test_an_output_says_its_place() -> None:
    assert OutputRecord(path="a.jpg").recognised is None


# Which run


def test_a_run_is_found_by_the_beginning_of_its_name(tmp_path: Path) -> None:
    first, second = RunFolder.create(tmp_path, operation="edit"), RunFolder.create(tmp_path, operation="edit")
    names = sorted([first.run, second.run])
    assert find_run(tmp_path).run == names[-1]
    assert find_run(tmp_path, first.run).run == first.run
    for name in (names[0][:4], "", "nothing"):
        with pytest.raises(InputError, match=f"expected one of those below .*{names[0]}.*got {name!r}"):
            find_run(tmp_path, name)


def test_without_runs_it_says_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="expected a folder that a run wrote to"):
        find_run(tmp_path)
    with pytest.raises(InputError, match=r"\(none\), got 'r'"):
        find_run(tmp_path, "r")
