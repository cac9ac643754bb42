"""Ask a person on the terminal, so that Ctrl-C is heard at any moment.

A blocking read is not enough: of a signal that comes just before it Python hears only when a line was typed.
"""

import os
import select
import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TypeVar

import click

from .plain_text import clean_lines

T = TypeVar("T")

YES_OR_NO = {"y": True, "yes": True, "n": False, "no": False, "": False}


def confirm(question: str) -> None:
    """Get a yes.

    Raises:
        click.Abort: The answer is no, or there is none.
    """
    if not choose(f"{question} [y/N]", YES_OR_NO):
        raise click.Abort


def choose(question: str, answers: Mapping[str, T]) -> T:
    """Ask until the answer is one of those that there are, and return what it stands for.

    Raises:
        click.Abort: There is none: Ctrl-C, or the end of the input.
    """
    while True:
        answer = _line(f"{question}: ").strip().lower()
        if answer in answers:
            return answers[answer]
        click.echo(f"expected {' or '.join(filter(None, answers))}", err=True)


def _line(question: str) -> str:
    click.echo(clean_lines(question), nl=False, err=True)
    try:
        _wait_for_input()
        line = sys.stdin.readline()
    except KeyboardInterrupt:
        line = ""
    if not line:
        click.echo(err=True)  # the next line begins at its own place
        raise click.Abort
    return line


def _wait_for_input() -> None:
    """Wait until there is something to read, or a signal."""
    if not sys.stdin.isatty() or sys.platform == "win32":
        return
    with _woken_by_signals() as woken:
        select.select([sys.stdin, woken], [], [])


@contextmanager
def _woken_by_signals() -> Iterator[int]:
    """Yield what can be read from as soon as a signal has come."""
    woken, wakes = os.pipe()
    os.set_blocking(wakes, False)
    earlier = signal.set_wakeup_fd(wakes)
    try:
        yield woken
    finally:
        signal.set_wakeup_fd(earlier)
        os.close(woken)
        os.close(wakes)
