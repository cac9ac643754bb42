"""What stands between items and an engine, without an engine: arguments, waits, a worker's end, the adapter's size."""

import asyncio
import json
import logging
import os
import random
import signal
import traceback
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import pytest
from support.virtual_time import now, virtual_time

import phota_async.distributed
from phota_async import (
    AuthenticationError,
    BadRequestError,
    BatchItem,
    EditRequest,
    EnhanceRequest,
    GenerateRequest,
    InputError,
    LedgerError,
    RateLimitError,
    RemixRequest,
)
from phota_async.batch.items import outcome_of
from phota_async.distributed.encoding import from_argument, lock_of, to_arguments
from phota_async.distributed.lasting import run_again, until_told
from phota_async.distributed.logs import WithoutArguments
from phota_async.distributed.repeating import LONGEST, MOST, NotDoneError, check_done, delay_before_next
from phota_async.distributed.strays import UnderWay

PACKAGE = Path(phota_async.distributed.__file__ or "").parent


def item_of(text: str) -> BatchItem:
    return from_argument(json.loads(text)["item"])


# The adapter


def test_one_file_knows_the_engine_and_is_small() -> None:
    knowing = [path for path in PACKAGE.parent.rglob("*.py") if knows_procrastinate(path.read_text())]
    assert [path.name for path in knowing] == ["engine.py"]
    assert len(knowing[0].read_text().splitlines()) <= 100


def knows_procrastinate(source: str) -> bool:
    """Whether a module imports the engine; for types alone does not count."""
    return any(line.startswith(("import procrastinate", "from procrastinate")) for line in source.splitlines())


# Arguments


@pytest.mark.parametrize(
    "request_",
    [
        GenerateRequest(prompt="a boat", num_output_images=2, extra={"seed": 7, "deep": {"a": [1, None]}}),
        EditRequest(images=["/photos/a.jpg", "https://photos.example/b.jpg"], profile_ids=["p1", "p2"]),
        EnhanceRequest(image="/photos/a.jpg", prompt=None),
        RemixRequest(input_image="/photos/a.jpg", reference_image="/photos/b.jpg", output_format="png"),
    ],
)
def test_an_item_comes_back_as_it_went(request_: Any) -> None:
    item = BatchItem("sub/12.png", request_, names="{row.name}", fields={"name": "Ann"})
    text = to_arguments(item, "summer")
    assert json.loads(text)["batch"] == "summer"
    assert item_of(text) == item


