"""Disks that are full: a small one in memory where the system lets us mount it, or a limit on the size of files."""

import contextlib
import os
import resource
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, Protocol

PAGE = 4096  # bytes
SIZE = 1024 * 1024  # bytes of the small disk


class Disk(Protocol):
    """A folder, and a way to leave little room in it."""

    folder: Path

    def leaving(self, size: int) -> contextlib.AbstractContextManager[None]:
        """Leave only so many bytes."""
        ...


class SmallDisk:
    """A file system of its own, whose room is taken by a file."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @contextmanager
    def leaving(self, size: int) -> Iterator[None]:
        ballast = self.folder / "ballast"
        details = os.statvfs(self.folder)
        ballast.write_bytes(bytes(max(0, details.f_bavail * details.f_frsize - size)))
        try:
            yield
        finally:
            ballast.unlink()


class FileLimit:
    """A folder whose files may not be larger than some size: where nothing can be mounted."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @contextmanager
    def leaving(self, size: int) -> Iterator[None]:
        before, most = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, most))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (before, most))


@contextmanager
def full_disk(folder: Path, kind: Literal["disk", "limit"]) -> Iterator[Disk]:
    """Give a disk that can be filled; without the right to mount one, a limit."""
    command = ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(folder)]
    mounts = kind == "disk" and subprocess.run(command, capture_output=True, check=False).returncode == 0
    try:
        yield SmallDisk(folder) if mounts else FileLimit(folder)
    finally:
        if mounts:
            subprocess.run(["umount", "--lazy", str(folder)], check=True)
