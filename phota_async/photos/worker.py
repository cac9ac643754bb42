"""A worker process: decodes one photo after the other for its parent, and dies with it.

Two things end it when the parent is gone, killed or not: the kernel's signal where there is one (Linux), which also
reaches a decoder that never returns, and the end of the pipe that the questions come through.
"""

import os
import queue
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from ..errors import ConfigError, PhotaError
from . import wire
from .loading import Photo, identified, read
from .measuring import measured
from .preparing import by_decoding

PR_SET_PDEATHSIG, PR_SET_DUMPABLE = 1, 4  # Source: linux/prctl.h


def main() -> None:
    """Answer questions from standard input on standard output until the parent is gone."""
    follow(int(sys.argv[1]))
    questions, answers = _own_pipes()
    waiting: queue.SimpleQueue[tuple[bytes, bytes]] = queue.SimpleQueue()
    threading.Thread(target=listen, args=(questions, waiting.put), daemon=True).start()
    serve(waiting.get, answers)


def listen(questions: BinaryIO, put: Callable[[tuple[bytes, bytes]], None]) -> None:
    """Take questions while the main thread works, so that the parent's end is noticed at once."""
    try:
        while True:
            put(wire.read(questions))
    except (EOFError, OSError):
        os._exit(0)


def serve(get: Callable[[], tuple[bytes, bytes]], answers: BinaryIO) -> None:
    """Answer one question after the other."""
    while True:
        head, body = answer(*get())
        try:
            answers.write(wire.pack(head, len(body)))
            answers.write(body)
            answers.flush()
        except OSError:  # nobody listens any more
            os._exit(0)


def follow(parent: int) -> None:
    """Ask the kernel to kill this process when its parent ends; elsewhere the pipe has to do."""
    if sys.platform != "linux":
        return
    import ctypes  # noqa: PLC0415 - only here

    system = ctypes.CDLL(None)
    system.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    system.prctl(PR_SET_DUMPABLE, 0)  # a decoder that crashes leaves no core file with somebody's photo in it
    if os.getppid() != parent:  # it was gone before we asked
        os._exit(0)


def _own_pipes() -> tuple[BinaryIO, BinaryIO]:
    """Keep the pipes to ourselves: what a decoder prints must not become an answer."""
    questions, answers = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(nothing, 1)
    return os.fdopen(questions, "rb"), os.fdopen(answers, "wb")


def answer(head: bytes, body: bytes) -> tuple[wire.Answer, bytes]:
    """Do what is asked; whatever goes wrong becomes an answer."""
    question = wire.decode_question(head)
    label = wire.to_text(question.label)
    try:
        data = body if question.path is None else read(Path(os.fsdecode(question.path)), label)
        return _done(identified(data, label), question)
    except PhotaError as error:
        problem, is_setting = wire.to_bytes(error.sentence()), isinstance(error, ConfigError)
        return wire.Answer(problem=problem, hint=error.hint, is_setting=is_setting), b""
    except Exception as error:  # noqa: BLE001 - a bug of ours must not end the worker without a word
        return wire.Answer(problem=wire.to_bytes(f"{label}: {type(error).__name__}: {error}")), b""


def _done(photo: Photo, question: wire.Question) -> tuple[wire.Answer, bytes]:
    if question.options is None:
        return wire.Answer(measures=measured(photo)), b""
    prepared = by_decoding(photo, question.options)
    return wire.Answer(format=prepared.format, size=prepared.size), prepared.data
