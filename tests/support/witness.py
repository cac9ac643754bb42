"""Keeps everything that a program says, shows and leaves behind, to search it for secrets.

A ``Witness`` hears log lines at DEBUG (everybody's, and asyncio's own in debug mode), hooks' events and spans from its
beginning, and is shown the rest: ``see`` for objects, ``see_error`` for errors, ``see_folder`` for files,
``see_peer`` for what another server heard. What a later layer leaves behind needs one more call of these.
"""

import asyncio
import copy
import logging
import pickle
import pprint
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, NamedTuple

import msgspec
import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from rich.pretty import pretty_repr
from rich.traceback import Traceback

from phota_async.events import Event, Hook
from phota_async.hooks import logging_hook
from phota_async.otel import TracingHook

from .canaries import LINKS, PRIVATE, SECRETS, Search
from .peer import Peer


class Sight(NamedTuple):
    """Something that was seen, where, and what it must not hold."""

    where: str
    data: bytes | str
    search: Search


class Witness:
    """Hears and sees, and tells in the end what it should not have.

    Usage::

        witness.see(client, result)
        witness.assert_discreet("RequestFinished")  # the events that must have been among what was told
    """

    def __init__(self, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.DEBUG)
        self._caplog = caplog
        self._exporter = InMemorySpanExporter()
        self.provider = TracerProvider(shutdown_on_exit=False)
        self.provider.add_span_processor(SimpleSpanProcessor(self._exporter))
        self.events: list[Event] = []
        self.hooks: list[Hook] = [self.events.append, logging_hook(level=logging.DEBUG), TracingHook(self.provider)]
        self.sights: list[Sight] = []

    # What is shown

    def see(self, *things: object, pickled: Search = LINKS, shown: Search = PRIVATE) -> None:
        """Look at objects as people and tools do; ``pickled`` is what their pickles and copies must not hold."""
        self.look_at(*things, shown=shown)
        for each in things:
            self._add("pickled", b"\n".join(_pickled(each)), pickled)

    def look_at(self, *things: object, shown: Search = PRIVATE) -> None:
        """Look at objects that nobody would store or copy."""
        for each in things:
            self._add("shown", "\n".join(_shown(each)), shown)
            self._add("attributes", "\n".join(_attributes(each)), SECRETS)

    def see_error(self, error: BaseException, *, pickled: Search = PRIVATE) -> None:
        """Look at an error and at what lies behind it; ``pickled`` is what its pickle must not hold."""
        for each in _chain(error):
            self.look_at(each.__dict__)
            self._add("error", f"{each!r} {each}", PRIVATE)
            self._add("pickled error", b"\n".join(_pickled(each)), pickled)
            self._add("plain traceback", "".join(traceback.format_exception(each)), PRIVATE)
            self._add("traceback with locals", "\n".join(_with_locals(each)), SECRETS)
        self._add("rich traceback", "\n".join(_rich(error)), SECRETS)

    def see_tasks(self) -> None:
        """Look at every task under way, down to the frames that other libraries wait in."""
        for task in asyncio.all_tasks():
            if not _is_ours_to_show(task.get_coro().cr_code):  # type: ignore[union-attr]  # a server's, which knows
                continue
            self._add("task", repr(task), PRIVATE)
            stack = traceback.StackSummary.extract(_frames(task), capture_locals=True)
            self._add("frames of a task", "".join(stack.format()), SECRETS)

    def see_folder(self, folder: Path, search: Search = LINKS) -> None:
        """Look at every file below a folder, its name too, byte for byte."""
        for path in sorted(folder.rglob("*")):
            self._add(f"name of {path.name}", str(path.relative_to(folder)), search)
            if path.is_file():
                self._add(f"file {path.name}", path.read_bytes(), search)

    def see_peer(self, *peers: Peer, search: Search = PRIVATE) -> None:
        """Look at every byte that another origin than the service's has heard."""
        for peer in peers:
            for each in peer.requests:
                self._add("sent elsewhere", each.head + each.body, search)

    def see_text(self, where: str, text: bytes | str, search: Search = PRIVATE) -> None:
        """Look at anything else."""
        self._add(where, text, search)

    def _add(self, where: str, data: bytes | str, search: Search) -> None:
        self.sights.append(Sight(where, data, search))

    # What was found

    def heard(self) -> Iterator[Sight]:
        """Yield events, spans and log lines."""
        for event in self.events:
            yield Sight("event", f"{event!r} {msgspec.json.encode(event)!r}", PRIVATE)
        for span in self._exporter.get_finished_spans():
            yield Sight("span", span.to_json(), PRIVATE)
        for record in self._caplog.records:
            yield Sight("log record", f"{record.getMessage()} {record.__dict__!r}", PRIVATE)
        yield Sight("log", self._caplog.text, PRIVATE)

    def findings(self) -> list[tuple[str, str]]:
        """Return where something was found, and what."""
        found = [(each.where, hit) for each in [*self.sights, *self.heard()] for hit in each.search.hits(each.data)]
        return sorted(set(found))

    def assert_discreet(self, *kinds: str) -> None:
        """Nothing was found; events of these kinds were among what was told."""
        assert {*kinds} <= {type(event).__name__ for event in self.events}
        found = self.findings()
        assert not found, "\n".join(f"{hit} in {where}" for where, hit in found[:20])


