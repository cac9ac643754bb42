"""Spans as an exporter gets them: one a logical call, below the caller's, with its attempts and nothing private."""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode
from support.clients import KEY, Connect, Listen, connect, listen, quick
from support.peer import answer, by_path, json, reset, script, silence
from support.pictures import PHOTO, image_answer, job_answer, picture

from phota_async import Batch, BatchItem, GenerateRequest, NotFoundError, PhotaError
from phota_async.otel import TracingHook

__all__ = ["connect", "listen"]
REQUEST = GenerateRequest(prompt="a private wish")


class Traced:
    """A tracer whose spans are kept."""

    def __init__(self) -> None:
        self._exporter = InMemorySpanExporter()
        self.provider = TracerProvider(shutdown_on_exit=False)
        self.provider.add_span_processor(SimpleSpanProcessor(self._exporter))
        self.hook = TracingHook(self.provider)

    @property
    def spans(self) -> list[ReadableSpan]:
        return list(self._exporter.get_finished_spans())

    def only(self) -> ReadableSpan:
        [span] = self.spans
        assert repr(self.hook) == "<TracingHook 0 spans under way>"
        return span


@pytest.fixture
def traced() -> Iterator[Traced]:
    made = Traced()
    yield made
    made.provider.shutdown()


def events_of(span: ReadableSpan) -> list[tuple[str, dict[str, Any]]]:
    return [(event.name, dict(event.attributes or {})) for event in span.events]


async def test_one_span_for_a_call_with_its_attempts(listen: Listen, connect: Connect, traced: Traced) -> None:
    peer = await listen(
        answer(503, headers={"Retry-After": "0"}),
        answer(200, image_answer(PHOTO, PHOTO), {"X-Request-Id": "req-1"}),
    )

    await connect(peer, hooks=[traced.hook]).generate("a private wish")

    span = traced.only()
    route = "POST /generate"
    assert (span.name, span.kind, span.status.status_code) == ("phota generate", SpanKind.CLIENT, StatusCode.UNSET)
    assert dict(span.attributes or {}) == {
        "phota.operation": "generate",
        "phota.mode": "sync",
        "phota.attempts": 2,
        "phota.status": 200,
        "phota.request_id": "req-1",
        "phota.images": 2,
        "phota.bytes": 2 * len(PHOTO),
    }
    failed = {"phota.route": route, "phota.attempt": 1, "phota.error": "ServerError", "phota.status": 503}
    assert events_of(span) == [
        ("request", {"phota.route": route}),
        ("attempt failed", failed | {"phota.delay": 0.0}),
        ("throttled", {"phota.route": route, "phota.seconds": 0.0}),
    ]


async def test_a_job_is_one_span_whatever_it_takes(listen: Listen, connect: Connect, traced: Traced) -> None:
    peer = await listen()
    looks = script(
        answer(200, job_answer(status="running")),
        answer(200, job_answer(status="done", download_urls=[peer.link()])),
    )
    big = picture(200_300)
    submitted = answer(202, job_answer(status="queued"))
    peer.script = [by_path({"/generate": submitted, "/job-1": looks, ".jpg": answer(200, big)})]

    await connect(peer, hooks=[traced.hook]).send(REQUEST, mode="job")

    attributes = dict(traced.only().attributes or {})
    assert attributes["phota.job_id"] == "job-1"
    assert attributes["phota.bytes_received"] == attributes["phota.bytes"] == len(big)
    assert (attributes["phota.mode"], attributes["phota.images"], attributes["phota.status"]) == ("job", 1, 202)


async def test_a_call_that_is_no_operation(listen: Listen, connect: Connect, traced: Traced) -> None:
    peer = await listen(json({"profiles": []}, headers={"X-Request-Id": "req-2"}))

    await connect(peer, hooks=[traced.hook]).profiles.list()

    span = traced.only()
    assert span.name == "phota GET /profiles/ids"
    assert dict(span.attributes or {}) == {
        "phota.operation": "GET /profiles/ids",
        "phota.route": "GET /profiles/ids",
        "phota.attempts": 1,
        "phota.status": 200,
        "phota.request_id": "req-2",
    }


