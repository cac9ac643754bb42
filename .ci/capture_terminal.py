"""Draw what a terminal shows: run a command on a real one, and write its last screen as SVG.

    uv run --with pyte python .ci/capture_terminal.py --rows 24 --until "time left" out.svg -- phota enhance ...

Without ``--until`` the screen is that of the command's end; with it, the first one on which the text stands, and then
the command is interrupted as by Ctrl-C. ``--answer TEXT`` types a line as soon as the command asks.
"""

import argparse
import fcntl
import os
import pty
import select
import signal
import struct
import sys
import termios
import time
from pathlib import Path

import pyte
from rich.console import Console
from rich.style import Style
from rich.text import Text

LONGEST = 120.0  # seconds


def main() -> None:
    """Run, watch and draw."""
    options = parse()
    screen = watch(options)
    draw(screen, options.command, Path(options.picture), after=options.shown)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("picture")
    parser.add_argument("--columns", type=int, default=96)
    parser.add_argument("--rows", type=int, default=24)
    parser.add_argument("--until")
    parser.add_argument("--answer")
    parser.add_argument("--shown", help="the command as it is shown after the prompt")
    parser.add_argument("command", nargs=argparse.REMAINDER)
    options = parser.parse_args()
    options.command = options.command[1:] if options.command[:1] == ["--"] else options.command
    return options


def watch(options: argparse.Namespace) -> pyte.Screen:
    """Return the screen as it was at the end, or when the text stood on it."""
    screen = pyte.Screen(options.columns, options.rows)
    stream = pyte.ByteStream(screen)
    child, master = pty.fork()
    if child == 0:
        os.environ.update(TERM="xterm-256color", COLUMNS=str(options.columns), LINES=str(options.rows))
        os.environ.pop("CI", None)
        os.execvp(options.command[0], options.command)  # noqa: S606 - no shell is wanted
    fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", options.rows, options.columns, 0, 0))
    end, answer = time.monotonic() + LONGEST, options.answer
    while time.monotonic() < end and (data := read(master)) is not None:
        stream.feed(data)
        text = "\n".join(screen.display)
        if answer is not None and "[y/N]" in text:
            os.write(master, answer.encode() + b"\n")
            answer = None
        if options.until and options.until in text:
            os.kill(child, signal.SIGINT)
            break
    return screen


def read(master: int) -> bytes | None:
    """Return what was written, and ``None`` at the end."""
    if not select.select([master], [], [], 1.0)[0]:
        return b""
    try:
        return os.read(master, 65536) or None
    except OSError:
        return None


def draw(screen: pyte.Screen, command: list[str], picture: Path, *, after: str | None) -> None:
    console = Console(record=True, width=screen.columns, force_terminal=True, file=open(os.devnull, "w"))  # noqa: SIM115, PTH123
    console.print(Text.assemble(("$ ", "bold green"), (after or " ".join(command), "bold")))
    lines = [line_of(screen, number) for number in range(screen.lines)]
    while lines and not lines[-1].plain.strip():
        lines.pop()
    for line in lines:
        console.print(line, no_wrap=True, overflow="crop")
    picture.write_text(console.export_svg(title="phota"), encoding="utf-8")


def line_of(screen: pyte.Screen, number: int) -> Text:
    line = Text()
    for column in range(screen.columns):
        cell = screen.buffer[number][column]
        line.append(cell.data or " ", Style(color=colour(cell.fg), bold=cell.bold, dim=getattr(cell, "dim", False)))
    line.rstrip()
    return line


def colour(name: str) -> str | None:
    if name == "default":
        return None
    if len(name) == 6 and all(digit in "0123456789abcdef" for digit in name.lower()):  # noqa: PLR2004
        return f"#{name}"
    return {"brown": "yellow", "brightbrown": "bright_yellow"}.get(name, name.replace("bright", "bright_"))


if __name__ == "__main__":
    sys.exit(main())
