"""What goes where: results to standard output, everything else to standard error.

Whoever reads a stream may leave: then it leads nowhere, and what is under way goes on.
"""

import os
import sys
from contextlib import suppress
from typing import TextIO

import click

from .plain_text import clean_lines

LONGEST = 100_000  # characters of a line: what is told is shown whole


def result(line: str) -> None:
    """Write a line that programs read: a path, an id, a JSON object.

    Raises:
        BrokenPipeError: Nobody reads any more, and nothing is under way that has to be finished all the same.
    """
    if not offer(line):
        raise BrokenPipeError


def offer(line: str) -> bool:
    """Write a line as `result` does, in the middle of what goes on in any case; says whether somebody takes it."""
    if sys.stdout.isatty():
        line = clean_lines(line, LONGEST)  # a name may hold what moves the cursor
    return write(line.encode(errors="surrogateescape") + b"\n")  # a name that is not UTF-8 leaves as it is


def write(data: bytes) -> bool:
    """Write bytes to standard output; says whether somebody takes them."""
    stream = sys.stdout
    try:
        stream.flush()
        bare = getattr(stream, "buffer", None)
        if bare is None:  # what stands in for the terminal while something moves on it
            stream.write(data.decode(errors="surrogateescape"))
        else:
            bare.write(data)
            bare.flush()
    except OSError:
        _lead_nowhere(stream)
        return False
    return True


def say(line: str) -> None:
    """Write a line for people, or several; whatever names they repeat, a terminal is not moved by them."""
    try:
        click.echo(clean_lines(line, LONGEST), err=True)
    except OSError:
        _lead_nowhere(sys.stderr)


def can_ask() -> bool:
    """Whether somebody sits at a terminal to answer."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def can_draw() -> bool:
    """Whether standard error is a terminal that can move its cursor."""
    return sys.stderr.isatty() and os.environ.get("TERM") != "dumb"


def _lead_nowhere(stream: TextIO) -> None:
    """Let what is still written to a stream vanish, so that nothing fails for it, at the end of the program either."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