async def test_an_explicit_look_is_a_span_and_a_poll_is_none(listen: Listen, connect: Connect, traced: Traced) -> None:
    peer = await listen(json({"profile_id": "anna", "status": "READY"}))
    client = connect(peer, hooks=[traced.hook])

    await client.profiles.wait("anna")
    assert traced.spans == []
    await client.profiles.status("anna")
    assert traced.only().name == "phota GET /profiles/{profile_id}/status"


async def test_the_span_is_below_the_callers(listen: Listen, connect: Connect, traced: Traced) -> None:
    peer = await listen(answer(200, image_answer(PHOTO)))
    client = connect(peer, hooks=[traced.hook])
    tracer = traced.provider.get_tracer("mine")

    async def call(name: str) -> None:
        with tracer.start_as_current_span(name):
            await client.generate("a sea")

    await asyncio.gather(*(call(f"caller {number}") for number in range(5)))

    callers = {span.context.span_id: span for span in traced.spans if span.name.startswith("caller") and span.context}
    ours = [span for span in traced.spans if span.name == "phota generate"]
    assert {span.parent.span_id for span in ours if span.parent} == set(callers)
    assert len(ours) == len(callers) == 5
    for span in ours:
        assert span.parent
        assert span.context
        assert span.context.trace_id == span.parent.trace_id


async def test_a_lost_answer_is_an_error(listen: Listen, connect: Connect, traced: Traced) -> None:
    peer = await listen(reset())
    with pytest.raises(PhotaError):
        await connect(peer, hooks=[traced.hook]).generate("a private wish")

    span = traced.only()
    attributes = dict(span.attributes or {})
    assert (span.status.status_code, span.status.description) == (StatusCode.ERROR, "ResponseLostError")
    assert (attributes["error.type"], attributes["phota.charged"]) == ("ResponseLostError", "unknown")
    assert attributes["phota.attempts"] == 1


async def test_the_services_words_stay_out(listen: Listen, connect: Connect, traced: Traced) -> None:
    peer = await listen(json({"detail": "no such thing as a private wish", "request_id": "req-3"}, 404))
    with pytest.raises(NotFoundError, match="private wish"):
        await connect(peer, hooks=[traced.hook]).send(REQUEST)

    span = traced.only()
    assert dict(span.attributes or {})["phota.status"] == 404
    assert "private wish" not in span.to_json()


async def test_a_cancelled_call_ends_its_span(listen: Listen, connect: Connect, traced: Traced) -> None:
    peer = await listen(silence)
    running = asyncio.create_task(connect(peer, hooks=[traced.hook]).generate("a sea"))
    await peer.heard.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running

    assert traced.only().status.description == "CancelledError"


async def test_spans_hold_nothing_private(listen: Listen, connect: Connect, traced: Traced, tmp_path: Path) -> None:
    peer = await listen()
    done = job_answer(status="done", download_urls=[peer.link()])
    peer.script = [by_path({"/generate": answer(202, done), ".jpg": answer(200, PHOTO)})]

    await connect(peer, hooks=[traced.hook]).send(REQUEST, mode="job", save_to=tmp_path)

    text = traced.only().to_json()
    assert not [secret for secret in (KEY, "private wish", "s3cr3t", str(tmp_path)) if secret in text]


async def test_a_batch_makes_one_span_an_item(listen: Listen, connect: Connect, traced: Traced, tmp_path: Path) -> None:
    peer = await listen(answer(200, image_answer(PHOTO)))
    client = connect(peer, hooks=[traced.hook], config=quick())
    items = [BatchItem(str(number), GenerateRequest(prompt=str(number))) for number in range(6)]

    async with Batch(client, items, mode="sync", output=tmp_path, ledger=True) as outcomes:
        assert {outcome.status async for outcome in outcomes} == {"done"}

    assert [span.name for span in traced.spans] == ["phota generate"] * 6
    assert repr(traced.hook) == "<TracingHook 0 spans under way>"


def test_without_the_library_it_says_what_to_install() -> None:
    program = (
        "import sys\n"
        "sys.modules['opentelemetry.trace'] = None\n"
        "from phota_async import PhotaError\n"
        "try: import phota_async.otel\n"
        "except PhotaError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == 'tracing needs opentelemetry-api; pip install "phota-async[otel]"'