@pytest.fixture
def witness(caplog: pytest.LogCaptureFixture) -> Iterator[Witness]:
    """A witness of one test."""
    made = Witness(caplog)
    yield made
    made.provider.shutdown()


def log_everything() -> None:
    """Let the running event loop log each callback it runs, with its arguments."""
    loop = asyncio.get_running_loop()
    loop.set_debug(True)
    loop.slow_callback_duration = 0


def _shown(thing: object) -> Iterator[str]:
    """Yield every usual way to look at an object, and at what it is made of."""
    yield f"{thing!r} {thing} {thing!a}"
    yield pretty_repr(thing, max_width=100)
    yield pprint.pformat(thing)


def _attributes(thing: object) -> Iterator[str]:
    """Yield what an object is made of, as inspectors show it: they were asked to."""
    yield from (f"{name}={value!r}" for name, value in getattr(thing, "__dict__", {}).items())


def _pickled(thing: object) -> Iterator[bytes]:
    for protocol in (0, pickle.HIGHEST_PROTOCOL):
        try:
            yield pickle.dumps(thing, protocol)
        except Exception as refusal:  # noqa: BLE001 - whatever says that it cannot be pickled says it in words
            yield f"{refusal!r}".encode()
    try:
        yield repr(copy.deepcopy(thing)).encode()
    except Exception as refusal:  # noqa: BLE001
        yield f"{refusal!r}".encode()


def _chain(error: BaseException | None, seen: tuple[int, ...] = ()) -> Iterator[BaseException]:
    if error is None or id(error) in seen:
        return
    yield error
    inner = error.exceptions if isinstance(error, BaseExceptionGroup) else ()
    for each in (error.__cause__, error.__context__, *inner):
        yield from _chain(each, (*seen, id(error)))


def _with_locals(error: BaseException) -> Iterator[str]:
    for told in traceback.TracebackException.from_exception(error, capture_locals=True).stack:
        yield from (f"{name} = {value}" for name, value in (told.locals or {}).items())
    for frame, _ in traceback.walk_tb(error.__traceback__):
        yield from _contents(frame)


def _contents(frame: FrameType) -> Iterator[str]:
    """Yield what reporters make of local variables that look like mappings and sequences: each element's repr."""
    if not _is_ours_to_show(frame.f_code):
        return
    for value in list(frame.f_locals.values()):
        if hasattr(value, "items") and hasattr(value, "keys"):
            yield from (f"{name!r}: {each!r}" for name, each in list(value.items()))
        elif isinstance(value, (list, tuple)):
            yield from map(repr, value)


def _is_ours_to_show(code: CodeType) -> bool:
    return "support" not in code.co_filename


def _rich(error: BaseException) -> Iterator[str]:
    """Yield the local variables as rich shows them, long texts whole and shortened; colouring code takes too long."""
    limits: tuple[Any, ...] = (12, None)
    for longest in limits:
        trace = Traceback.extract(type(error), error, error.__traceback__, show_locals=True, locals_max_string=longest)
        for stack in trace.stacks:
            yield from (f"{name} = {node}" for frame in stack.frames for name, node in (frame.locals or {}).items())


def _frames(task: "asyncio.Task[Any]") -> Iterator[tuple[FrameType, int]]:
    """Yield a task's frames, those of all coroutines that it waits for."""
    awaited: Any = task.get_coro()
    while awaited is not None:
        frame = getattr(awaited, "cr_frame", None) or getattr(awaited, "ag_frame", None)
        if frame is not None:
            yield frame, frame.f_lineno
        awaited = getattr(awaited, "cr_await", None) or getattr(awaited, "ag_await", None)
