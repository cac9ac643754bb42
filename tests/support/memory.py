"""Folders in memory, where the system has a place for them: what syncs at each of thousands of steps is quick there."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .steps import end_threads

PLACE = Path("/dev/shm")  # Linux's


@contextmanager
def folder_in_memory() -> Iterator[Path]:
    """Give an empty folder on a file system in memory, or in the usual place for temporary files."""
    with tempfile.TemporaryDirectory(dir=PLACE if PLACE.is_dir() else None) as made:
        try:
            yield Path(made)
        finally:
            end_threads()  # one may be making a file there, whoever waited for it