def test_paths_become_whole(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    request = EditRequest(images=[Path("a.jpg"), "sub/b.jpg", "/c.jpg"])
    assert item_of(to_arguments(BatchItem("a", request), "")).request.images == (  # type: ignore[union-attr] # an edit's
        str(tmp_path / "a.jpg"),
        str(tmp_path / "sub" / "b.jpg"),
        "/c.jpg",
    )


class Picture:
    mode, size = "RGB", (1, 1)

    def save(self, *_: Any) -> None: ...


@pytest.mark.parametrize(
    ("photo", "words"),
    [
        (b"\xff\xd8canary", "got bytes"),
        (bytearray(b"canary"), "got bytearray"),
        (Picture(), "got Picture"),
        ("data:image/png;base64,Y2FuYXJ5", "got a data URI"),
        ("DATA:image/png;base64,Y2FuYXJ5", "got a data URI"),
        ("https://cdn.example/a.jpg?X-Amz-Signature=canary", "got a signed one"),
        ("https://cdn.example/a.jpg?Expires=1&Signature=canary&Key-Pair-Id=x", "got a signed one"),
        ("https://account.blob.core.windows.net/a.jpg?sv=1&sig=canary", "got a signed one"),
        ("https://cdn.example/a.jpg?access_token=canary", "got a signed one"),
        ("https://cdn.example/a.jpg?apikey=canary", "got a signed one"),
        ("https://ann:canary@photos.example/a.jpg", "without user and password"),
        ("https://[canary/a.jpg", "got something else"),
        ("a\0canary.jpg", "got a NUL"),
        ("a\udcff.jpg", "expected what JSON can hold"),
    ],
)
def test_what_is_no_reference_is_refused(photo: Any, words: str) -> None:
    with pytest.raises(InputError, match="item 'me'") as caught:
        to_arguments(BatchItem("me", EnhanceRequest(image=photo)), "")
    assert words in str(caught.value)
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize("query", ["", "?w=1024", "?design=2&v=3&key=photos", "?monkey=1&signal=2"])
def test_a_link_that_opens_by_itself_travels(query: str) -> None:
    link = f"https://photos.example/a.jpg{query}"
    assert json.loads(to_arguments(BatchItem("me", EnhanceRequest(image=link)), ""))["item"]["request"]["image"] == link


@pytest.mark.parametrize("item", ["a.jpg", None, BatchItem("a", "a.jpg")])  # type: ignore[arg-type] # what is tested
def test_what_is_no_item_is_refused(item: Any) -> None:
    with pytest.raises(InputError, match="expected BatchItems"):
        to_arguments(item, "")


def test_fields_that_json_cannot_hold_are_refused() -> None:
    with pytest.raises(InputError, match="expected what JSON can hold"):
        to_arguments(BatchItem("a", GenerateRequest(prompt="p", extra={"a": object()})), "")


def test_what_a_newer_client_asks_for_is_never_left_out() -> None:
    argument = json.loads(to_arguments(BatchItem("a", GenerateRequest(prompt="boat")), ""))["item"]
    newer = argument | {"request": argument["request"] | {"negative_prompt": "no sea"}}
    with pytest.raises(InputError, match="a newer phota_async wrote them"):
        from_argument(newer)
    odds: list[Any] = [{}, [], None, argument | {"request": {"operation": "paint"}}]
    for odd in odds:
        with pytest.raises(InputError, match="expected an item"):
            from_argument(odd)


def test_items_of_one_batch_are_told_apart() -> None:
    keys, prompts = ("b", "ab", "x" * 5000), ("boat", "sea")
    items = [BatchItem(key, GenerateRequest(prompt=prompt)) for key in keys for prompt in prompts]
    locks = {lock_of(to_arguments(item, batch)) for batch in ("", "a", "ab") for item in items * 2}
    assert len(locks) == 18
    assert max(map(len, locks)) < 100  # an index holds no long ones


# Waits


def undone(error: Any, status: Any = "failed") -> NotDoneError:
    outcome = outcome_of(BatchItem("boat", GenerateRequest(prompt="canary")), status, error=error)
    with pytest.raises(NotDoneError, match="boat: ") as caught:
        check_done(outcome)
    return caught.value


@pytest.mark.parametrize("status", ["done", "skipped"])
def test_what_ended_well_is_told(status: Any) -> None:
    assert check_done(outcome_of(BatchItem("a", GenerateRequest()), status)) == status


def test_waits_grow_and_end() -> None:
    random.seed(7)
    error = undone(RateLimitError(429, ""))
    waits = [delay_before_next(error, deliveries) for deliveries in range(MOST)]
    assert waits[-1] is None
    for number, wait in enumerate(waits[:-1]):
        most = min(LONGEST, 2.0**number)
        assert wait is not None
        assert most / 2 <= wait <= most


@pytest.mark.parametrize(
    "error",
    [LedgerError("away"), undone(LedgerError("away")), undone(AuthenticationError(401, ""))],
    ids=["store", "outcome", "key"],
)
def test_what_strikes_every_item_is_tried_until_somebody_mends_it(error: Exception) -> None:
    for deliveries in (0, MOST, 10**9):
        wait = delay_before_next(error, deliveries)
        assert wait is not None
        assert 0 < wait <= LONGEST


@pytest.mark.parametrize("error", [undone(InputError("no photo")), RuntimeError("a bug"), KeyError("a")])
def test_what_would_fail_again_is_not_delivered_again(error: Exception) -> None:
    assert delay_before_next(error, 0) is None


@pytest.mark.parametrize(
    ("prompt", "words", "is_told"),
    [
        ("a canary at the sea", "we refuse 'a canary at the sea'", False),
        ("a canary at the sea", "not allowed: canary at the...", False),
        ("sea", "no sea, please", False),
        ("sea", "season is over", True),
        ("a canary at the sea", "no face was found", True),
        ("", "no face was found", True),
    ],
)
def test_what_the_service_says_is_told_unless_it_repeats_the_prompt(prompt: str, words: str, is_told: bool) -> None:
    error = BadRequestError(400, words)
    with pytest.raises(NotDoneError) as caught:
        check_done(outcome_of(BatchItem("boat", GenerateRequest(prompt=prompt)), "failed", error=error))
    assert (words in str(caught.value)) is is_told
    assert str(caught.value).startswith("boat: failed: ")
    assert "400" in str(caught.value)
    logged = "".join(traceback.format_exception(caught.value))
    assert (words in logged) is is_told
    assert caught.value.cause is error


def test_an_item_of_a_worker_that_ends_goes_on_at_once() -> None:
    assert delay_before_next(asyncio.CancelledError(), 10**9) == 0


# Lasting


@virtual_time
async def test_what_breaks_off_begins_again_after_waits_that_grow(caplog: pytest.LogCaptureFixture) -> None:
    begun = list[float]()

    async def start() -> None:
        begun.append(now())
        if len(begun) % 2:
            raise OSError("broken\nDETAIL: values")
        if len(begun) == 14:
            await asyncio.sleep(3600)

    task = asyncio.create_task(run_again(start, OSError))
    await asyncio.sleep(3700)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    waits = [later - earlier for earlier, later in pairwise(begun)]
    assert waits[:5] == pytest.approx([0.2, 0.4, 0.8, 1.6, 3.2], abs=0.01)
    assert waits[5:13] == pytest.approx([5.0] * 8, abs=0.01)
    assert waits[13] == pytest.approx(3600.2, abs=0.01)  # it had begun well
    assert "begins again: broken" in caplog.text
    assert "values" not in caplog.text


@virtual_time
async def test_an_error_at_the_end_does_not_hide_that_it_is_the_end() -> None:
    starts = 0

    async def start() -> None:
        nonlocal starts
        starts += 1
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            raise OSError("the server is away") from None

    task = asyncio.create_task(run_again(start, OSError))
    await asyncio.sleep(1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert starts == 1


async def test_other_errors_are_raised() -> None:
    async def start() -> None:
        raise KeyError("a bug")

    with pytest.raises(KeyError):
        await run_again(start, OSError)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_it_gracefully(number: int) -> None:
    ended = list[str]()

    async def main() -> None:
        try:
            os.kill(os.getpid(), number)
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            await asyncio.sleep(0)
            ended.append("gracefully")
            raise

    await until_told(main())
    assert ended == ["gracefully"]
    assert signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler)


async def test_a_cancelled_caller_waits_for_the_end() -> None:
    ended = list[str]()

    async def main() -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            await asyncio.sleep(0.01)
            ended.append("gracefully")
            raise

    task = asyncio.create_task(until_told(main()))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended == ["gracefully"]


# Strays


class Task(msgspec.Struct, frozen=True):
    id: int
    worker_id: int | None = 4


def test_a_task_that_nobody_is_at_twice_in_a_row_is_a_stray() -> None:
    under_way, one, two, three = UnderWay(), Task(1), Task(2), Task(3)
    with under_way.of(one):
        assert under_way.worker == 4
        assert under_way.strays_among([one, two]) == []  # it may just end
        assert under_way.strays_among([one, two, three]) == [two]
    assert under_way.strays_among([one, three]) == [three]
    assert under_way.strays_among([]) == []
    assert under_way.strays_among([one]) == []


@virtual_time
async def test_it_looks_for_strays_at_times_and_stops() -> None:
    under_way, looks = UnderWay(), list[float]()

    async def look() -> None:
        looks.append(now())

    async with under_way.looked_after(look, every=5):
        await asyncio.sleep(12)
        assert looks == []  # no worker has a number yet
        with under_way.of(Task(1)):
            await asyncio.sleep(10)
    await asyncio.sleep(60)
    assert len(looks) == 2


# The log


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        (
            "Job phota.item[12](batch='', item={'prompt': 'canary (x)'}) ended with status: Success, lasted 0.1 s",
            "Job phota.item[12] ended with status: Success, lasted 0.1 s",
        ),
        ("Starting job phota.item[12](batch='', item={'prompt': 'canary\n)'})", "Starting job phota.item[12]"),
        ("Starting job others[12](a=1)", "Starting job others[12](a=1)"),
    ],
)
def test_a_tasks_arguments_are_taken_out_of_a_record(message: str, shown: str) -> None:
    record = logging.LogRecord("procrastinate.worker", logging.INFO, "", 1, message, None, None)
    job = {"task_name": "phota.item", "id": 12, "task_kwargs": {"item": "canary"}, "call_string": "canary"}
    vars(record)["job"] = job
    assert WithoutArguments().filter(record) is True
    assert record.getMessage() == shown
    assert vars(record)["job"] == {"task_name": "phota.item", "id": 12}
