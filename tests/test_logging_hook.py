"""Events become lines of a log: usual ones at a level of one's choice, worrying ones never below a warning."""

import logging
from collections.abc import Iterator
from typing import Any

import pytest

from phota_async import ClientConfig, GenerateRequest, PhotaClient, PhotaError, RetryPolicy
from phota_async.events import (
    BodyProgress,
    Deprecated,
    Event,
    JobChanged,
    OperationStarted,
    RequestFinished,
    RequestStarted,
    Throttled,
)
from phota_async.hooks import logging_hook
from phota_async.sandbox import Sandbox

POLL = RequestStarted(call_id=1, route="GET /jobs/{job_id}", is_poll=True)


@pytest.fixture
def records() -> Iterator[list[logging.LogRecord]]:
    """Listen to the hook's own logger, whatever others have set."""
    heard: list[logging.LogRecord] = []

    class Ear(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            heard.append(record)

    logger, ear = logging.getLogger("phota_async.events"), Ear()
    logger.addHandler(ear)
    logger.setLevel(logging.DEBUG)
    yield heard
    logger.removeHandler(ear)
    logger.setLevel(logging.NOTSET)


def lines(records: list[logging.LogRecord]) -> list[tuple[str, str]]:
    return [(record.levelname, record.getMessage()) for record in records]


def test_a_line_has_the_fields_that_say_something(records: list[logging.LogRecord]) -> None:
    hook = logging_hook()
    hook(RequestStarted(call_id=7, route="POST /edit"))
    hook(JobChanged(job_id="job-1", previous=None, status="queued"))

    assert lines(records) == [
        ("INFO", "RequestStarted call_id=7 route='POST /edit'"),
        ("INFO", "JobChanged job_id='job-1' status='queued'"),
    ]
    assert [record.event for record in records] == [  # type: ignore[attr-defined]  # put there by the hook
        RequestStarted(call_id=7, route="POST /edit"),
        JobChanged(job_id="job-1", previous=None, status="queued"),
    ]


@pytest.mark.parametrize(
    ("event", "level", "expected"),
    [
        (OperationStarted(call_id=1, operation="edit", mode="job"), logging.ERROR, "ERROR"),
        (OperationStarted(call_id=1, operation="edit", mode="job"), logging.DEBUG, "DEBUG"),
        (Throttled(call_id=1, route="POST /edit", seconds=2.0), logging.DEBUG, "WARNING"),
        (Throttled(call_id=1, route="POST /edit", seconds=2.0), logging.ERROR, "ERROR"),
        (Deprecated(call_id=None, route="POST /edit", date="2026-05-08"), logging.INFO, "WARNING"),
        (POLL, logging.WARNING, "DEBUG"),
        (
            BodyProgress(call_id=1, route="POST /edit", direction="sent", size=1, total=None),
            logging.INFO,
            "DEBUG",
        ),
    ],
)
def test_levels(event: Event, level: int, expected: str, records: list[logging.LogRecord]) -> None:
    logging_hook(level=level)(event)
    assert [record.levelname for record in records] == [expected]


def test_what_nobody_reads_is_not_written(records: list[logging.LogRecord]) -> None:
    logger = logging.getLogger("phota_async.events")
    logger.setLevel(logging.WARNING)
    hook = logging_hook(level=logging.INFO)
    for event in (POLL, RequestFinished(call_id=1, route="x", seconds=1.0, attempts=1, status=200, request_id=None)):
        hook(event)
    assert records == []


def test_a_logger_of_ones_own(records: list[logging.LogRecord], caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "mine"):
        logging_hook(logging.getLogger("mine"))(RequestStarted(call_id=7, route="POST /edit"))
    assert [record.name for record in caplog.records] == ["mine"]
    assert records == []


async def test_the_log_of_a_failed_call_has_no_secret(records: list[logging.LogRecord], tmp_path: Any) -> None:
    config = ClientConfig(retry=RetryPolicy(max_attempts=2, backoff=0))
    async with (
        Sandbox(time_scale=1000, picture_scale=1 / 16, api_key="phk_canary") as sandbox,
        PhotaClient("phk_canary", sandbox.base_url, config=config, hooks=[logging_hook()]) as client,
    ):
        sandbox.fail("POST /generate", status=503, times=2, headers={"Retry-After": "0"})
        with pytest.raises(PhotaError):
            await client.generate("a private wish")
        request = GenerateRequest(prompt="a private wish")
        await client.send(request, mode="job", save_to=tmp_path)

    text = "\n".join(line for _, line in lines(records))
    assert "OperationFailed" in text
    assert "ImageSaved" in text
    assert not [secret for secret in ("phk_canary", "private wish", "signature=") if secret in text]
