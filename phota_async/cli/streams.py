"""What goes where: results to standard output, everything else to standard error."""

import os
import sys

import click


def result(line: str) -> None:
    """Write a line that programs read: a path, an id, a JSON object."""
    click.echo(line)


def say(line: str) -> None:
    """Write a line for people."""
    click.echo(line, err=True)


def can_ask() -> bool:
    """Whether somebody sits at a terminal to answer."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def can_draw() -> bool:
    """Whether standard error is a terminal that can move its cursor."""
    return sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
