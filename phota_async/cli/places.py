"""Where a run's pictures go: a folder, a file's name, or standard output."""

import os
from pathlib import Path

import click
import msgspec

from phota_async.batch.sinks import is_bucket
from phota_async.batch.templates import literal
from phota_async.media.formats import KNOWN_SUFFIXES
from phota_async.runs.paths import from_text

from .run_options import PIPE, RunOptions
from .settings import load_settings, state_folder
from .usual import DEFAULT


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where pictures go."""

    folder: Path
    """The batch's output."""
    stem: str | None = None
    """The name that the one picture gets; ``None`` where names are made."""
    is_pipe: bool = False
    """Whether the picture is written to standard output too."""

    def template(self, *, is_numbered: bool) -> str:
        """Return the template for the name that was asked for, ``""`` where none was."""
        if self.stem is None:
            return ""
        return f"{literal(self.stem)}{'-{k}' if is_numbered else ''}.{{ext}}"


def place_of(options: RunOptions) -> Place:
    """Return where the pictures of a run go.

    Raises:
        click.UsageError: One file's name, or standard output, for what may be several pictures.
    """
    if options.out is None or is_bucket(options.out):  # what is in a bucket lies in no folder
        return Place(folder=Path(DEFAULT).absolute())
    if options.out == PIPE:
        _check_single(options)
        return Place(folder=_pipe_folder(options), is_pipe=True)
    path = Path(from_text(options.out))
    if path.suffix.lower() not in KNOWN_SUFFIXES or path.is_dir():
        if path.exists() and not path.is_dir():
            raise click.UsageError(f"-o {shown(path)} is a file, and no photo's name: give a folder")
        return Place(folder=path)
    _check_single(options)
    if options.name is not None:
        raise click.UsageError("-o gives the picture's name already: leave --name out, or give a folder")
    return Place(folder=path.parent, stem=path.stem)


def shown(path: Path) -> str:
    """Return a path as people want to see it: short where it lies below the current folder."""
    try:
        return str(path.relative_to(Path.cwd()))
    except (ValueError, OSError):
        return str(path)


def _pipe_folder(options: RunOptions) -> Path:
    """Return where pictures that go through a pipe are kept; made, and its owner's alone."""
    state = state_folder(load_settings(options.account))
    state.mkdir(mode=0o700, parents=True, exist_ok=True)
    return state / "pipe"


def _check_single(options: RunOptions) -> None:
    if options.manifest is not None or len(options.sources) > 1 or any(map(_is_folder, options.sources)):
        raise click.UsageError("-o takes one picture's name, or -, for a single photo only: give a folder")


def _is_folder(source: str) -> bool:
    return os.path.isdir(from_text(source))  # noqa: PTH112 - links are no paths
